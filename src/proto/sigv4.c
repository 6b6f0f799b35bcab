/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SigV4: signing and verifying.  HMAC-SHA-256 under a key derived from the secret; agents
 * on premises sign their token requests with RSASSA-PSS over the same string.
 */
#include "proto/sigv4_canon.h"

#include "base/text.h"
#include "crypto/crypto.h"

enum { SIGNATURE_HEX = 2 * SHA256_LEN, RSA_SIGNATURE_MAX = 512 };

static struct span
hash_hex(struct span body, struct arena *mem)
{
	uint8_t sum[SHA256_LEN];
	char *hex = arena_alloc(mem, SIGNATURE_HEX + 1);

	sha256(sum, body);
	hex_encode(hex, sum, sizeof(sum));
	return span_of(hex, SIGNATURE_HEX);
}

/* ---- verifying ---- */

static bool
is_s3(const struct sigv4_auth *a)
{
	return strcmp(a->service, "s3") == 0;
}

/*
 * What the last line of the canonical request must have been.  Literals say that the body
 * is not covered; only S3 has bodies too large to hash, so only there they count.
 */
static int
payload_line(struct span *line, const struct sigv4_auth *a, const struct sigv4_request *r,
    struct arena *mem)
{
	struct span sent = a->payload_hash;
	uint8_t sum[SHA256_LEN];
	size_t n;

	*line = sent;
	if (sent.n == 0) {
		*line = is_s3(a) && a->presigned ? SPAN(SIGV4_UNSIGNED)
						 : hash_hex(r->body, mem);
		return 0;
	}
	if (sent.n == SIGNATURE_HEX && hex_decode(sum, sizeof(sum), sent, &n) == 0)
		return 0;
	if (is_s3(a) &&
	    (span_eq_str(sent, SIGV4_UNSIGNED) || span_starts(sent, "STREAMING-")))
		return 0;
	return ERR_SIGNATURE;
}

static bool
body_matches(const struct sigv4_auth *a, const struct sigv4_request *r)
{
	uint8_t sent[SHA256_LEN], sum[SHA256_LEN];
	size_t n;

	if (r->body_later || a->payload_hash.n != SIGNATURE_HEX ||
	    hex_decode(sent, sizeof(sent), a->payload_hash, &n) != 0)
		return true;
	sha256(sum, r->body);
	return memcmp(sum, sent, sizeof(sum)) == 0;
}

static struct canon_scope
auth_scope(const struct sigv4_auth *a)
{
	return (struct canon_scope){
		.amz_date = a->amz_date,
		.date = a->date,
		.region = a->region,
		.service = a->service,
		.terminator = a->terminator,
	};
}

/* The string to sign for one reading of the path, or NULL. */
static char *
auth_text(const struct sigv4_auth *a, const struct sigv4_request *r, enum canon_path path,
    struct span payload, struct arena *mem)
{
	struct canon c = {
		.r = r,
		.names = a->signed_headers,
		.nnames = a->nsigned,
		.path = path,
		.payload_hash = payload,
	};
	struct canon_scope scope = auth_scope(a);
	char *request;

	if (canon_request(&request, &c, mem) != 0)
		return NULL;
	return canon_string_to_sign(request, &scope, mem);
}

/* Whether sig fits one string to sign; ctx is the key. */
typedef bool check_fn(const void *ctx, const char *text, struct span sig);

static bool
check_hmac(const void *ctx, const char *text, struct span sig)
{
	char want[SIGNATURE_HEX + 1];

	canon_sign(want, ctx, text);
	return secret_eq(span_of(want, SIGNATURE_HEX), sig);
}

static bool
check_rsa(const void *ctx, const char *text, struct span sig)
{
	return rsa_pss_verify(ctx, span_str(text), sig) == 0;
}

/* Both readings of the path, then the body. */
static int
verify(const struct sigv4_auth *a, const struct sigv4_request *r, check_fn *check,
    const void *ctx, struct span sig, struct arena *mem, enum sigv4_reason *why)
{
	enum canon_path first = is_s3(a) ? CANON_PATH_RAW : CANON_PATH_TWICE;
	struct span payload;
	bool ok = false;

	*why = SIGV4_BAD_PAYLOAD_HASH;
	if (payload_line(&payload, a, r, mem) != 0)
		return ERR_SIGNATURE;
	for (enum canon_path path = first; !ok && path <= first + 1; path++) {
		char *text = auth_text(a, r, path, payload, mem);

		ok = text != NULL && check(ctx, text, sig);
	}
	if (!ok) {
		*why = SIGV4_BAD_SIGNATURE;
		return ERR_SIGNATURE;
	}
	if (!body_matches(a, r))
		return ERR_SIGNATURE;
	*why = SIGV4_OK;
	return 0;
}

int
sigv4_verify(const struct sigv4_auth *a, const struct sigv4_request *r,
    struct span secret, struct arena *mem, enum sigv4_reason *why)
{
	struct canon_scope scope = auth_scope(a);
	uint8_t key[SHA256_LEN];
	int err;

	*why = SIGV4_BAD_SIGNATURE;
	if (canon_key(key, secret, &scope) != 0)
		return ERR_SIGNATURE;
	err = verify(a, r, check_hmac, key, span_str(a->signature), mem, why);
	secret_wipe(key, sizeof(key));
	return err;
}

int
sigv4_verify_rsa(const struct sigv4_auth *a, const struct sigv4_request *r,
    const struct rsa_key *key, struct arena *mem, enum sigv4_reason *why)
{
	auto_buf sig;

	*why = SIGV4_BAD_SIGNATURE;
	buf_init(&sig, RSA_SIGNATURE_MAX);
	if (base64_decode(&sig, span_str(a->signature)) != 0 || buf_check(&sig) != 0)
		return ERR_SIGNATURE;
	return verify(a, r, check_rsa, key, buf_span(&sig), mem, why);
}

void
sigv4_explain(const struct sigv4_auth *a, const struct sigv4_request *r,
    struct arena *mem, char **canonical, char **string_to_sign)
{
	struct canon c = {
		.r = r,
		.names = a->signed_headers,
		.nnames = a->nsigned,
		.path = is_s3(a) ? CANON_PATH_RAW : CANON_PATH_TWICE,
	};
	struct canon_scope scope = auth_scope(a);

	if (payload_line(&c.payload_hash, a, r, mem) != 0)
		c.payload_hash = a->payload_hash;
	if (canon_request(canonical, &c, mem) != 0)
		*canonical = arena_strdup(mem, "");
	*string_to_sign = canon_string_to_sign(*canonical, &scope, mem);
}

/* ---- signing ---- */

/* One request being signed: the caller's headers and ours. */
struct signing {
	struct sigv4_request r;
	struct canon_scope scope;
	char *names[SIGV4_SIGNED_HEADERS_MAX];
	size_t nnames;
	char *names_list; /* a;b;c */
	char *text;       /* what to sign */
};

static int
name_cmp(const void *pa, const void *pb)
{
	return strcmp(*(char *const *)pa, *(char *const *)pb);
}

/* Lower case, sorted, each once. */
static int
collect_names(struct signing *g, struct arena *mem)
{
	size_t n = 0;

	if (g->r.nheaders > SIGV4_SIGNED_HEADERS_MAX)
		return ERR_LIMIT;
	for (size_t i = 0; i < g->r.nheaders; i++)
		g->names[g->nnames++] = canon_lower(g->r.headers[i].name, mem);
	qsort(g->names, g->nnames, sizeof(g->names[0]), name_cmp);
	for (size_t i = 0; i < g->nnames; i++) {
		if (n == 0 || strcmp(g->names[n - 1], g->names[i]) != 0)
			g->names[n++] = g->names[i];
	}
	g->nnames = n;
	g->names_list = g->names[0];
	for (size_t i = 1; i < n; i++)
		g->names_list = arena_printf(mem, "%s;%s", g->names_list, g->names[i]);
	return 0;
}

/* The headers that the caller will send with the signature belong to it too. */
static void
add_own_headers(struct signing *g, const char *token, struct arena *mem)
{
	struct sigv4_header *h = arena_alloc(mem, (g->r.nheaders + 2) * sizeof(*h));
	size_t n = g->r.nheaders;

	if (n > 0)
		memcpy(h, g->r.headers, n * sizeof(*h));
	if (!canon_has_header(&g->r, "X-Amz-Date"))
		h[n++] = (struct sigv4_header){ SPAN("X-Amz-Date"),
			span_str(g->scope.amz_date) };
	if (token != NULL && !canon_has_header(&g->r, "X-Amz-Security-Token"))
		h[n++] = (struct sigv4_header){ SPAN("X-Amz-Security-Token"),
			span_str(token) };
	g->r.headers = h;
	g->r.nheaders = n;
}

static int
signing_init(struct signing *g, const struct sigv4_request *r, const char *region,
    const char *service, const char *amz_date, const char *token, struct arena *mem)
{
	bool s3 = strcmp(service, "s3") == 0;
	struct canon c = { .path = s3 ? CANON_PATH_RAW : CANON_PATH_NORMAL_TWICE };
	int64_t ms;
	int err;

	if (time_parse_amz(span_str(amz_date), &ms) != 0)
		return ERR_INVALID;
	*g = (struct signing){
		.r = *r,
		.scope = { amz_date, arena_printf(mem, "%.8s", amz_date), region, service,
		    SIGV4_TERMINATOR },
	};
	add_own_headers(g, token, mem);
	if ((err = collect_names(g, mem)) != 0)
		return err;
	c.r = &g->r;
	c.names = g->names;
	c.nnames = g->nnames;
	c.payload_hash = span_trim(canon_header(r, "X-Amz-Content-Sha256", 0));
	if (c.payload_hash.n == 0)
		c.payload_hash = hash_hex(r->body, mem);

	char *request;

	if ((err = canon_request(&request, &c, mem)) != 0)
		return err;
	g->text = canon_string_to_sign(request, &g->scope, mem);
	return 0;
}

static char *
authorization_text(
    const struct signing *g, const char *id, const char *signature, struct arena *mem)
{
	return arena_printf(mem,
	    SIGV4_ALGORITHM " Credential=%s/%s/%s/%s/%s, SignedHeaders=%s, Signature=%s",
	    id, g->scope.date, g->scope.region, g->scope.service, g->scope.terminator,
	    g->names_list, signature);
}

int
sigv4_sign(char **authorization, const struct sigv4_request *r,
    const struct sigv4_credentials *c, const char *region, const char *service,
    const char *amz_date, struct arena *mem)
{
	struct signing g;
	uint8_t key[SHA256_LEN];
	char hex[SIGNATURE_HEX + 1];
	int err;

	if ((err = signing_init(&g, r, region, service, amz_date, c->token, mem)) != 0)
		return err;
	if ((err = canon_key(key, span_str(c->secret), &g.scope)) != 0)
		return err;
	canon_sign(hex, key, g.text);
	secret_wipe(key, sizeof(key));
	*authorization = authorization_text(&g, c->access_key, hex, mem);
	return 0;
}

int
sigv4_sign_rsa(char **authorization, const struct sigv4_request *r, const char *node_id,
    const struct rsa_key *key, const char *region, const char *amz_date,
    struct arena *mem)
{
	struct signing g;
	auto_buf sig, text;
	int err;

	buf_init(&sig, RSA_SIGNATURE_MAX);
	buf_init(&text, 2 * RSA_SIGNATURE_MAX);
	if ((err = signing_init(&g, r, region, "ssm", amz_date, NULL, mem)) != 0)
		return err;
	if ((err = rsa_pss_sign(key, span_str(g.text), &sig)) != 0)
		return err;
	base64_encode(&text, buf_span(&sig));
	if ((err = buf_check(&text)) != 0)
		return err;
	*authorization = authorization_text(&g, node_id, buf_cstr(&text), mem);
	return 0;
}
