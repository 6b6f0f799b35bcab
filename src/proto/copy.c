/* SPDX-License-Identifier: Apache-2.0 */
/* See copy.h.  One table says what each type carries; reading and writing both follow it. */
#include "proto/copy.h"

#include "base/text.h"
#include "crypto/crypto.h"

enum field {
	HAS_VERSION = 1,
	HAS_FLAGS = 2,
	HAS_STATUS = 4,
	HAS_MODE = 8,
	HAS_TIMES = 16,
	HAS_SIZE = 32,
	HAS_DIGEST = 64,
};

enum { TIMES_LEN = 24, MODE_MAX = 0777, NS_MAX = 999999999 };

enum text_kind { TEXT_NONE, TEXT_BYTES, TEXT_PATH, TEXT_NAME, TEXT_NAME_OR_NONE };

struct shape {
	bool known;
	uint8_t fields;
	uint16_t flags; /* those that may be set */
	enum text_kind kind;
	size_t text_max;
};

#define COMMAND_FLAGS (COPY_RECURSIVE | COPY_PRESERVE | COPY_INTO)

static const struct shape shapes[COPY_NOP + 1] = {
	[COPY_PUT] = { true, HAS_VERSION | HAS_FLAGS, COMMAND_FLAGS, TEXT_PATH,
	    COPY_PATH_MAX },
	[COPY_GET] = { true, HAS_VERSION | HAS_FLAGS, COMMAND_FLAGS, TEXT_PATH,
	    COPY_PATH_MAX },
	[COPY_READY] = { true, HAS_VERSION, 0, TEXT_NONE, 0 },
	[COPY_REFUSED] = { true, 0, 0, TEXT_BYTES, COPY_WORDS_MAX },
	[COPY_DIR] = { true, HAS_MODE | HAS_TIMES, 0, TEXT_NAME_OR_NONE, COPY_NAME_MAX },
	[COPY_UP] = { true, 0, 0, TEXT_NONE, 0 },
	[COPY_FILE] = { true, HAS_FLAGS | HAS_MODE | HAS_TIMES | HAS_SIZE, COPY_ASK,
	    TEXT_NAME, COPY_NAME_MAX },
	[COPY_START] = { true, HAS_SIZE, 0, TEXT_NONE, 0 },
	[COPY_DATA] = { true, 0, 0, TEXT_BYTES, COPY_DATA_MAX },
	[COPY_END] = { true, HAS_DIGEST, 0, TEXT_NONE, 0 },
	[COPY_ABORT] = { true, 0, 0, TEXT_BYTES, COPY_WORDS_MAX },
	[COPY_DONE] = { true, 0, 0, TEXT_NONE, 0 },
	[COPY_HAVE] = { true, HAS_SIZE | HAS_DIGEST, 0, TEXT_NONE, 0 },
	[COPY_RESULT] = { true, HAS_STATUS | HAS_DIGEST, 0, TEXT_BYTES, COPY_WORDS_MAX },
	[COPY_NOTE] = { true, 0, 0, TEXT_BYTES, COPY_WORDS_MAX },
	[COPY_NOP] = { true, 0, 0, TEXT_NONE, 0 },
};

static size_t
fixed_len(const struct shape *s)
{
	return (s->fields & HAS_VERSION ? 2u : 0) + (s->fields & HAS_FLAGS ? 2u : 0) +
	    (s->fields & HAS_STATUS ? 1u : 0) + (s->fields & HAS_MODE ? 4u : 0) +
	    (s->fields & HAS_TIMES ? TIMES_LEN : 0) + (s->fields & HAS_SIZE ? 8u : 0) +
	    (s->fields & HAS_DIGEST ? COPY_DIGEST : 0);
}

/* --- names --------------------------------------------------------------------------- */

bool
copy_name_ok(struct span name)
{
	return name.n > 0 && name.n <= COPY_NAME_MAX && !span_eq(name, SPAN(".")) &&
	    !span_eq(name, SPAN("..")) && span_find(name, '/') == -1 &&
	    span_find(name, '\0') == -1;
}

struct span
copy_base_name(struct span path)
{
	size_t end = path.n, start;

	while (end > 0 && path.p[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path.p[start - 1] != '/';)
		start--;
	path = span_sub(path, start, end - start);
	return copy_name_ok(path) ? path : SPAN_NONE;
}

void
copy_partial_name(char out[COPY_NAME_MAX + 1], struct span name)
{
	static const char tail[] = ".sallyport-partial";
	const size_t room = COPY_NAME_MAX - sizeof(tail); /* and the dot in front */
	uint8_t sum[SHA256_LEN];
	char hex[2 * 8 + 1];

	assert(copy_name_ok(name));
	if (name.n <= room) {
		(void)snprintf(
		    out, COPY_NAME_MAX + 1, "." SPAN_FMT "%s", SPAN_ARG(name), tail);
		return;
	}
	sha256(sum, name);
	hex_encode(hex, sum, 8);
	name = span_sub(name, 0, room - sizeof(hex)); /* sizeof: with the '~' */
	(void)snprintf(
	    out, COPY_NAME_MAX + 1, "." SPAN_FMT "~%s%s", SPAN_ARG(name), hex, tail);
}

/* --- reading --------------------------------------------------------------------------- */

int
copy_head_decode(enum copy_type *type, size_t *len, struct span in)
{
	const struct shape *s;
	size_t fixed;

	if (in.n < COPY_HEAD)
		return ERR_AGAIN;
	if (in.p[4] >= ARRAY_LEN(shapes) || !shapes[in.p[4]].known)
		return ERR_PROTOCOL;
	s = &shapes[in.p[4]];
	fixed = fixed_len(s);
	*type = (enum copy_type)in.p[4];
	*len = get_be32(in.p);
	return *len >= fixed && *len - fixed <= s->text_max ? 0 : ERR_PROTOCOL;
}

static bool
text_ok(const struct shape *s, struct span text)
{
	if (text.n > s->text_max)
		return false;
	switch (s->kind) {
	case TEXT_NAME:
		return copy_name_ok(text);
	case TEXT_NAME_OR_NONE:
		return text.n == 0 || copy_name_ok(text);
	case TEXT_PATH:
		return span_find(text, '\0') == -1;
	case TEXT_NONE:
	case TEXT_BYTES:
		break;
	}
	return true;
}

static bool
values_ok(const struct copy_msg *m, const struct shape *s)
{
	return (m->flags & ~s->flags) == 0 && m->status <= COPY_SKIPPED &&
	    m->mode <= MODE_MAX && m->times.mtime_ns <= NS_MAX &&
	    m->times.atime_ns <= NS_MAX && m->size <= INT64_MAX && text_ok(s, m->text);
}

int
copy_decode(struct copy_msg *m, enum copy_type type, struct span body)
{
	const struct shape *s = &shapes[type];
	const uint8_t *p = body.p;

	*m = (struct copy_msg){ .type = type };
	if (body.n < fixed_len(s))
		return ERR_PROTOCOL;
	if (s->fields & HAS_VERSION) {
		m->version = get_be16(p);
		p += 2;
	}
	if (s->fields & HAS_FLAGS) {
		m->flags = get_be16(p);
		p += 2;
	}
	if (s->fields & HAS_STATUS)
		m->status = *p++;
	if (s->fields & HAS_MODE) {
		m->mode = get_be32(p);
		p += 4;
	}
	if (s->fields & HAS_TIMES) {
		m->times = (struct copy_times){ (int64_t)get_be64(p),
			(int64_t)get_be64(p + 12), get_be32(p + 8), get_be32(p + 20) };
		p += TIMES_LEN;
	}
	if (s->fields & HAS_SIZE) {
		m->size = get_be64(p);
		p += 8;
	}
	if (s->fields & HAS_DIGEST)
		memcpy(m->digest, p, COPY_DIGEST);
	m->text = span_sub(body, fixed_len(s), body.n);
	return values_ok(m, s) ? 0 : ERR_PROTOCOL;
}

/* --- writing --------------------------------------------------------------------------- */

void
copy_head_encode(uint8_t head[COPY_HEAD], enum copy_type type, size_t len)
{
	put_be32(head, (uint32_t)len);
	head[4] = (uint8_t)type;
}

void
copy_encode(struct buf *out, const struct copy_msg *m)
{
	const struct shape *s = &shapes[m->type];
	uint8_t head[COPY_HEAD];

	assert(s->known && values_ok(m, s));
	copy_head_encode(head, m->type, fixed_len(s) + m->text.n);
	buf_add(out, span_of(head, sizeof(head)));
	if (s->fields & HAS_VERSION)
		buf_add_be16(out, m->version);
	if (s->fields & HAS_FLAGS)
		buf_add_be16(out, m->flags);
	if (s->fields & HAS_STATUS)
		buf_add_u8(out, m->status);
	if (s->fields & HAS_MODE)
		buf_add_be32(out, m->mode);
	if (s->fields & HAS_TIMES) {
		buf_add_be64(out, (uint64_t)m->times.mtime_s);
		buf_add_be32(out, m->times.mtime_ns);
		buf_add_be64(out, (uint64_t)m->times.atime_s);
		buf_add_be32(out, m->times.atime_ns);
	}
	if (s->fields & HAS_SIZE)
		buf_add_be64(out, m->size);
	if (s->fields & HAS_DIGEST)
		buf_add(out, span_of(m->digest, COPY_DIGEST));
	buf_add(out, m->text);
}
