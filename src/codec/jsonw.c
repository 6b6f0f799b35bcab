/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The streaming JSON writer (RFC 8259).  Pure.  What it writes is always valid UTF-8;
 * that brackets match and keys are unique is the caller's business.
 */
#include "codec/jsonw.h"

#include "base/text.h"

void
jw_init(struct jsonw *w, struct buf *out)
{
	*w = (struct jsonw){ .out = out };
}

/* Before a value or key; after it a comma is due. */
static void
begin(struct jsonw *w)
{
	if (w->comma)
		buf_add_u8(w->out, ',');
	w->comma = true;
}

void
jw_open(struct jsonw *w, char c)
{
	begin(w);
	buf_add_u8(w->out, (uint8_t)c);
	w->comma = false;
}

void
jw_close(struct jsonw *w, char c)
{
	buf_add_u8(w->out, (uint8_t)c);
	w->comma = true;
}

static void
add_escaped(struct buf *out, uint8_t c)
{
	switch (c) {
	case '"':
	case '\\':
		buf_addf(out, "\\%c", c);
		break;
	case '\n':
		buf_add_str(out, "\\n");
		break;
	case '\r':
		buf_add_str(out, "\\r");
		break;
	case '\t':
		buf_add_str(out, "\\t");
		break;
	default:
		buf_addf(out, "\\u%04x", c);
	}
}

/* How many bytes from the front can be copied as they are. */
static size_t
plain_run(struct span s)
{
	size_t i = 0;

	while (
	    i < s.n && s.p[i] >= 0x20 && s.p[i] < 0x7f && s.p[i] != '"' && s.p[i] != '\\')
		i++;
	return i;
}

static void
add_string(struct buf *out, struct span s)
{
	uint32_t cp;

	buf_add_u8(out, '"');
	while (s.n > 0) {
		size_t n = plain_run(s);

		if (n > 0) {
			buf_add(out, span_sub(s, 0, n));
		} else if (s.p[0] < 0x80) {
			add_escaped(out, s.p[0]);
		} else if ((n = utf8_decode(s, &cp)) > 0) {
			buf_add(out, span_sub(s, 0, n));
		} else {
			buf_add_str(out, "\xef\xbf\xbd"); /* U+FFFD */
		}
		s = span_sub(s, MAX(n, (size_t)1), s.n);
	}
	buf_add_u8(out, '"');
}

void
jw_key(struct jsonw *w, const char *key)
{
	begin(w);
	add_string(w->out, span_str(key));
	buf_add_u8(w->out, ':');
	w->comma = false;
}

void
jw_str(struct jsonw *w, const char *s)
{
	if (s == NULL)
		jw_null(w);
	else
		jw_span(w, span_str(s));
}

void
jw_span(struct jsonw *w, struct span s)
{
	begin(w);
	add_string(w->out, s);
}

void
jw_int(struct jsonw *w, int64_t v)
{
	begin(w);
	buf_addf(w->out, "%lld", (long long)v);
}

void
jw_bool(struct jsonw *w, bool v)
{
	begin(w);
	buf_add_str(w->out, v ? "true" : "false");
}

void
jw_null(struct jsonw *w)
{
	begin(w);
	buf_add_str(w->out, "null");
}

void
jw_time(struct jsonw *w, int64_t ms)
{
	uint64_t size = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;

	begin(w);
	buf_addf(w->out, "%s%llu.%03u", ms < 0 ? "-" : "",
	    (unsigned long long)(size / 1000), (unsigned)(size % 1000));
}

void
jw_raw(struct jsonw *w, struct span json)
{
	begin(w);
	buf_add(w->out, json);
}

void
jw_field_str(struct jsonw *w, const char *key, const char *s)
{
	jw_key(w, key);
	jw_str(w, s);
}

void
jw_field_opt(struct jsonw *w, const char *key, const char *s)
{
	if (s != NULL)
		jw_field_str(w, key, s);
}

void
jw_field_int(struct jsonw *w, const char *key, int64_t v)
{
	jw_key(w, key);
	jw_int(w, v);
}

void
jw_field_bool(struct jsonw *w, const char *key, bool v)
{
	jw_key(w, key);
	jw_bool(w, v);
}

void
jw_field_time(struct jsonw *w, const char *key, int64_t ms)
{
	jw_key(w, key);
	jw_time(w, ms);
}
