/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Percent encoding, request targets, form bodies and absolute URLs.  RFC 3986.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

enum { QUERY_PAIRS_MAX = 2000 }; /* ours, for queries and forms; more is ERR_LIMIT */

/* Encodes all but A-Z a-z 0-9 - _ . ~ (and '/' when keep_slash). */
void uri_encode(struct buf *out, struct span s, bool keep_slash);
/* Decodes %XX, and '+' as blank when plus is set.  ERR_INVALID on a bad escape or a NUL.
 */
int uri_decode(struct buf *out, struct span s, bool plus) MUST_USE;

/* Splits "path?query"; query is empty when there is no '?'. */
void uri_split_target(struct span target, struct span *path, struct span *query);

/* "scheme://host[:port][/path?query]"; host without brackets; port 0 when absent. */
struct url {
	char scheme[8];
	char host[256];
	uint16_t port;
	struct span target; /* "/..." or empty; points into the input */
};
int url_parse(struct url *u, struct span s, struct fault *f) MUST_USE;

struct query_pair {
	char *name; /* decoded, NUL-terminated, in the arena */
	char *value;
};

struct query {
	struct query_pair *pairs;
	size_t n;
};

/* Parses a=b&c=d (form bodies and query strings; '+' is a blank). */
int query_parse(struct query *q, struct arena *mem, struct span s) MUST_USE;
const char *query_get(const struct query *q, const char *name); /* first, or NULL */
