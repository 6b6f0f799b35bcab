/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AssumeRoleWithWebIdentity: which tokens are good, and whom the trust policy lets in.
 */
#include "web_bench.h"

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
	assert_string_equal(element(&b.w, "AssumedRoleId"), "AROAWEB77777777777777:ci-run");
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
		cmocka_unit_test(t_trust),
		cmocka_unit_test(t_words),
		cmocka_unit_test(t_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
