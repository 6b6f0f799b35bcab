/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions of users: who gets one, for how long, with what proof, and what its keys are not
 * good for.
 */
#include "sts_bench.h"

#include "store/store_audit.h"

#define SELF POLICY(ALLOW("['sts:*','iam:*','ssm:DescribeSessions']", "'*'"))

static void
t_plain(void **state)
{
	struct signer alice, temp;
	struct principal who;
	struct world w;
	(void)state;

	world_up(&w);
	alice = add_user(&w, "alice", SELF);
	sts_as(&w, &alice, "GetSessionToken", "DurationSeconds=900");
	temp = keys_given(&w);
	assert_true(strncmp(temp.access_key, "ASIA", 4) == 0);
	assert_string_equal(element(&w, "Expiration"), "2026-11-21T01:56:25Z");
	principal_of(&w, &temp, &who);
	assert_int_equal(who.kind, PRINCIPAL_USER);
	assert_string_equal(who.name, "alice");
	assert_int_equal(who.session->mfa_ms, 0);
	row("they call as the user");
	sts_as(&w, &temp, "GetCallerIdentity", "");
	assert_true(body_has(&w, ":user/alice</Arn>"));
	describe_sessions_as(&w, &temp);
	assert_int_equal(w.status, 200);
	row("but not without their token, nor with another");
	describe_sessions_as(
	    &w, &(struct signer){ .access_key = temp.access_key, .secret = temp.secret });
	expect_error(&w, "UnrecognizedClientException", NULL);
	describe_sessions_as(&w,
	    &(struct signer){ .access_key = temp.access_key,
		.secret = temp.secret,
		.token = temp.secret });
	expect_error(&w, "UnrecognizedClientException", NULL);
	row("nor for IAM, or for more sessions");
	iam_as(&w, &temp, "GetUser", "");
	expect_xml_error(&w, 403, "InvalidClientTokenId",
	    "The security token included in the request is invalid");
	sts_as(&w, &temp, "GetSessionToken", "");
	expect_xml_error(&w, 403, "AccessDenied",
	    "Cannot call GetSessionToken with session credentials");
	sts_as(&w, &temp, "GetAccessKeyInfo", "AccessKeyId=AKIAAAAAAAAAAAAAAAAA");
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	row("nor when their time is over");
	wait_s(&w, 901);
	sts_as(&w, &temp, "GetCallerIdentity", "");
	expect_xml_error(&w, 403, "ExpiredToken",
	    "The security token included in the request is expired");
	world_down(&w);
}

static void
t_durations(void **state)
{
	static const struct {
		const char *form;
		bool ok;
	} t[] = {
		{ "DurationSeconds=899", false },
		{ "DurationSeconds=900", true },
		{ "DurationSeconds=129600", true },
		{ "DurationSeconds=129601", false },
		{ "", true },
	};
	struct world w;
	(void)state;

	world_up(&w);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].form);
		sts_as(&w, &w.admin, "GetSessionToken", t[i].form);
		if (t[i].ok)
			expect_ok(&w);
		else
			expect_xml_error(&w, 400, "ValidationError", NULL);
	}
	assert_string_equal(element(&w, "Expiration"), "2026-11-21T13:41:25Z");
	world_down(&w);
}

static void
t_nobody_is_asked(void **state)
{
	struct signer bob;
	struct world w;
	(void)state;

	world_up(&w);
	row("a user without any policy, as at AWS");
	bob = add_user(&w, "bob", NULL);
	sts_as(&w, &bob, "GetSessionToken", "");
	expect_ok(&w);
	row("but whose key this is, it may not ask");
	sts_as(&w, &bob, "GetAccessKeyInfo", "AccessKeyId=AKIAAAAAAAAAAAAAAAAA");
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	row("the administrator may");
	sts_as(&w, &w.admin, "GetAccessKeyInfo",
	    arena_printf(&w.mem, "AccessKeyId=%s", bob.access_key));
	assert_string_equal(element(&w, "Account"), w.account.account);
	sts_as(&w, &w.admin, "GetAccessKeyInfo", "AccessKeyId=AKIAZZZZZZZZZZZZZZZZ");
	expect_xml_error(&w, 400, "ValidationError", NULL);
	world_down(&w);
}

#define BAD_CODE "MultiFactorAuthentication failed with invalid MFA one time pass code. "
#define BAD_SERIAL                                                                \
	"MultiFactorAuthentication failed, unable to validate MFA code.  Please " \
	"verify your MFA serial number is valid and associated with this user."

static void
ask_with(struct world *w, const struct signer *s, const char *serial, const char *code)
{
	sts_as(w, s, "GetSessionToken",
	    arena_printf(&w->mem, "SerialNumber=%s&TokenCode=%s", serial, code));
}

static void
t_second_factor(void **state)
{
	struct signer alice, bob, temp;
	const char *serial, *code;
	struct principal who;
	struct world w;
	(void)state;

	world_up(&w);
	alice = add_user(&w, "alice", SELF);
	bob = add_user(&w, "bob", SELF);
	serial = add_device(&w, "alice");
	code = code_now(&w);
	ask_with(&w, &alice, serial, code);
	temp = keys_given(&w);
	principal_of(&w, &temp, &who);
	assert_int_equal(who.session->mfa_ms, who.session->issued_ms);
	row("with it IAM answers");
	iam_as(&w, &temp, "GetUser", "");
	expect_ok(&w);
	row("each code is good once");
	ask_with(&w, &alice, serial, code);
	expect_xml_error(&w, 403, "AccessDenied", BAD_CODE);
	row("another's device");
	ask_with(&w, &bob, serial, code_now(&w));
	expect_xml_error(&w, 403, "AccessDenied", BAD_SERIAL);
	row("a device nobody has");
	ask_with(&w, &alice, "arn:aws:iam::123456789012:mfa/x", "123456");
	expect_xml_error(&w, 403, "AccessDenied", BAD_SERIAL);
	row("half of it");
	sts_as(&w, &alice, "GetSessionToken",
	    arena_printf(&w.mem, "SerialNumber=%s", serial));
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	world_down(&w);
}

struct events {
	size_t n, refused;
};

static bool
count_event(void *arg, const struct store_audit_event *e)
{
	struct events *count = arg;

	count->n++;
	count->refused += strstr(e->event, "\"errorCode\":\"AccessDenied\"") != NULL;
	return true;
}

/* What the trail says of calls of this name. */
static struct events
events_of(struct world *w, const char *name)
{
	const struct store_audit_query q = { .by = STORE_AUDIT_EVENT_NAME,
		.value = name,
		.to_s = INT64_MAX,
		.before_s = INT64_MAX,
		.before_seq = INT64_MAX };
	struct events count = { 0 };

	assert_int_equal(
	    store_audit_lookup(store_reader(w->store), &q, count_event, &count), 0);
	return count;
}

/*
 * A refusal is stored, so that the fifth blocks the device for the right code as well; in the
 * audit trail it is a refusal and nothing else.
 */
static void
t_guessing(void **state)
{
	struct signer alice;
	const char *serial;
	struct world w;
	(void)state;

	world_up(&w);
	alice = add_user(&w, "alice", SELF);
	serial = add_device(&w, "alice");
	for (int i = 0; i < 5; i++) {
		ask_with(&w, &alice, serial, "000000");
		expect_xml_error(&w, 403, "AccessDenied", BAD_CODE);
	}
	ask_with(&w, &alice, serial, code_now(&w));
	expect_xml_error(&w, 403, "AccessDenied", BAD_CODE);
	assert_int_equal(events_of(&w, "GetSessionToken").n, 6);
	assert_int_equal(events_of(&w, "GetSessionToken").refused, 6);
	wait_s(&w, 31);
	ask_with(&w, &alice, serial, code_now(&w));
	expect_ok(&w);
	assert_int_equal(events_of(&w, "GetSessionToken").n, 7);
	assert_int_equal(events_of(&w, "GetSessionToken").refused, 6);
	world_down(&w);
}

static int
replace_alice(struct store_tx *tx, void *arg, struct fault *f)
{
	(void)arg;
	(void)f;
	return replace_entity(tx, STORE_USER, "alice", "AIDAother");
}

static void
t_next_of_that_name(void **state)
{
	struct signer temp, alice;
	struct world w;
	(void)state;

	world_up(&w);
	alice = add_user(&w, "alice", SELF);
	sts_as(&w, &alice, "GetSessionToken", "");
	temp = keys_given(&w);
	assert_int_equal(store_apply(w.store, replace_alice, NULL, NULL), 0);
	describe_sessions_as(&w, &temp);
	expect_error(&w, "UnrecognizedClientException", NULL);
	world_down(&w);
}

static int
lock_alice(struct store_tx *tx, void *arg, struct fault *f)
{
	(void)f;
	return store_lock_put(tx,
	    &(struct store_lock){
		.id = text("AIDAALICE777777777777"), .arn = arg, .reason = text("stolen laptop"), .by_arn = text("A") });
}

static void
t_locked(void **state)
{
	struct signer alice;
	struct world w;
	(void)state;

	world_up(&w);
	alice = add_user(&w, "alice", SELF);
	assert_int_equal(
	    store_apply(w.store, lock_alice,
		arena_printf(&w.mem, "arn:aws:iam::%s:user/alice", w.account.account),
		NULL),
	    0);
	access_changed(server_env(w.server)->access);
	sts_as(&w, &alice, "GetSessionToken", "");
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	assert_true(body_has(&w, "stolen laptop"));
	world_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_plain),
		cmocka_unit_test(t_durations),
		cmocka_unit_test(t_nobody_is_asked),
		cmocka_unit_test(t_second_factor),
		cmocka_unit_test(t_guessing),
		cmocka_unit_test(t_next_of_that_name),
		cmocka_unit_test(t_locked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
