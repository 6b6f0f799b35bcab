/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust policies with other principals in them.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* What stands in the place of a principal of kind AWS; NULL: it stays. */
typedef const char *policy_principal_fn(void *arg, struct span principal);

/*
 * The text with every principal of kind AWS, NotPrincipal included, as fn wants it; all else stays
 * as it was written.  ERR_INVALID: not JSON.
 */
int policy_rewrite(
    struct buf *out, struct span text, policy_principal_fn *fn, void *arg) MUST_USE;
