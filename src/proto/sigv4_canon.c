/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SigV4 step 1 and 2: canonical request and string to sign.
 *
 * The same code serves signing and verifying.  Everything here comes from a stranger's
 * request head, whose size the HTTP layer limits; memory is the request's arena and at
 * most three times that head.
 */
#include "proto/sigv4_canon.h"

#include "base/buf.h"
#include "base/text.h"
#include "codec/uri.h"
#include "crypto/crypto.h"

enum {
	CANON_MAX = 1024 * 1024, /* the text of a canonical request */
	QUERY_MAX = 128 * 1024,
	PATH_MAX_LEN = 64 * 1024,
	SECRET_MAX = 256,
};

static bool
is_unreserved(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
}

static size_t
put_encoded(uint8_t *out, uint8_t c, bool keep_slash)
{
	static const char hex[] = "0123456789ABCDEF";

	if (is_unreserved(c) || (c == '/' && keep_slash)) {
		out[0] = c;
		return 1;
	}
	out[0] = '%';
	out[1] = (uint8_t)hex[c >> 4];
	out[2] = (uint8_t)hex[c & 15];
	return 3;
}

static int
hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * Encodes what may be encoded already: %XX and bytes that should have been %XX give the
 * same text.  out has room for 3 * s.n bytes.  ERR_INVALID on a broken escape.
 */
static int
recode(uint8_t *out, size_t *len, struct span s, bool is_path)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (c == '%') {
			if (s.n - i < 3 || hex_value(s.p[i + 1]) < 0 ||
			    hex_value(s.p[i + 2]) < 0)
				return ERR_INVALID;
			c = (uint8_t)(hex_value(s.p[i + 1]) << 4 | hex_value(s.p[i + 2]));
			i += 2;
		} else if (c == '+' && !is_path) {
			c = ' ';
		}
		n += put_encoded(out + n, c, is_path);
	}
	*len = n;
	return 0;
}

/*
 * What signers do outside S3: RFC 3986 5.2.4 with "//" folded to "/", and a slash at the
 * end only where there was one ("/a/.." is "/", "/a/b/.." is "/a").
 */
static struct span
normal_path(struct span path, struct arena *mem)
{
	uint8_t *out = arena_alloc(mem, path.n + 2);
	struct span rest = path, part;
	size_t n = 0;

	while (span_cut(&rest, '/', &part)) {
		if (span_eq_str(part, "..")) {
			while (n > 0 && out[--n] != '/')
				continue;
		} else if (part.n > 0 && !span_eq_str(part, ".")) {
			out[n++] = '/';
			memcpy(out + n, part.p, part.n);
			n += part.n;
		}
	}
	if (n == 0 || span_ends(path, "/"))
		out[n++] = '/';
	return span_of(out, n);
}

static int
canon_path(struct buf *out, const struct canon *c, struct arena *mem)
{
	struct span path = c->r->path.n > 0 ? c->r->path : SPAN("/");
	uint8_t *room;
	size_t n = 0;
	int r = 0;

	if (path.n > PATH_MAX_LEN)
		return ERR_LIMIT;
	if (c->path == CANON_PATH_RAW) {
		buf_add(out, path);
		return 0;
	}
	if (c->path == CANON_PATH_NORMAL_TWICE)
		path = normal_path(path, mem);
	room = arena_alloc(mem, 3 * path.n);
	if (c->path == CANON_PATH_RECODED) {
		r = recode(room, &n, path, true);
	} else {
		for (size_t i = 0; i < path.n; i++)
			n += put_encoded(room + n, path.p[i], true);
	}
	buf_add(out, span_of(room, n));
	return r;
}

struct pair {
	struct span name;
	struct span value;
};

static int
pair_cmp(const void *pa, const void *pb)
{
	const struct pair *a = pa, *b = pb;
	int r = span_cmp(a->name, b->name);

	return r != 0 ? r : span_cmp(a->value, b->value);
}

static size_t
count_pairs(struct span query)
{
	size_t n = 1;

	for (size_t i = 0; i < query.n; i++)
		n += query.p[i] == '&';
	return n;
}

/* One "a=b", encoded anew into *room, which moves on. */
static int
read_pair(struct pair *p, uint8_t **room, struct span s)
{
	ptrdiff_t eq = span_find(s, '=');
	size_t namelen = eq < 0 ? s.n : (size_t)eq;
	size_t n;
	int r;

	if ((r = recode(*room, &n, span_sub(s, 0, namelen), false)) != 0)
		return r;
	p->name = span_of(*room, n);
	*room += n;
	if ((r = recode(*room, &n, span_sub(s, namelen + 1, s.n), false)) != 0)
		return r;
	p->value = span_of(*room, n);
	*room += n;
	return 0;
}

/* Sorted by encoded name, then value; X-Amz-Signature is what the rest is signed with. */
static int
canon_query(struct buf *out, struct span query, struct arena *mem)
{
	struct pair *pairs;
	struct span rest = query, s;
	uint8_t *room;
	size_t n = 0;
	int r;

	if (query.n == 0)
		return 0;
	if (query.n > QUERY_MAX || count_pairs(query) > QUERY_PAIRS_MAX)
		return ERR_LIMIT;
	pairs = arena_alloc(mem, count_pairs(query) * sizeof(*pairs));
	room = arena_alloc(mem, 3 * query.n);
	while (span_cut(&rest, '&', &s)) {
		if (s.n == 0)
			continue;
		if ((r = read_pair(&pairs[n], &room, s)) != 0)
			return r;
		if (!span_eq_str(pairs[n].name, "X-Amz-Signature"))
			n++;
	}
	qsort(pairs, n, sizeof(*pairs), pair_cmp);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_add_u8(out, '&');
		buf_add(out, pairs[i].name);
		buf_add_u8(out, '=');
		buf_add(out, pairs[i].value);
	}
	return 0;
}

struct span
canon_header(const struct sigv4_request *r, const char *name, size_t n)
{
	for (size_t i = 0; i < r->nheaders; i++) {
		if (span_eq_ci(r->headers[i].name, name) && n-- == 0)
			return r->headers[i].value.p != NULL ? r->headers[i].value
							     : SPAN("");
	}
	return SPAN_NONE;
}

bool
canon_has_header(const struct sigv4_request *r, const char *name)
{
	return canon_header(r, name, 0).p != NULL;
}

char *
canon_lower(struct span name, struct arena *mem)
{
	char *s = arena_str(mem, name);

	for (char *c = s; *c != '\0'; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 'a' - 'A') : *c;
	return s;
}

/* Trimmed, and inner runs of blanks made one. */
static void
add_header_value(struct buf *out, struct span v)
{
	size_t from = 0;

	v = span_trim(v);
	for (size_t i = 1; i < v.n; i++) {
		if (v.p[i] != ' ' || v.p[i - 1] != ' ')
			continue;
		buf_add(out, span_sub(v, from, i - from));
		while (v.p[i] == ' ') /* trimmed: something follows */
			i++;
		from = i;
	}
	buf_add(out, span_sub(v, from, v.n));
}

static void
canon_headers(struct buf *out, const struct canon *c)
{
	for (size_t i = 0; i < c->nnames; i++) {
		struct span v;

		buf_add_str(out, c->names[i]);
		buf_add_u8(out, ':');
		for (size_t n = 0; (v = canon_header(c->r, c->names[i], n)).p != NULL;
		     n++) {
			if (n > 0)
				buf_add_u8(out, ',');
			add_header_value(out, v);
		}
		buf_add_u8(out, '\n');
	}
	buf_add_u8(out, '\n');
	for (size_t i = 0; i < c->nnames; i++) {
		if (i > 0)
			buf_add_u8(out, ';');
		buf_add_str(out, c->names[i]);
	}
}

/*
 * A NUL would end the text early, a line feed in a value would let one request pass for
 * another; the HTTP layer refuses both, this is the second lock.
 */
static bool
lines_ok(struct span text, size_t want)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\0')
			return false;
		n += text.p[i] == '\n';
	}
	return n == want;
}

int
canon_request(char **out, const struct canon *c, struct arena *mem)
{
	auto_buf b;
	int r;

	buf_init(&b, CANON_MAX);
	buf_add_str(&b, c->r->method);
	buf_add_u8(&b, '\n');
	if ((r = canon_path(&b, c, mem)) != 0)
		return r;
	buf_add_u8(&b, '\n');
	if ((r = canon_query(&b, c->r->query, mem)) != 0)
		return r;
	buf_add_u8(&b, '\n');
	canon_headers(&b, c);
	buf_add_u8(&b, '\n');
	buf_add(&b, c->payload_hash);
	if ((r = buf_check(&b)) != 0)
		return r;
	if (!lines_ok(buf_span(&b), 5 + c->nnames))
		return ERR_INVALID;
	*out = arena_str(mem, buf_span(&b));
	return 0;
}

char *
canon_string_to_sign(const char *request, const struct canon_scope *s, struct arena *mem)
{
	uint8_t sum[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	sha256(sum, span_str(request));
	hex_encode(hex, sum, sizeof(sum));
	return arena_printf(mem, SIGV4_ALGORITHM "\n%s\n%s/%s/%s/%s\n%s", s->amz_date,
	    s->date, s->region, s->service, s->terminator, hex);
}

/* kSigning = HMAC(HMAC(HMAC(HMAC("AWS4"+secret, date), region), service), "aws4_request")
 */
int
canon_key(uint8_t key[SHA256_LEN], struct span secret, const struct canon_scope *s)
{
	uint8_t start[4 + SECRET_MAX];

	if (secret.n == 0 || secret.n > SECRET_MAX)
		return ERR_INVALID;
	memcpy(start, "AWS4", 4);
	memcpy(start + 4, secret.p, secret.n);
	hmac_sha256(key, span_of(start, 4 + secret.n), span_str(s->date));
	secret_wipe(start, sizeof(start));
	hmac_sha256(key, span_of(key, SHA256_LEN), span_str(s->region));
	hmac_sha256(key, span_of(key, SHA256_LEN), span_str(s->service));
	hmac_sha256(key, span_of(key, SHA256_LEN), span_str(s->terminator));
	return 0;
}

void
canon_sign(char out[2 * SHA256_LEN + 1], const uint8_t key[SHA256_LEN], const char *text)
{
	uint8_t sum[SHA256_LEN];

	hmac_sha256(sum, span_of(key, SHA256_LEN), span_str(text));
	hex_encode(out, sum, sizeof(sum));
}
