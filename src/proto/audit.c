/* SPDX-License-Identifier: Apache-2.0 */
/* The chain and its marks, see audit.h. */
#include "proto/audit.h"

#include "base/text.h"
#include "proto/member.h"

#define EVENT_DOMAIN "sallyport audit event v1\n"
#define MARK_DOMAIN  "sallyport audit %s v1\n"

enum { MARK_TEXT_MAX = 512 };

void
audit_chain_add(struct audit_chain *c, struct span event)
{
	struct sha256_ctx *h = sha256_new();
	uint8_t numbers[16];

	c->seq++;
	put_be64(numbers, (uint64_t)c->seq);
	put_be64(numbers + 8, event.n);
	sha256_add(h, SPAN(EVENT_DOMAIN));
	sha256_add(h, span_of(c->hash, sizeof(c->hash)));
	sha256_add(h, span_of(numbers, sizeof(numbers)));
	sha256_add(h, event);
	sha256_final(h, c->hash);
}

bool
audit_chain_eq(const struct audit_chain *a, const struct audit_chain *b)
{
	return a->seq == b->seq && memcmp(a->hash, b->hash, sizeof(a->hash)) == 0;
}

static const char *const kinds[] = {
	[AUDIT_HEAD] = "head",
	[AUDIT_CHECKPOINT] = "checkpoint",
	[AUDIT_BASE] = "base",
};

const char *
audit_mark_name(enum audit_mark_kind k)
{
	return kinds[k];
}

/* What is signed. */
static void
mark_text(struct buf *out, const struct audit_mark *m)
{
	char hex[AUDIT_HEX_LEN + 1];

	hex_encode(hex, m->at.hash, sizeof(m->at.hash));
	buf_addf(out, MARK_DOMAIN "account %s\nseq %lld\nhash %s\ntime %lld\n",
	    kinds[m->kind], m->account, (long long)m->at.seq, hex, (long long)m->time_ms);
	assert(buf_check(out) == 0);
}

void
audit_mark_sign(struct audit_mark *m, const struct ed25519_key *k)
{
	auto_buf text = { .max = MARK_TEXT_MAX };

	mark_text(&text, m);
	ed25519_sign(k, buf_span(&text), m->signature);
}

int
audit_mark_verify(const struct audit_mark *m, const struct ed25519_key *k)
{
	auto_buf text = { .max = MARK_TEXT_MAX };

	mark_text(&text, m);
	return ed25519_verify(
	    k, buf_span(&text), span_of(m->signature, sizeof(m->signature)));
}

static void
field_hex(struct jsonw *w, const char *name, const uint8_t *p, size_t n)
{
	char hex[2 * ED25519_SIG_LEN + 1];

	assert(n <= ED25519_SIG_LEN);
	hex_encode(hex, p, n);
	jw_field_str(w, name, hex);
}

static int
read_hex(uint8_t *out, size_t size, const json_t *o, const char *name)
{
	const char *s = json_get_str(o, name);
	size_t n;

	if (s == NULL || hex_decode(out, size, span_str(s), &n) != 0 || n != size)
		return ERR_INVALID;
	return 0;
}

void
audit_mark_write(struct jsonw *w, const struct audit_mark *m)
{
	char when[TIME_ISO_LEN + 1];

	time_iso(when, m->time_ms);
	jw_open(w, '{');
	jw_field_str(w, "kind", kinds[m->kind]);
	jw_field_str(w, "account", m->account);
	jw_field_int(w, "seq", m->at.seq);
	field_hex(w, "hash", m->at.hash, sizeof(m->at.hash));
	jw_field_str(w, "time", when);
	field_hex(w, "signature", m->signature, sizeof(m->signature));
	jw_close(w, '}');
}

static int
read_kind(enum audit_mark_kind *out, const char *name)
{
	for (size_t i = 0; name != NULL && i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i], name) == 0) {
			*out = (enum audit_mark_kind)i;
			return 0;
		}
	}
	return ERR_INVALID;
}

static int
read_chain(struct audit_chain *c, const json_t *o)
{
	c->seq = json_get_int(o, "seq", -1);
	if (c->seq < 0 || c->seq == INT64_MAX)
		return ERR_INVALID;
	return read_hex(c->hash, sizeof(c->hash), o, "hash");
}

int
audit_mark_read(struct audit_mark *m, const json_t *o)
{
	const char *account = json_get_str(o, "account"), *when = json_get_str(o, "time");
	int r;

	*m = (struct audit_mark){ 0 };
	if (account == NULL || strlen(account) != AUDIT_ACCOUNT_LEN || when == NULL)
		return ERR_INVALID;
	if ((r = read_kind(&m->kind, json_get_str(o, "kind"))) != 0 ||
	    (r = read_chain(&m->at, o)) != 0 ||
	    (r = str_copy(m->account, sizeof(m->account), account)) != 0 ||
	    (r = time_parse_iso(span_str(when), &m->time_ms)) != 0)
		return r;
	return read_hex(m->signature, sizeof(m->signature), o, "signature");
}

/* --- lines -------------------------------------------------------------------------- */

#define EVENT_HEAD "{\"seq\":"
#define EVENT_HASH ",\"hash\":\""
#define EVENT_BODY "\",\"event\":"

void
audit_line_begin(struct buf *out, const struct audit_chain *at, const char *account,
    const char *public_key)
{
	struct jsonw w;

	jw_init(&w, out);
	jw_open(&w, '{');
	jw_key(&w, "begin");
	jw_open(&w, '{');
	jw_field_int(&w, "seq", at->seq);
	field_hex(&w, "hash", at->hash, sizeof(at->hash));
	jw_close(&w, '}');
	jw_field_str(&w, "account", account);
	jw_field_str(&w, "publicKey", public_key);
	jw_close(&w, '}');
	buf_add_u8(out, '\n');
}

void
audit_line_event(struct buf *out, const struct audit_chain *at, struct span event)
{
	char hex[AUDIT_HEX_LEN + 1];

	hex_encode(hex, at->hash, sizeof(at->hash));
	buf_addf(
	    out, EVENT_HEAD "%lld" EVENT_HASH "%s" EVENT_BODY, (long long)at->seq, hex);
	buf_add(out, event);
	buf_add_str(out, "}\n");
}

void
audit_line_mark(struct buf *out, const struct audit_mark *m)
{
	struct jsonw w;

	jw_init(&w, out);
	jw_open(&w, '{');
	jw_key(&w, "mark");
	audit_mark_write(&w, m);
	jw_close(&w, '}');
	buf_add_u8(out, '\n');
}

/* Cuts a fixed text off the front. */
static bool
skip(struct span *s, const char *text)
{
	if (!span_starts(*s, text))
		return false;
	*s = span_sub(*s, strlen(text), s->n);
	return true;
}

/* Read by its fixed parts, not as JSON: the bytes of the event must stay what they are. */
static int
parse_event(struct audit_line *l, struct span line)
{
	struct span rest = line, number;
	size_t digits = 0, n;

	l->kind = AUDIT_LINE_EVENT;
	if (!skip(&rest, EVENT_HEAD))
		return ERR_INVALID;
	while (digits < rest.n && rest.p[digits] != ',')
		digits++;
	number = span_sub(rest, 0, digits);
	rest = span_sub(rest, digits, rest.n);
	if (num_parse(number, 1, INT64_MAX - 1, &l->at.seq) != 0 ||
	    !skip(&rest, EVENT_HASH) || rest.n < AUDIT_HEX_LEN ||
	    hex_decode(l->at.hash, sizeof(l->at.hash), span_sub(rest, 0, AUDIT_HEX_LEN),
		&n) != 0)
		return ERR_INVALID;
	rest = span_sub(rest, AUDIT_HEX_LEN, rest.n);
	if (!skip(&rest, EVENT_BODY) || rest.n < 3 || rest.p[rest.n - 1] != '}')
		return ERR_INVALID;
	l->event = span_sub(rest, 0, rest.n - 1);
	return l->event.n <= AUDIT_EVENT_MAX ? 0 : ERR_LIMIT;
}

static int
parse_begin(struct audit_line *l, struct arena *mem, const json_t *o)
{
	const char *account = json_get_str(o, "account");
	const char *key = json_get_str(o, "publicKey");

	l->kind = AUDIT_LINE_BEGIN;
	if (account == NULL || strlen(account) != AUDIT_ACCOUNT_LEN || key == NULL)
		return ERR_INVALID;
	l->account = arena_strdup(mem, account);
	l->public_key = arena_strdup(mem, key);
	return read_chain(&l->at, json_get_obj(o, "begin"));
}

int
audit_line_parse(struct audit_line *l, struct arena *mem, struct span line)
{
	auto_json *o = NULL;
	int r;

	*l = (struct audit_line){ 0 };
	if (line.n > AUDIT_LINE_MAX)
		return ERR_LIMIT;
	if (span_starts(line, EVENT_HEAD))
		return parse_event(l, line);
	if ((r = json_read(&o, line, NULL)) != 0)
		return r;
	if (json_get_obj(o, "begin") != NULL)
		return parse_begin(l, mem, o);
	l->kind = AUDIT_LINE_MARK;
	return audit_mark_read(&l->mark, json_get_obj(o, "mark"));
}
