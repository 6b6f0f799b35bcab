/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Canonical requests of SigV4 and the string that is signed; private to sigv4*.c.
 */
#pragma once

#include "proto/sigv4.h"

#define SIGV4_ALGORITHM  "AWS4-HMAC-SHA256"
#define SIGV4_TERMINATOR "aws4_request"
#define SIGV4_UNSIGNED   "UNSIGNED-PAYLOAD"

/* How the path on the wire becomes the canonical URI. */
enum canon_path {
	CANON_PATH_RAW,          /* S3: as sent */
	CANON_PATH_RECODED,      /* S3: decoded and encoded again, the same key */
	CANON_PATH_TWICE,        /* others: as sent, encoded once more */
	CANON_PATH_NORMAL_TWICE, /* others: dot segments and "//" folded first */
};

/* What goes into a canonical request besides the request. */
struct canon {
	const struct sigv4_request *r;
	char *const *names; /* signed headers: lower case, sorted */
	size_t nnames;
	enum canon_path path;
	struct span payload_hash; /* the last line */
};

struct canon_scope {
	const char *amz_date;
	const char *date;
	const char *region;
	const char *service;
	const char *terminator;
};

/* The canonical request, NUL-terminated; ERR_INVALID on a bad escape, ERR_LIMIT. */
int canon_request(char **out, const struct canon *c, struct arena *mem) MUST_USE;
char *canon_string_to_sign(
    const char *request, const struct canon_scope *s, struct arena *mem);

/* The n-th (from 0) header called name, case folded; p is NULL when there is none. */
struct span canon_header(const struct sigv4_request *r, const char *name, size_t n);
char *canon_lower(struct span name, struct arena *mem);
bool canon_has_header(const struct sigv4_request *r, const char *name);

/* The key of a scope; ERR_INVALID for an empty secret or one of more than 256 bytes. */
int canon_key(uint8_t key[32], struct span secret, const struct canon_scope *s) MUST_USE;
/* The signature of a text, 64 hex digits. */
void canon_sign(char out[65], const uint8_t key[32], const char *text);
