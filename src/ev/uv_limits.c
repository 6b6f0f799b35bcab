/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limit of open descriptors.  Programs are started with a low one because select() knows
 * no more than 1024; we poll, and each connection is a descriptor.  What we start is not
 * ours to judge, so it gets the limit back.
 */
#include "ev/backend.h"

#include <sys/resource.h>

#include "ev/uv_backend.h"

static struct rlimit inherited; /* rlim_max 0: not raised */

int64_t
ev_descriptors_raise(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) != 0)
		return -1;
	if (lim.rlim_cur < lim.rlim_max) {
		inherited = lim;
		lim.rlim_cur = lim.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
	}
	if (getrlimit(RLIMIT_NOFILE, &lim) != 0)
		return -1;
	return lim.rlim_cur > INT32_MAX ? INT32_MAX : (int64_t)lim.rlim_cur;
}

/* Between fork and exec. */
void
evu_descriptors_restore(void)
{
	if (inherited.rlim_max != 0)
		(void)setrlimit(RLIMIT_NOFILE, &inherited);
}
