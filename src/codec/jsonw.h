/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streaming JSON writer into a struct buf: commas and escapes in one place.
 *
 *	jw_open(&w, '{'); jw_key(&w, "SessionId"); jw_str(&w, id); jw_close(&w, '}');
 *
 * Invalid UTF-8 becomes U+FFFD.  Errors stick in the buffer (buf_check).
 */
#pragma once

#include "base/buf.h"

struct jsonw {
	struct buf *out;
	bool comma; /* a comma is due before the next value or key */
};

void jw_init(struct jsonw *w, struct buf *out);
void jw_open(struct jsonw *w, char c);  /* '{' or '[' */
void jw_close(struct jsonw *w, char c); /* '}' or ']' */
void jw_key(struct jsonw *w, const char *key);
void jw_str(struct jsonw *w, const char *s); /* NULL writes null */
void jw_span(struct jsonw *w, struct span s);
void jw_int(struct jsonw *w, int64_t v);
void jw_bool(struct jsonw *w, bool v);
void jw_null(struct jsonw *w);
/* Epoch seconds with milliseconds, as the AWS JSON protocol wants time stamps. */
void jw_time(struct jsonw *w, int64_t ms);
/* A value that is JSON already. */
void jw_raw(struct jsonw *w, struct span json);

/* "key":value in one call; the _opt forms write nothing for NULL (absent members are
 * omitted). */
void jw_field_str(struct jsonw *w, const char *key, const char *s);
void jw_field_opt(struct jsonw *w, const char *key, const char *s);
void jw_field_int(struct jsonw *w, const char *key, int64_t v);
void jw_field_bool(struct jsonw *w, const char *key, bool v);
void jw_field_time(struct jsonw *w, const char *key, int64_t ms);
