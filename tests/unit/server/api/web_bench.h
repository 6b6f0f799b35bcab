/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An issuer of tokens on a host of its own in the world, over TLS, and a role that trusts it.
 */
#pragma once

#include <unistd.h>

#include "sts_bench.h"

#include "net/http_server.h"
#include "net/tls.h"
#include "server/domain/oidc.h"
#include "unit/token.h"

#define ISSUER     "https://idp.example"
#define PROVIDER   "arn:aws:iam::ACCOUNT:oidc-provider/idp.example"
#define FROM_THERE "{'Federated':'" PROVIDER "'}"
#define CALL       "'sts:AssumeRoleWithWebIdentity'"
#define TEXT_NO_TOKEN                                \
	"The ID Token provided is not a valid JWT. " \
	"(You may see this error if you sent an Access Token)"
#define TEXT_NO_KEY                                                                     \
	"Couldn&apos;t retrieve verification key from your identity provider,  please " \
	"reference AssumeRoleWithWebIdentity documentation for requirements"

struct bench {
	struct world w;
	struct ev_loop *loop; /* of the issuer */
	struct tls_ctx *tls;
	struct http_server *http;
	struct token_key key, next;   /* next: not published at first */
	const char *discovery, *keys; /* documents; NULL: 500 */
	int status;                   /* 0: 200 */
	bool silent;
	int asked_discovery, asked_keys;
	char dir[64];
};

/* ---- the issuer ---- */

static inline void
gone(struct http_req *r)
{
	(void)r;
}

static inline void
answer(void *arg, struct http_req *r)
{
	struct bench *b = arg;
	bool keys = span_eq_str(r->path, "/keys");
	const char *text = keys ? b->keys : b->discovery;

	if (keys)
		b->asked_keys++;
	else
		b->asked_discovery++;
	r->on_abort = gone;
	if (b->silent)
		return;
	if (b->status == 302) {
		const struct http_field to = { "Location", "https://elsewhere/keys" };

		http_reply_fields(r, 302, NULL, &to, 1, SPAN_NONE);
		return;
	}
	http_reply(r,
	    text == NULL         ? 500
		: b->status != 0 ? b->status
				 : 200,
	    "application/json", span_str(text));
}

static inline void
write_file(struct bench *b, const char *name, const struct buf *text)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", b->dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text->p, 1, text->len, f), text->len);
	(void)fclose(f);
}

static inline const char *
file(struct bench *b, const char *name)
{
	return arena_printf(&b->w.mem, "%s/%s", b->dir, name);
}

static inline void
make_certificates(struct bench *b)
{
	static const char *const names[] = { "idp.example" };
	auto_buf ca, ca_key, cert, key;

	buf_init(&ca, 65536);
	buf_init(&ca_key, 65536);
	buf_init(&cert, 65536);
	buf_init(&key, 65536);
	assert_int_equal(x509_make_ca(&ca, &ca_key, "test", 0, 4102444800, NULL), 0);
	assert_int_equal(x509_make_server(&cert, &key, buf_span(&ca), buf_span(&ca_key),
			     names, 1, 0, 4102444800, NULL),
	    0);
	assert_int_equal(
	    str_copy(b->dir, sizeof(b->dir), "/tmp/sallyport-oidc-XXXXXX"), 0);
	assert_non_null(mkdtemp(b->dir));
	write_file(b, "ca.pem", &ca);
	write_file(b, "server.pem", &cert);
	write_file(b, "server.key", &key);
}

static inline void
publish(struct bench *b, bool next)
{
	b->keys =
	    arena_printf(&b->w.mem, "{\"keys\":[%s%s%s]}", token_jwk(&b->w.mem, &b->key),
		next ? "," : "", next ? token_jwk(&b->w.mem, &b->next) : "");
}

static inline int
provider_run(struct store_tx *tx, void *arg, struct fault *f)
{
	(void)f;
	return store_oidc_put(tx,
	    &(struct store_oidc){ .url = arg,
		.clients_json = text("[\"app\",\"other\"]"),
		.thumbprints_json = text("[]") });
}

static inline void
bench_up_with(struct bench *b, const char *deny, const char *trust)
{
	*b = (struct bench){ 0 };
	world_up(&b->w);
	make_certificates(b);
	server_close(b->w.server);
	server_free(b->w.server);
	b->w.config.oidc_ca_file = file(b, "ca.pem");
	b->w.config.oidc_deny = deny;
	server_start(&b->w);
	b->loop = sim_host(b->w.sim, "idp.example");
	assert_int_equal(
	    tls_server_new(&b->tls, file(b, "server.pem"), file(b, "server.key"), NULL),
	    0);
	assert_int_equal(http_server_new(&b->http, b->loop, "", 443, b->tls,
			     &http_limits_default, answer, b, NULL),
	    0);
	b->key = token_key_new("ES256", "one");
	b->next = token_key_new("ES256", "two");
	b->discovery =
	    "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"https://idp.example/keys\"}";
	publish(b, false);
	assert_int_equal(
	    store_apply(b->w.store, provider_run, text("idp.example"), NULL), 0);
	add_role(&b->w, "web", trust, POLICY(ALLOW("'ssm:*'", "'*'")));
}

static inline void
bench_up(struct bench *b)
{
	bench_up_with(b, "", POLICY(TRUST("'sts:*'", FROM_THERE)));
}

static inline void
bench_down(struct bench *b)
{
	static const char *const files[] = { "ca.pem", "server.pem", "server.key" };
	struct token_key key = b->key, next = b->next;
	struct tls_ctx *tls = b->tls;

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		(void)unlink(file(b, files[i]));
	(void)rmdir(b->dir);
	http_server_free(b->http);
	ev_loop_free(b->loop);
	world_down(&b->w);
	tls_ctx_free(tls);
	token_key_free(&key);
	token_key_free(&next);
}

/* ---- tokens ---- */

/* Claims that are good, with more members (or others of the same name instead). */
static inline const char *
token(struct bench *b, const char *more)
{
	return token_make(&b->w.mem, &b->key,
	    arena_printf(&b->w.mem,
		"{\"iss\":\"" ISSUER "\",\"sub\":\"alice-at-idp\",%s}",
		filled(&b->w, more)));
}

#define GOOD "'aud':'app','exp':1795228000"

static inline void
ask_form(struct bench *b, const char *role, const char *jwt, const char *more)
{
	sts_as(&b->w, NULL, "AssumeRoleWithWebIdentity",
	    arena_printf(&b->w.mem,
		"RoleArn=%s&RoleSessionName=ci-run&WebIdentityToken=%s%s",
		role_arn(&b->w, role), jwt, more));
}

static inline void
ask(struct bench *b, const char *jwt)
{
	ask_form(b, "web", jwt, "");
}

static inline void
expect_bad(struct bench *b, const char *message)
{
	expect_xml_error(&b->w, 400, "InvalidIdentityToken", message);
}
