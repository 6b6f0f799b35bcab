/* SPDX-License-Identifier: Apache-2.0 */
/* See reserve.h. */
#include "server/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/log.h"
#include "ev/ev.h"
#include "store/store.h"

enum {
	LOOK_MS = 1000,
	PLENTY = 4, /* times the reserve must be free before it is made again */
};

struct reserve {
	struct ev_loop *loop;
	struct store *store;
	char *path;
	struct ev_timer timer;
	bool kept;
	bool told; /* that it cannot be made */
};

static bool
is_plenty(int fd)
{
	struct statvfs st;

	return fstatvfs(fd, &st) == 0 &&
	    (uint64_t)st.f_bavail * st.f_frsize >= (uint64_t)PLENTY * RESERVE_BYTES;
}

static bool
is_there(const struct reserve *r)
{
	struct stat st;

	return stat(r->path, &st) == 0 && st.st_size >= RESERVE_BYTES;
}

static void
make(struct reserve *r)
{
	int fd = open(r->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int e = fd == -1 ? errno : ENOSPC;

	if (fd != -1 && is_plenty(fd))
		e = posix_fallocate(fd, 0, RESERVE_BYTES);
	if (fd != -1)
		close(fd);
	r->kept = e == 0;
	if (e == 0)
		log_info("space is kept for a full disk", "path=%s bytes=%d",
		    log_q(r->path), RESERVE_BYTES);
	else if (!r->told)
		log_warn("no space is kept for a full disk", "path=%s why=%s",
		    log_q(r->path), log_q(strerror(e)));
	r->told = e != 0;
	if (e != 0)
		(void)unlink(r->path);
}

static void
look(void *arg)
{
	struct reserve *r = arg;
	bool full = store_is_full(r->store);

	if (full && r->kept) {
		r->kept = false;
		r->told = true; /* the next line says it */
		if (unlink(r->path) == 0)
			log_error("the disk is full", "released=%s bytes=%d next=%s",
			    log_q(r->path), RESERVE_BYTES, "\"make room\"");
	} else if (!full && !r->kept) {
		make(r);
	}
	ev_timer_set(r->loop, &r->timer, LOOK_MS, look, r);
}

struct reserve *
reserve_new(struct ev_loop *l, struct store *st, const char *path)
{
	struct reserve *r;

	if (path == NULL)
		return NULL;
	r = xcalloc(1, sizeof(*r));
	r->loop = l;
	r->store = st;
	r->path = xstrdup(path);
	r->kept = is_there(r);
	look(r);
	return r;
}

void
reserve_free(struct reserve *r)
{
	if (r == NULL)
		return;
	ev_timer_clear(&r->timer);
	free(r->path);
	free(r);
}

bool
reserve_is_released(const struct reserve *r)
{
	return r != NULL && !r->kept;
}
