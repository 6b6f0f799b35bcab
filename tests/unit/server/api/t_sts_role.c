/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AssumeRole: whom a role lets in and on what conditions, what goes on to its sessions, and
 * what ends them.
 */
#include "sts_bench.h"

#define CALL      "'sts:AssumeRole'"
#define MAY(what) POLICY(ALLOW("['sts:*']", "'*'") what)
#define SEE       ",{'Effect':'Allow','Action':'ssm:DescribeSessions','Resource':'*'}"

static void
expect_refused(struct world *w, const char *caller, const char *action, const char *role)
{
	expect_xml_error(w, 403, "AccessDenied",
	    arena_printf(&w->mem,
		"User: arn:aws:iam::%s:user/%s is not authorized to perform: %s on "
		"resource: %s",
		w->account.account, caller, action, role_arn(w, role)));
}

static void
t_session(void **state)
{
	struct signer alice, temp;
	struct principal who;
	struct world w;
	(void)state;

	world_up(&w);
	alice = add_user(&w, "alice", MAY());
	add_role(&w, "ops", POLICY(TRUST(CALL, ANYBODY_HERE)),
	    POLICY(ALLOW("'ssm:*'", "'*'")));
	assume_as(&w, &alice, "ops", "");
	temp = keys_given(&w);
	assert_string_equal(element(&w, "AssumedRoleId"), "AROAOPS77777777777777:deploy");
	assert_string_equal(element(&w, "Expiration"), "2026-11-21T02:41:25Z");
	assert_false(body_has(&w, "PackedPolicySize"));
	principal_of(&w, &temp, &who);
	assert_int_equal(who.kind, PRINCIPAL_ROLE);
	assert_string_equal(who.session_name, "deploy");
	assert_string_equal(who.user_id, "AROAOPS77777777777777:deploy");
	assert_string_equal(who.role_arn, role_arn(&w, "ops"));
	sts_as(&w, &temp, "GetCallerIdentity", "");
	assert_true(body_has(&w, ":assumed-role/ops/deploy</Arn>"));
	row("it may what the role may, and no more");
	describe_sessions_as(&w, &temp);
	assert_int_equal(w.status, 200);
	iam_as(&w, &temp, "GetUser", "UserName=alice");
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	row("no session of a session");
	sts_as(&w, &temp, "GetSessionToken", "");
	expect_xml_error(&w, 403, "AccessDenied",
	    "Cannot call GetSessionToken with session credentials");
	world_down(&w);
}

/* Who is let in: the caller's policies and the role's, as AWS weighs them. */
static void
t_trust(void **state)
{
	static const struct {
		const char *what, *mine, *trust;
		bool in;
	} t[] = {
		{ "the account, and my policy allows", MAY(),
		    POLICY(TRUST(CALL, ANYBODY_HERE)), true },
		{ "the account, and my policy does not", NULL,
		    POLICY(TRUST(CALL, ANYBODY_HERE)), false },
		{ "I am named: no policy is needed", NULL,
		    POLICY(TRUST(CALL, "{'AWS':'arn:aws:iam::ACCOUNT:user/alice'}")),
		    true },
		{ "I am named, but my policy denies",
		    POLICY("{'Effect':'Deny','Action':'sts:*','Resource':'*'}"),
		    POLICY(TRUST(CALL, "{'AWS':'arn:aws:iam::ACCOUNT:user/alice'}")),
		    false },
		{ "another is named", MAY(),
		    POLICY(TRUST(CALL, "{'AWS':'arn:aws:iam::ACCOUNT:user/bob'}")),
		    false },
		{ "a service", MAY(),
		    POLICY(TRUST(CALL, "{'Service':'ssm.amazonaws.com'}")), false },
		{ "another account", MAY(), POLICY(TRUST(CALL, "{'AWS':'210987654321'}")),
		    false },
		{ "my policy allows another role",
		    POLICY(
			ALLOW("'sts:AssumeRole'", "'arn:aws:iam::ACCOUNT:role/other'")),
		    POLICY(TRUST(CALL, ANYBODY_HERE)), false },
		{ "my policy allows this role",
		    POLICY(ALLOW("'sts:AssumeRole'", "'arn:aws:iam::ACCOUNT:role/ops'")),
		    POLICY(TRUST(CALL, ANYBODY_HERE)), true },
		{ "the trust policy denies", MAY(),
		    POLICY(TRUST(CALL, ANYBODY_HERE) ",{'Effect':'Deny','Action':" CALL
						     ",'Principal':'*'}"),
		    false },
		{ "another way in only", MAY(),
		    POLICY(TRUST("'sts:TagSession'", ANYBODY_HERE)), false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct signer alice;
		struct world w;

		row(t[i].what);
		world_up(&w);
		alice = add_user(&w, "alice", t[i].mine);
		(void)add_user(&w, "bob", NULL);
		add_role(&w, "ops", t[i].trust, NULL);
		assume_as(&w, &alice, "ops", "");
		if (t[i].in)
			expect_ok(&w);
		else
			expect_xml_error(&w, 403, "AccessDenied", NULL);
		world_down(&w);
	}
}

static void
t_words(void **state)
{
	struct signer alice;
	struct world w;
	(void)state;

	world_up(&w);
	alice = add_user(&w, "alice", NULL);
	add_role(&w, "ops", POLICY(TRUST(CALL, ANYBODY_HERE)), NULL);
	assume_as(&w, &alice, "ops", "");
	expect_refused(&w, "alice", "sts:AssumeRole", "ops");
	row("a role that is not there sounds the same");
	assume_as(&w, &alice, "nobody", "");
	expect_refused(&w, "alice", "sts:AssumeRole", "nobody");
	row("so does one in another account or under another path");
	sts_as(&w, &w.admin, "AssumeRole",
	    "RoleArn=arn:aws:iam::210987654321:role/ops&RoleSessionName=x1");
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	assume_as(&w, &w.admin, "path/ops", "");
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	row("what is no ARN");
	sts_as(&w, &w.admin, "AssumeRole",
	    "RoleArn=nothing-valid-in-here&RoleSessionName=x1");
	expect_xml_error(&w, 400, "ValidationError", "nothing-valid-in-here is invalid");
	sts_as(&w, &w.admin, "AssumeRole",
	    "RoleArn=arn:a::::something/test-role&RoleSessionName=x1");
	expect_xml_error(
	    &w, 400, "ValidationError", "arn:a::::something/test-role is invalid");
	row("a name that is none");
	sts_as(&w, &w.admin, "AssumeRole",
	    arena_printf(
		&w.mem, "RoleArn=%s&RoleSessionName=Session1:2", role_arn(&w, "ops")));
	expect_xml_error(&w, 400, "ValidationError", NULL);
	assert_true(body_has(&w,
			"&apos;Session1:2&apos; at &apos;roleSessionName&apos; failed") ||
	    body_has(&w, "'Session1:2' at 'roleSessionName' failed"));
	world_down(&w);
}

/* Conditions of trust policies, on what the request says. */
static void
t_conditions(void **state)
{
	static const struct {
		const char *what, *condition, *form;
		bool in;
	} t[] = {
		{ "the right external id", "{'StringEquals':{'sts:ExternalId':'acme'}}",
		    "ExternalId=acme", true },
		{ "a wrong one", "{'StringEquals':{'sts:ExternalId':'acme'}}",
		    "ExternalId=acm", false },
		{ "none", "{'StringEquals':{'sts:ExternalId':'acme'}}", "", false },
		{ "the name of the session",
		    "{'StringLike':{'sts:RoleSessionName':'dep*'}}", "", true },
		{ "another name", "{'StringLike':{'sts:RoleSessionName':'alice*'}}", "",
		    false },
		{ "one's own name only",
		    "{'StringEquals':{'sts:RoleSessionName':"
		    "'${aws:username}'}}",
		    "", false },
		{ "a tag", "{'StringEquals':{'aws:RequestTag/team':'red'}}",
		    "Tags.member.1.Key=team&Tags.member.1.Value=red", true },
		{ "the tag with another value",
		    "{'StringEquals':{'aws:RequestTag/team':'red'}}",
		    "Tags.member.1.Key=team&Tags.member.1.Value=blue", false },
		{ "these tags only",
		    "{'ForAllValues:StringEquals':{'aws:TagKeys':['team']}}",
		    "Tags.member.1.Key=cost&Tags.member.1.Value=7", false },
		{ "a tag that must go on",
		    "{'ForAnyValue:StringEquals':{'sts:TransitiveTagKeys':'team'}}",
		    "Tags.member.1.Key=team&Tags.member.1.Value=red&TransitiveTagKeys."
		    "member.1="
		    "team",
		    true },
		{ "a tag that must go on, and does not",
		    "{'ForAnyValue:StringEquals':{'sts:TransitiveTagKeys':'team'}}",
		    "Tags.member.1.Key=team&Tags.member.1.Value=red", false },
		{ "whoever it is", "{'StringLike':{'sts:SourceIdentity':'al*'}}",
		    "SourceIdentity=alice", true },
		{ "somebody else", "{'StringLike':{'sts:SourceIdentity':'al*'}}",
		    "SourceIdentity=bob", false },
		{ "a second factor, without one",
		    "{'Bool':{'aws:MultiFactorAuthPresent':'true'}}", "", false },
		{ "the address it comes from",
		    "{'IpAddress':{'aws:SourceIp':'203.0.113.0/24'}}", "", false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct signer alice;
		struct world w;

		row(t[i].what);
		world_up(&w);
		alice = add_user(&w, "alice", MAY());
		add_role(&w, "ops",
		    arena_printf(&w.mem, POLICY(TRUST_IF("'sts:*'", ANYBODY_HERE, "%s")),
			t[i].condition),
		    NULL);
		assume_as(&w, &alice, "ops", t[i].form);
		if (t[i].in)
			expect_ok(&w);
		else
			expect_xml_error(&w, 403, "AccessDenied", NULL);
		world_down(&w);
	}
}

/* Tags and source identities are permissions of their own, on both sides. */
static void
t_further_permissions(void **state)
{
	static const struct {
		const char *what, *mine, *trusted, *form, *refused; /* NULL: let in */
	} t[] = {
		{ "tags, and both allow them", "['sts:AssumeRole','sts:TagSession']",
		    "['sts:AssumeRole','sts:TagSession']",
		    "Tags.member.1.Key=a&Tags.member.1.Value=b", NULL },
		{ "tags, and I may not", "'sts:AssumeRole'",
		    "['sts:AssumeRole','sts:TagSession']",
		    "Tags.member.1.Key=a&Tags.member.1.Value=b", "sts:TagSession" },
		{ "tags, and the role does not want them",
		    "['sts:AssumeRole','sts:TagSession']", "'sts:AssumeRole'",
		    "Tags.member.1.Key=a&Tags.member.1.Value=b", "sts:TagSession" },
		{ "a source identity, and I may not", "'sts:AssumeRole'",
		    "['sts:AssumeRole','sts:SetSourceIdentity']", "SourceIdentity=alice",
		    "sts:SetSourceIdentity" },
		{ "a source identity, and both allow it",
		    "['sts:AssumeRole','sts:SetSourceIdentity']",
		    "['sts:AssumeRole','sts:SetSourceIdentity']", "SourceIdentity=alice",
		    NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct signer alice;
		struct world w;

		row(t[i].what);
		world_up(&w);
		alice = add_user(&w, "alice",
		    arena_printf(&w.mem, POLICY(ALLOW("%s", "'*'")), t[i].mine));
		add_role(&w, "ops",
		    arena_printf(&w.mem, POLICY(TRUST("%s", ANYBODY_HERE)), t[i].trusted),
		    NULL);
		assume_as(&w, &alice, "ops", t[i].form);
		if (t[i].refused == NULL)
			expect_ok(&w);
		else
			expect_refused(&w, "alice", t[i].refused, "ops");
		world_down(&w);
	}
}

static void
t_bad_tags(void **state)
{
	static const struct {
		const char *form, *code, *message;
	} t[] = {
		{ "Tags.member.1.Key=team&Tags.member.1.Value=a&Tags.member.2.Key=TEAM"
		  "&Tags.member.2.Value=b",
		    "InvalidParameterValue",
		    "Duplicate tag keys found. Please note that Tag keys are case "
		    "insensitive." },
		{ "Tags.member.1.Key=team&Tags.member.1.Value=a&TransitiveTagKeys.member."
		  "1=x",
		    "InvalidParameterValue",
		    "The specified transitive tag key must be included in the requested "
		    "tags." },
		{ "Tags.member.1.Key=aws:x&Tags.member.1.Value=a",
		    "InvalidParameterValue", NULL },
		{ "Tags.member.1.Key=a|b&Tags.member.1.Value=a", "ValidationError",
		    NULL },
	};
	struct world w;
	(void)state;

	world_up(&w);
	add_role(&w, "ops", POLICY(TRUST("'sts:*'", ANYBODY_HERE)), NULL);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].form);
		assume_as(&w, &w.admin, "ops", t[i].form);
		expect_xml_error(&w, 400, t[i].code, t[i].message);
	}
	world_down(&w);
}

#define RED                                                                     \
	"Tags.member.1.Key=Team&Tags.member.1.Value=red&Tags.member.2.Key=cost" \
	"&Tags.member.2.Value=7&TransitiveTagKeys.member.1=team&SourceIdentity=alice"

static void
t_chain(void **state)
{
	struct signer first, second;
	struct principal who;
	struct world w;
	(void)state;

	world_up(&w);
	add_role(&w, "one", POLICY(TRUST("'sts:*'", ANYBODY_HERE)), MAY());
	add_role(&w, "two", POLICY(TRUST("'sts:*'", ANYBODY_HERE)), MAY());
	add_role(&w, "plain", POLICY(TRUST("'sts:AssumeRole'", ANYBODY_HERE)), NULL);
	assume_as(&w, &w.admin, "one", RED "&DurationSeconds=7200");
	first = keys_given(&w);
	assert_string_equal(element(&w, "SourceIdentity"), "alice");
	row("transitive tags and the source identity go on");
	assume_as(&w, &first, "two", "DurationSeconds=3600");
	second = keys_given(&w);
	principal_of(&w, &second, &who);
	assert_int_equal(who.session->ntags, 1);
	assert_string_equal(who.session->tags[0].key, "Team");
	assert_string_equal(who.session->tags[0].value, "red");
	assert_true(who.session->tags[0].transitive);
	assert_string_equal(who.session->source_identity, "alice");
	row("and cannot be changed");
	assume_as(&w, &second, "one", "Tags.member.1.Key=team&Tags.member.1.Value=blue");
	expect_xml_error(&w, 400, "InvalidParameterValue",
	    "One of the specified transitive tag keys can&apos;t be set because it "
	    "conflicts "
	    "with a transitive tag key from the calling session.");
	assume_as(&w, &second, "one", "SourceIdentity=bob");
	expect_xml_error(&w, 400, "ValidationError",
	    "The source identity is already set for this assume role session");
	row("a role that does not want tags refuses inherited ones too");
	assume_as(&w, &first, "plain", "");
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	assert_true(body_has(&w, "sts:TagSession"));
	row("an hour is the limit in a chain");
	assume_as(&w, &first, "two", "DurationSeconds=3601");
	expect_xml_error(&w, 400, "ValidationError",
	    "The requested DurationSeconds exceeds the 1 hour session limit for roles "
	    "assumed "
	    "by role chaining.");
	row("and the role's own otherwise");
	assume_as(&w, &w.admin, "one", "DurationSeconds=7201");
	expect_xml_error(&w, 400, "ValidationError",
	    "The requested DurationSeconds exceeds the MaxSessionDuration set for this "
	    "role.");
	world_down(&w);
}

static const char *
encoded(struct world *w, const char *s)
{
	auto_buf b;

	buf_init(&b, 3 * strlen(s) + 1);
	uri_encode(&b, span_str(s), false);
	return arena_strdup(&w->mem, buf_cstr(&b));
}

static void
assume_with_policy(struct world *w, const char *policy)
{
	assume_as(w, &w->admin, "ops",
	    arena_printf(&w->mem, "Policy=%s", encoded(w, filled(w, policy))));
}

static void
t_session_policy(void **state)
{
	struct signer temp;
	struct world w;
	char *blanks;
	(void)state;

	world_up(&w);
	add_role(&w, "ops", POLICY(TRUST("'sts:*'", ANYBODY_HERE)),
	    POLICY(ALLOW("'*'", "'*'")));
	assume_with_policy(&w, POLICY(ALLOW("'iam:GetUser'", "'*'")));
	temp = keys_given(&w);
	assert_string_equal(element(&w, "PackedPolicySize"), "5");
	iam_as(&w, &temp, "GetUser", "UserName=admin");
	expect_ok(&w);
	describe_sessions_as(&w, &temp);
	expect_error(&w, "AccessDeniedException", NULL);
	assert_true(body_has(&w, "because no session policy allows"));
	row("by ARN");
	assume_as(&w, &w.admin, "ops",
	    "PolicyArns.member.1.arn=arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess");
	temp = keys_given(&w);
	describe_sessions_as(&w, &temp);
	assert_int_equal(w.status, 200);
	iam_as(&w, &temp, "GetUser", "UserName=admin");
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	row("that is not there");
	assume_as(&w, &w.admin, "ops",
	    "PolicyArns.member.1.arn=arn:aws:iam::aws:policy/NoSuchThing");
	expect_xml_error(&w, 400, "ValidationError", NULL);
	row("that is none");
	assume_with_policy(&w, "{'Statement':[]");
	expect_xml_error(&w, 400, "MalformedPolicyDocument", NULL);
	row("that is too long");
	blanks = arena_alloc(&w.mem, 2100);
	memset(blanks, ' ', 2099);
	assume_with_policy(
	    &w, arena_printf(&w.mem, "%s%s", POLICY(ALLOW("'*'", "'*'")), blanks));
	expect_xml_error(&w, 400, "PackedPolicyTooLarge", NULL);
	world_down(&w);
}

static void
t_too_many_arns(void **state)
{
	struct world w;
	const char *form = "";
	(void)state;

	world_up(&w);
	add_role(&w, "ops", POLICY(TRUST("'sts:*'", ANYBODY_HERE)), NULL);
	for (int i = 1; i <= 11; i++)
		form = arena_printf(&w.mem,
		    "%s&PolicyArns.member.%d.arn=arn:aws:iam::aws:policy/ReadOnlyAccess",
		    form, i);
	assume_as(&w, &w.admin, "ops", form + 1);
	expect_xml_error(&w, 400, "ValidationError", NULL);
	world_down(&w);
}

#define WITH_MFA                                                               \
	POLICY(TRUST_IF("'sts:AssumeRole'", ANYBODY_HERE,                      \
	    "{'Bool':{'aws:MultiFactorAuthPresent':'true'},'NumericLessThan':" \
	    "{'aws:MultiFactorAuthAge':'300'}}"))

static void
t_second_factor(void **state)
{
	struct signer alice, temp;
	const char *serial, *with;
	struct principal who;
	struct world w;
	(void)state;

	world_up(&w);
	alice = add_user(&w, "alice", MAY());
	serial = add_device(&w, "alice");
	add_role(&w, "ops", WITH_MFA, NULL);
	assume_as(&w, &alice, "ops", "");
	expect_refused(&w, "alice", "sts:AssumeRole", "ops");
	row("with the call");
	with = arena_printf(&w.mem, "SerialNumber=%s&TokenCode=%s", serial, code_now(&w));
	assume_as(&w, &alice, "ops", with);
	temp = keys_given(&w);
	principal_of(&w, &temp, &who);
	assert_int_equal(who.session->mfa_ms, who.session->issued_ms);
	row("the code was used");
	assume_as(&w, &alice, "ops", with);
	expect_xml_error(&w, 403, "AccessDenied",
	    "MultiFactorAuthentication failed with invalid MFA one time pass code. ");
	row("with a session of the user");
	wait_s(&w, 30);
	sts_as(&w, &alice, "GetSessionToken",
	    arena_printf(&w.mem, "SerialNumber=%s&TokenCode=%s", serial, code_now(&w)));
	temp = keys_given(&w);
	assume_as(&w, &temp, "ops", "");
	expect_ok(&w);
	row("that was not too long ago");
	wait_s(&w, 301);
	assume_as(&w, &temp, "ops", "");
	expect_refused(&w, "alice", "sts:AssumeRole", "ops");
	world_down(&w);
}

/* Wrong codes count wherever they are tried, and the role is not given. */
static void
t_guessing(void **state)
{
	struct signer alice;
	const char *serial;
	struct world w;
	(void)state;

	world_up(&w);
	alice = add_user(&w, "alice", MAY());
	serial = add_device(&w, "alice");
	add_role(&w, "ops", WITH_MFA, NULL);
	for (int i = 0; i < 5; i++) {
		assume_as(&w, &alice, "ops",
		    arena_printf(&w.mem, "SerialNumber=%s&TokenCode=000000", serial));
		expect_xml_error(&w, 403, "AccessDenied", NULL);
	}
	row("blocked for sessions as well, though the code is right");
	sts_as(&w, &alice, "GetSessionToken",
	    arena_printf(&w.mem, "SerialNumber=%s&TokenCode=%s", serial, code_now(&w)));
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	row("who may not have the role does not get to try");
	alice = add_user(&w, "bob", NULL);
	assume_as(&w, &alice, "ops",
	    arena_printf(&w.mem, "SerialNumber=%s&TokenCode=000000", serial));
	expect_refused(&w, "bob", "sts:AssumeRole", "ops");
	world_down(&w);
}

/* "Revoke sessions": what was issued before now is denied. */
static void
t_revoke(void **state)
{
	struct signer before, after;
	struct world w;
	(void)state;

	world_up(&w);
	add_role(&w, "ops", POLICY(TRUST("'sts:*'", ANYBODY_HERE)),
	    POLICY(ALLOW(
		"'ssm:*'", "'*'") ",{'Effect':'Deny','Action':'*','Resource':'*',"
				  "'Condition':{'DateLessThan':{'aws:TokenIssueTime':"
				  "'2026-11-21T01:42:00Z'}}}"));
	assume_as(&w, &w.admin, "ops", "");
	before = keys_given(&w);
	wait_s(&w, 60);
	assume_as(&w, &w.admin, "ops", "");
	after = keys_given(&w);
	describe_sessions_as(&w, &before);
	expect_error(&w, "AccessDeniedException", NULL);
	describe_sessions_as(&w, &after);
	assert_int_equal(w.status, 200);
	world_down(&w);
}

static int
replace_ops(struct store_tx *tx, void *arg, struct fault *f)
{
	(void)arg;
	(void)f;
	return replace_entity(tx, STORE_ROLE, "ops", "AROAother");
}

static void
t_next_of_that_name(void **state)
{
	struct signer temp;
	struct world w;
	(void)state;

	world_up(&w);
	add_role(&w, "ops", POLICY(TRUST("'sts:*'", ANYBODY_HERE)),
	    POLICY(ALLOW("'*'", "'*'")));
	assume_as(&w, &w.admin, "ops", "");
	temp = keys_given(&w);
	assert_int_equal(store_apply(w.store, replace_ops, NULL, NULL), 0);
	access_changed(server_env(w.server)->access);
	describe_sessions_as(&w, &temp);
	expect_error(&w, "UnrecognizedClientException", NULL);
	world_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_session),
		cmocka_unit_test(t_trust),
		cmocka_unit_test(t_words),
		cmocka_unit_test(t_conditions),
		cmocka_unit_test(t_further_permissions),
		cmocka_unit_test(t_bad_tags),
		cmocka_unit_test(t_chain),
		cmocka_unit_test(t_session_policy),
		cmocka_unit_test(t_too_many_arns),
		cmocka_unit_test(t_second_factor),
		cmocka_unit_test(t_guessing),
		cmocka_unit_test(t_revoke),
		cmocka_unit_test(t_next_of_that_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
