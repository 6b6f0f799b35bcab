/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of identity providers: how often an issuer is asked for them, and what is made of one
 * that is away, broken or where nobody may look.
 */
#include "web_bench.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_rotation),
		cmocka_unit_test(t_bad_issuer),
		cmocka_unit_test(t_recovery),
		cmocka_unit_test(t_denied_address),
		cmocka_unit_test(t_settings),
		cmocka_unit_test(t_client_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
