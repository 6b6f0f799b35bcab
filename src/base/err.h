/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Result codes and people-facing causes.
 *
 * A fallible function returns int: 0 or one ERR_* from the list below.  Where a
 * person will want to know why, the last parameter is a struct fault, set once at
 * the source and passed up untouched.
 */
#pragma once

#include "base/base.h"

#define ERR_LIST(X)                                       \
	X(ERR_INVALID, -1, "invalid input")               \
	X(ERR_AGAIN, -2, "not ready yet")                 \
	X(ERR_LIMIT, -3, "limit exceeded")                \
	X(ERR_NOTFOUND, -4, "not found")                  \
	X(ERR_DENIED, -5, "access denied")                \
	X(ERR_EXISTS, -6, "already exists")               \
	X(ERR_CLOSED, -7, "closed")                       \
	X(ERR_TIMEOUT, -8, "timed out")                   \
	X(ERR_IO, -9, "input or output failed")           \
	X(ERR_REFUSED, -10, "connection refused")         \
	X(ERR_RESOLVE, -11, "name does not resolve")      \
	X(ERR_TLS, -12, "TLS failed")                     \
	X(ERR_PROTOCOL, -13, "protocol violation")        \
	X(ERR_EXPIRED, -14, "expired")                    \
	X(ERR_CONFLICT, -15, "conflict")                  \
	X(ERR_SIGNATURE, -16, "signature does not match") \
	X(ERR_UNSUPPORTED, -17, "not supported")          \
	X(ERR_STORE, -18, "store failed")                 \
	X(ERR_CANCELLED, -19, "cancelled")                \
	X(ERR_INTERNAL, -20, "internal error")

enum {
#define X(name, val, text) name = val,
	ERR_LIST(X)
#undef X
};

/* The words for a code; never NULL. */
const char *err_text(int code);

/* The ERR_* that fits an errno of connect/open/read and the like. */
int err_from_errno(int e);

struct fault {
	int code;
	char text[400]; /* one line, safe to show, no secrets */
};

/* Fills *f (which may be NULL) and returns code: "return fault_set(f, ERR_X, ...)". */
int fault_set(struct fault *f, int code, const char *fmt, ...) PRINTF(3, 4);

/* The text of *f, or the general words for its code when none was set. */
const char *fault_text(const struct fault *f);
