/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AssumeRoleWithWebIdentity against an issuer in the same world, over TLS: which tokens are
 * good, whom the trust policy lets in, and how often the issuer is asked for its keys.
 */
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

static void
gone(struct http_req *r)
{
	(void)r;
}

static void
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

static void
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

static const char *
file(struct bench *b, const char *name)
{
	return arena_printf(&b->w.mem, "%s/%s", b->dir, name);
}

static void
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

static void
publish(struct bench *b, bool next)
{
	b->keys =
	    arena_printf(&b->w.mem, "{\"keys\":[%s%s%s]}", token_jwk(&b->w.mem, &b->key),
		next ? "," : "", next ? token_jwk(&b->w.mem, &b->next) : "");
}

static int
provider_run(struct store_tx *tx, void *arg, struct fault *f)
{
	(void)f;
	return store_oidc_put(tx,
	    &(struct store_oidc){ .url = arg,
		.clients_json = text("[\"app\",\"other\"]"),
		.thumbprints_json = text("[]") });
}

static void
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

static void
bench_up(struct bench *b)
{
	bench_up_with(b, "", POLICY(TRUST("'sts:*'", FROM_THERE)));
}

static void
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
static const char *
token(struct bench *b, const char *more)
{
	return token_make(&b->w.mem, &b->key,
	    arena_printf(&b->w.mem,
		"{\"iss\":\"" ISSUER "\",\"sub\":\"alice-at-idp\",%s}",
		filled(&b->w, more)));
}

#define GOOD "'aud':'app','exp':1795228000"

static void
ask_form(struct bench *b, const char *role, const char *jwt, const char *more)
{
	sts_as(&b->w, NULL, "AssumeRoleWithWebIdentity",
	    arena_printf(&b->w.mem,
		"RoleArn=%s&RoleSessionName=ci-run&WebIdentityToken=%s%s",
		role_arn(&b->w, role), jwt, more));
}

static void
ask(struct bench *b, const char *jwt)
{
	ask_form(b, "web", jwt, "");
}

static void
expect_bad(struct bench *b, const char *message)
{
	expect_xml_error(&b->w, 400, "InvalidIdentityToken", message);
}

/* ---- tests ---- */

static void
t_good(void **state)
{
	struct principal who;
	struct signer temp;
	struct bench b;
	(void)state;

	bench_up(&b);
	ask(&b, token(&b, GOOD));
	temp = keys_given(&b.w);
	assert_string_equal(element(&b.w, "SubjectFromWebIdentityToken"), "alice-at-idp");
	assert_string_equal(element(&b.w, "Audience"), "app");
	assert_string_equal(element(&b.w, "Provider"), filled(&b.w, PROVIDER));
	assert_string_equal(element(&b.w, "AssumedRoleId"), "AROAweb:ci-run");
	principal_of(&b.w, &temp, &who);
	assert_int_equal(who.kind, PRINCIPAL_ROLE);
	assert_string_equal(who.session->subject, "alice-at-idp");
	describe_sessions_as(&b.w, &temp);
	assert_int_equal(b.w.status, 200);
	row("the keys of the issuer are kept");
	ask(&b, token(&b, GOOD));
	expect_ok(&b.w);
	assert_int_equal(b.asked_discovery, 1);
	assert_int_equal(b.asked_keys, 1);
	row("for an hour");
	wait_s(&b.w, 3601);
	ask(&b, token(&b, "'aud':'app','exp':1795239999"));
	expect_ok(&b.w);
	assert_int_equal(b.asked_keys, 2);
	bench_down(&b);
}

static void
t_claims(void **state)
{
	static const struct {
		const char *what, *claims;
		int status;
		const char *code, *message; /* NULL: good, or any */
	} t[] = {
		{ "one of several audiences", "'aud':['x','other'],'exp':1795228000", 200,
		    NULL, NULL },
		{ "an audience we do not know", "'aud':'x','exp':1795228000", 400,
		    "InvalidIdentityToken", "Incorrect token audience" },
		{ "for a known one, but issued to another",
		    "'aud':'app','azp':'x','exp':1795228000", 400, "InvalidIdentityToken",
		    "Incorrect token audience" },
		{ "for another, but issued to a known one",
		    "'aud':'x','azp':'app','exp':1795228000", 200, NULL, NULL },
		{ "for nobody", "'exp':1795228000", 400, "InvalidIdentityToken",
		    "Missing a required claim: aud" },
		{ "without an end", "'aud':'app'", 400, "InvalidIdentityToken",
		    "Missing a required claim: exp" },
		{ "just over, clocks differ", "'aud':'app','exp':1795225245", 200, NULL,
		    NULL },
		{ "over", "'aud':'app','exp':1795225000", 400, "ExpiredTokenException",
		    "Token expired: current date/time 1795225285 must be before the "
		    "expiration "
		    "date/time 1795225000" },
		{ "not begun", "'aud':'app','exp':1795228000,'nbf':1795226000", 403,
		    "IDPRejectedClaim", NULL },
		{ "made in the future", "'aud':'app','exp':1795228000,'iat':1795226000",
		    403, "IDPRejectedClaim", NULL },
		{ "just made, clocks differ",
		    "'aud':'app','exp':1795228000,'iat':1795225300", 200, NULL, NULL },
	};
	struct bench b;
	(void)state;

	bench_up(&b);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		ask(&b, token(&b, t[i].claims));
		if (t[i].code == NULL)
			expect_ok(&b.w);
		else
			expect_xml_error(&b.w, t[i].status, t[i].code, t[i].message);
	}
	assert_int_equal(b.asked_keys, 1);
	bench_down(&b);
}

static void
t_not_ours(void **state)
{
	struct bench b;
	char *changed;
	(void)state;

	bench_up(&b);
	row("no token");
	ask(&b, "abcdefgh");
	expect_bad(&b, TEXT_NO_TOKEN);
	row("not signed");
	ask(&b,
	    token_make_with(&b.w.mem, &b.key, "{\"alg\":\"none\"}",
		"{\"iss\":\"" ISSUER "\",\"sub\":\"x\"}"));
	expect_bad(&b, TEXT_NO_TOKEN);
	row("an HMAC");
	ask(&b,
	    token_make_with(&b.w.mem, &b.key, "{\"alg\":\"HS256\",\"kid\":\"one\"}",
		"{\"iss\":\"" ISSUER "\",\"sub\":\"x\"}"));
	expect_bad(&b, TEXT_NO_TOKEN);
	row("an issuer that is none");
	ask(&b, token_make(&b.w.mem, &b.key, "{\"iss\":\"http://idp.example\"}"));
	expect_bad(&b, "Issuer must be a valid URL");
	row("an issuer nobody made a provider for");
	ask(&b, token_make(&b.w.mem, &b.key, "{\"iss\":\"https://evil.example\"}"));
	expect_bad(&b,
	    "No OpenIDConnect provider found in your account for https://evil.example");
	row("none of these asked anybody for keys");
	assert_int_equal(b.asked_discovery, 0);
	row("another's signature");
	changed = arena_strdup(&b.w.mem, token(&b, GOOD));
	strrchr(changed, '.')[9] ^= 1;
	ask(&b, changed);
	expect_bad(&b, NULL);
	row("a subject too long for AWS");
	ask(&b,
	    token_make(&b.w.mem, &b.key,
		arena_printf(&b.w.mem,
		    "{\"iss\":\"" ISSUER
		    "\",\"sub\":\"%0256d\",\"aud\":\"app\",\"exp\":1795228000}",
		    7)));
	expect_bad(&b, NULL);
	bench_down(&b);
}

/* A key that is not there is looked for once a minute, whoever asks how often. */
static void
t_rotation(void **state)
{
	struct token_key one;
	struct bench b;
	(void)state;

	bench_up(&b);
	ask(&b, token(&b, GOOD));
	expect_ok(&b.w);
	one = b.key;
	b.key = b.next;
	row("a new key right after the old ones were fetched");
	for (int i = 0; i < 5; i++) {
		ask(&b, token(&b, GOOD));
		expect_bad(&b, TEXT_NO_KEY);
	}
	assert_int_equal(b.asked_keys, 1);
	row("a minute later they are fetched again");
	wait_s(&b.w, 61);
	b.keys = arena_printf(&b.w.mem, "{\"keys\":[%s]}", token_jwk(&b.w.mem, &b.next));
	ask(&b, token(&b, GOOD));
	expect_ok(&b.w);
	assert_int_equal(b.asked_keys, 2);
	row("a key that was taken back is good no more");
	b.key = one;
	ask(&b, token(&b, GOOD));
	expect_bad(&b, TEXT_NO_KEY);
	bench_down(&b);
}

static void
t_bad_issuer(void **state)
{
	static const struct {
		const char *what, *discovery, *keys;
		int status;
		bool silent;
		const char *code;
	} t[] = {
		{ .what = "it has no answer",
		    .silent = true,
		    .code = "IDPCommunicationError" },
		{ .what = "it is broken",
		    .status = 500,
		    .code = "IDPCommunicationError" },
		{ .what = "it sends us elsewhere",
		    .status = 302,
		    .code = "InvalidIdentityToken" },
		{ .what = "there is nothing",
		    .status = 404,
		    .code = "InvalidIdentityToken" },
		{ .what = "it speaks for another",
		    .discovery = "{\"issuer\":\"https://other.example\",\"jwks_uri\":"
				 "\"https://idp.example/keys\"}",
		    .code = "InvalidIdentityToken" },
		{ .what = "its keys are not on TLS",
		    .discovery = "{\"issuer\":\"" ISSUER
				 "\",\"jwks_uri\":\"http://idp.example/keys\"}",
		    .code = "InvalidIdentityToken" },
		{ .what = "its keys are where nobody may look",
		    .discovery = "{\"issuer\":\"" ISSUER
				 "\",\"jwks_uri\":\"https://169.254.169.254/keys\"}",
		    .code = "InvalidIdentityToken" },
		{ .what = "its keys are on a host that is not there",
		    .discovery = "{\"issuer\":\"" ISSUER
				 "\",\"jwks_uri\":\"https://nowhere.example/keys\"}",
		    .code = "IDPCommunicationError" },
		{ .what = "its keys are none",
		    .keys = "[]",
		    .code = "InvalidIdentityToken" },
		{ .what = "it has no key at all",
		    .keys = "{\"keys\":[]}",
		    .code = "InvalidIdentityToken" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct bench b;

		row(t[i].what);
		bench_up(&b);
		b.discovery = t[i].discovery != NULL ? t[i].discovery : b.discovery;
		b.keys = t[i].keys != NULL ? t[i].keys : b.keys;
		b.status = t[i].status;
		b.silent = t[i].silent;
		ask(&b, token(&b, GOOD));
		expect_xml_error(&b.w, 400, t[i].code, NULL);
		bench_down(&b);
	}
}

/* After a failure the issuer is left alone for some seconds, and then it may be well again. */
static void
t_recovery(void **state)
{
	struct bench b;
	(void)state;

	bench_up(&b);
	b.status = 503;
	for (int i = 0; i < 5; i++) {
		ask(&b, token(&b, GOOD));
		expect_xml_error(&b.w, 400, "IDPCommunicationError", NULL);
	}
	assert_int_equal(b.asked_discovery, 1);
	b.status = 0;
	wait_s(&b.w, 6);
	ask(&b, token(&b, GOOD));
	expect_ok(&b.w);
	row("old keys do while it is away");
	b.status = 503;
	wait_s(&b.w, 2 * 3600);
	ask(&b, token(&b, "'aud':'app','exp':1795299999"));
	expect_ok(&b.w);
	row("but not for ever");
	wait_s(&b.w, 24 * 3600);
	ask(&b, token(&b, "'aud':'app','exp':1795399999"));
	expect_xml_error(&b.w, 400, "IDPCommunicationError", NULL);
	bench_down(&b);
}

static void
t_denied_address(void **state)
{
	struct bench b;
	(void)state;

	bench_up_with(&b, "0.0.0.0/0 ::/0", POLICY(TRUST("'sts:*'", FROM_THERE)));
	ask(&b, token(&b, GOOD));
	expect_xml_error(&b.w, 400, "IDPCommunicationError", NULL);
	assert_int_equal(b.asked_discovery, 0);
	bench_down(&b);
}

static void
t_settings(void **state)
{
	static const struct {
		const char *what, *ca_file, *deny, *why;
	} t[] = {
		{ "prefixes that are none", "", "10.0.0.0/33",
		    "oidc_deny: \"10.0.0.0/33\"" },
		{ "certificates that are not there", "/nonexistent", "",
		    "oidc_ca_file: cannot" },
	};
	struct ev_loop *loop = ev_loop_new();
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct fault f = { 0 };
		struct oidc *o = NULL;

		row(t[i].what);
		assert_int_not_equal(oidc_new(&o, loop, t[i].ca_file, t[i].deny, &f), 0);
		if (strncmp(f.text, t[i].why, strlen(t[i].why)) != 0)
			fail_msg("%s", f.text);
	}
	ev_loop_free(loop);
}

static void
t_client_leaves(void **state)
{
	struct raw q = { .method = "POST", .target = "/" };
	struct bench b;
	(void)state;

	bench_up(&b);
	b.silent = true;
	q.body = arena_printf(&b.w.mem,
	    "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=%s"
	    "&RoleSessionName=ci-run&WebIdentityToken=%s",
	    role_arn(&b.w, "web"), token(&b, GOOD));
	raw_header(&q, "Content-Type", "application/x-www-form-urlencoded");
	send_only(&b.w, &q);
	sim_run_for(b.w.sim, 1000);
	assert_int_equal(b.asked_discovery, 1);
	row("who waited is gone when the issuer fails");
	http_client_free(b.w.http);
	b.w.http = http_client_new(b.w.client_loop, NULL, NULL, NULL);
	wait_s(&b.w, 20);
	row("and the server stops while somebody waits");
	send_only(&b.w, &q);
	sim_run_for(b.w.sim, 1000);
	bench_down(&b);
}

static void
t_trust(void **state)
{
	static const struct {
		const char *what, *trust, *claims;
		bool in;
	} t[] = {
		{ "whoever comes from there", POLICY(TRUST(CALL, FROM_THERE)), GOOD,
		    true },
		{ "another provider",
		    POLICY(TRUST(
			CALL, "{'Federated':'arn:aws:iam::ACCOUNT:oidc-provider/x.y'}")),
		    GOOD, false },
		{ "the account is not enough", POLICY(TRUST(CALL, ANYBODY_HERE)), GOOD,
		    false },
		{ "nor is anybody", POLICY(TRUST(CALL, "'*'")), GOOD, false },
		{ "signed calls only", POLICY(TRUST("'sts:AssumeRole'", FROM_THERE)),
		    GOOD, false },
		{ "this subject",
		    POLICY(TRUST_IF(CALL, FROM_THERE,
			"{'StringEquals':{'idp.example:sub':'alice-at-idp'}}")),
		    GOOD, true },
		{ "another subject",
		    POLICY(TRUST_IF(CALL, FROM_THERE,
			"{'StringEquals':{'idp.example:sub':'bob-at-idp'}}")),
		    GOOD, false },
		{ "this audience",
		    POLICY(TRUST_IF(CALL, FROM_THERE,
			"{'StringEquals':{'idp.example:aud':'other'}}")),
		    GOOD, false },
		{ "a second factor there",
		    POLICY(TRUST_IF(CALL, FROM_THERE,
			"{'ForAnyValue:StringEquals':{'idp.example:amr':'mfa'}}")),
		    GOOD ",'amr':['pwd','mfa']", true },
		{ "no second factor there",
		    POLICY(TRUST_IF(CALL, FROM_THERE,
			"{'ForAnyValue:StringEquals':{'idp.example:amr':'mfa'}}")),
		    GOOD ",'amr':['pwd']", false },
		{ "tags of the token, which the role does not take",
		    POLICY(TRUST(CALL, FROM_THERE)),
		    GOOD
		    ",'https://aws.amazon.com/tags':{'principal_tags':{'team':['red']}}",
		    false },
		{ "tags of the token, which it takes",
		    POLICY(TRUST_IF("'sts:*'", FROM_THERE,
			"{'StringEquals':{'aws:RequestTag/team':'red'}}")),
		    GOOD
		    ",'https://aws.amazon.com/tags':{'principal_tags':{'team':['red']}}",
		    true },
		{ "who it is at home, which the role does not take",
		    POLICY(TRUST(CALL, FROM_THERE)),
		    GOOD ",'https://aws.amazon.com/source_identity':'alice'", false },
		{ "who it is at home, which it takes",
		    POLICY(TRUST_IF("'sts:*'", FROM_THERE,
			"{'StringLike':{'sts:SourceIdentity':'al*'}}")),
		    GOOD ",'https://aws.amazon.com/source_identity':'alice'", true },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct bench b;

		row(t[i].what);
		bench_up_with(&b, "", t[i].trust);
		ask(&b, token(&b, t[i].claims));
		if (t[i].in)
			expect_ok(&b.w);
		else
			expect_xml_error(&b.w, 403, "AccessDenied", NULL);
		bench_down(&b);
	}
}

static void
t_words(void **state)
{
	struct bench b;
	(void)state;

	bench_up_with(&b, "", POLICY(TRUST(CALL, ANYBODY_HERE)));
	ask(&b, token(&b, GOOD));
	expect_xml_error(&b.w, 403, "AccessDenied",
	    "Not authorized to perform sts:AssumeRoleWithWebIdentity");
	row("a role that is not there sounds the same");
	ask_form(&b, "nobody", token(&b, GOOD), "");
	expect_xml_error(&b.w, 403, "AccessDenied",
	    "Not authorized to perform sts:AssumeRoleWithWebIdentity");
	row("and nobody learns of it with a bad token");
	ask_form(&b, "nobody", "abcdefgh", "");
	expect_bad(&b, TEXT_NO_TOKEN);
	bench_down(&b);
}

static void
t_length(void **state)
{
	struct bench b;
	(void)state;

	bench_up(&b);
	ask_form(&b, "web", token(&b, GOOD), "&DurationSeconds=7200");
	expect_ok(&b.w);
	assert_string_equal(element(&b.w, "Expiration"), "2026-11-21T03:41:25Z");
	ask_form(&b, "web", token(&b, GOOD), "&DurationSeconds=7201");
	expect_xml_error(&b.w, 400, "ValidationError",
	    "The requested DurationSeconds exceeds the MaxSessionDuration set for this "
	    "role.");
	ask_form(&b, "web", token(&b, GOOD), "&Policy=x");
	expect_xml_error(&b.w, 400, "MalformedPolicyDocument", NULL);
	bench_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_good),
		cmocka_unit_test(t_claims),
		cmocka_unit_test(t_not_ours),
		cmocka_unit_test(t_rotation),
		cmocka_unit_test(t_bad_issuer),
		cmocka_unit_test(t_recovery),
		cmocka_unit_test(t_denied_address),
		cmocka_unit_test(t_settings),
		cmocka_unit_test(t_client_leaves),
		cmocka_unit_test(t_trust),
		cmocka_unit_test(t_words),
		cmocka_unit_test(t_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
