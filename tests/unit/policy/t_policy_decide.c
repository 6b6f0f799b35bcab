/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which layers of policies decide, what matched, and the sentence of a denial.
 */
#include "unit/policy/policy_test.h"

#define ACCOUNT "123456789012"
#define ALICE   "arn:aws:iam::" ACCOUNT ":user/alice"
#define ROLE    "arn:aws:iam::" ACCOUNT ":role/ops"
#define SESSION "arn:aws:sts::" ACCOUNT ":assumed-role/ops/alice"
#define NODE    "arn:aws:ssm:eu-north-1:" ACCOUNT ":managed-instance/mi-0123456789abcdef0"

#define DOC(statements) "{'Version':'2012-10-17','Statement':[" statements "]}"
#define ALLOW(action)   "{'Effect':'Allow','Action':'" action "','Resource':'*'}"
#define DENY(action)    "{'Effect':'Deny','Action':'" action "','Resource':'*'}"
#define TRUSTS(who)     "{'Effect':'Allow','Action':'sts:AssumeRole','Principal':" who "}"
#define START           "ssm:StartSession"

/* NULL: there is none. */
struct setup {
	const char *what;
	const char *identity, *boundary, *session, *trust;
	bool root, as_role;
	const char *action;
	enum policy_decision want;
	enum policy_layer layer;
};

struct fixture {
	struct arena mem;
	struct policy *p[4];
	struct policy_source source[4];
	struct policy_context context;
	struct policy_set set;
};

static void
fixture_init(struct fixture *f, const struct setup *t)
{
	const char *text[] = { t->identity, t->boundary, t->session, t->trust };
	struct policy_sources *sources[] = { &f->set.identity, &f->set.boundary,
		&f->set.session, &f->set.resource };

	*f = (struct fixture){ 0 };
	policy_context_init(&f->context, &f->mem);
	for (size_t i = 0; i < ARRAY_LEN(text); i++) {
		if (text[i] == NULL)
			continue;
		f->p[i] = must_parse(
		    i == 3 ? POLICY_TRUST : POLICY_INLINE, quoted(&f->mem, text[i]));
		f->source[i] =
		    (struct policy_source){ f->p[i], "arn:aws:iam::aws:policy/P" };
		*sources[i] = (struct policy_sources){ &f->source[i], 1 };
	}
	f->set.root = t->root;
	f->set.caller.account = SPAN(ACCOUNT);
	f->set.caller.arn = t->as_role ? SPAN(SESSION) : SPAN(ALICE);
	if (t->as_role)
		f->set.caller.role = SPAN(ROLE);
}

static void
fixture_fini(struct fixture *f)
{
	for (size_t i = 0; i < ARRAY_LEN(f->p); i++)
		policy_free(f->p[i]);
	arena_fini(&f->mem);
}

static struct policy_result
decide(struct fixture *f, const char *action, struct policy_trace *trace)
{
	return policy_decide(&f->set,
	    &(struct policy_request){ span_str(action), SPAN(NODE), &f->context }, trace);
}

static void
t_order(void **state)
{
	static const struct setup t[] = {
		{ "no policy", NULL, NULL, NULL, NULL, 0, 0, START, POLICY_IMPLICIT_DENY,
		    LAYER_IDENTITY },
		{ "allowed", DOC(ALLOW("ssm:*")), NULL, NULL, NULL, 0, 0, START,
		    POLICY_ALLOWED, LAYER_IDENTITY },
		{ "case of an action", DOC(ALLOW("SSM:startsession")), NULL, NULL, NULL,
		    0, 0, START, POLICY_ALLOWED, LAYER_IDENTITY },
		{ "something else", DOC(ALLOW("ssm:Describe*")), NULL, NULL, NULL, 0, 0,
		    START, POLICY_IMPLICIT_DENY, LAYER_IDENTITY },
		{ "a Deny before an Allow", DOC(DENY("ssm:*") "," ALLOW("*")), NULL, NULL,
		    NULL, 0, 0, START, POLICY_EXPLICIT_DENY, LAYER_IDENTITY },
		{ "a Deny behind an Allow", DOC(ALLOW("*") "," DENY("ssm:*")), NULL, NULL,
		    NULL, 0, 0, START, POLICY_EXPLICIT_DENY, LAYER_IDENTITY },
		{ "a Deny of something else", DOC(ALLOW("*") "," DENY("ec2:*")), NULL,
		    NULL, NULL, 0, 0, START, POLICY_ALLOWED, LAYER_IDENTITY },
		{ "inside the boundary", DOC(ALLOW("*")), DOC(ALLOW("ssm:*")), NULL, NULL,
		    0, 0, START, POLICY_ALLOWED, LAYER_IDENTITY },
		{ "outside of the boundary", DOC(ALLOW("*")), DOC(ALLOW("ec2:*")), NULL,
		    NULL, 0, 0, START, POLICY_IMPLICIT_DENY, LAYER_BOUNDARY },
		{ "a boundary gives nothing", DOC(ALLOW("ec2:*")), DOC(ALLOW("ssm:*")),
		    NULL, NULL, 0, 0, START, POLICY_IMPLICIT_DENY, LAYER_IDENTITY },
		{ "a boundary denies", DOC(ALLOW("*")), DOC(ALLOW("*") "," DENY("ssm:*")),
		    NULL, NULL, 0, 0, START, POLICY_EXPLICIT_DENY, LAYER_BOUNDARY },
		{ "inside the session policy", DOC(ALLOW("*")), NULL, DOC(ALLOW("ssm:*")),
		    NULL, 0, 1, START, POLICY_ALLOWED, LAYER_IDENTITY },
		{ "outside of the session policy", DOC(ALLOW("*")), NULL,
		    DOC(ALLOW("ec2:*")), NULL, 0, 1, START, POLICY_IMPLICIT_DENY,
		    LAYER_SESSION },
		{ "a session policy denies", DOC(ALLOW("*")), NULL, DOC(DENY("ssm:*")),
		    NULL, 0, 1, START, POLICY_EXPLICIT_DENY, LAYER_SESSION },
		{ "the boundary speaks before the session policy", DOC(ALLOW("*")),
		    DOC(ALLOW("ec2:*")), DOC(ALLOW("ec2:*")), NULL, 0, 1, START,
		    POLICY_IMPLICIT_DENY, LAYER_BOUNDARY },
		{ "root", NULL, NULL, NULL, NULL, 1, 0, START, POLICY_ALLOWED,
		    LAYER_IDENTITY },
		{ "a trust policy names the user", NULL, NULL, NULL,
		    DOC(TRUSTS("{'AWS':'" ALICE "'}")), 0, 0, "sts:AssumeRole",
		    POLICY_ALLOWED, LAYER_RESOURCE },
		{ "and the user is denied", DOC(DENY("sts:*")), NULL, NULL,
		    DOC(TRUSTS("{'AWS':'" ALICE "'}")), 0, 0, "sts:AssumeRole",
		    POLICY_EXPLICIT_DENY, LAYER_IDENTITY },
		{ "it names somebody else", DOC(ALLOW("*")), NULL, NULL,
		    DOC(TRUSTS("{'AWS':'" ALICE "a'}")), 0, 0, "sts:AssumeRole",
		    POLICY_IMPLICIT_DENY, LAYER_RESOURCE },
		{ "it names the account, the user may", DOC(ALLOW("sts:*")), NULL, NULL,
		    DOC(TRUSTS("{'AWS':'" ACCOUNT "'}")), 0, 0, "sts:AssumeRole",
		    POLICY_ALLOWED, LAYER_IDENTITY },
		{ "it names the account, the user may not", DOC(ALLOW("ssm:*")), NULL,
		    NULL, DOC(TRUSTS("{'AWS':'arn:aws:iam::" ACCOUNT ":root'}")), 0, 0,
		    "sts:AssumeRole", POLICY_IMPLICIT_DENY, LAYER_IDENTITY },
		{ "it names another account", DOC(ALLOW("*")), NULL, NULL,
		    DOC(TRUSTS("{'AWS':'210987654321'}")), 0, 0, "sts:AssumeRole",
		    POLICY_IMPLICIT_DENY, LAYER_RESOURCE },
		{ "it names anyone: the user must may", NULL, NULL, NULL,
		    DOC(TRUSTS("'*'")), 0, 0, "sts:AssumeRole", POLICY_IMPLICIT_DENY,
		    LAYER_IDENTITY },
		{ "it names the role of a session", NULL, NULL, NULL,
		    DOC(TRUSTS("{'AWS':'" ROLE "'}")), 0, 1, "sts:AssumeRole",
		    POLICY_ALLOWED, LAYER_RESOURCE },
		{ "which the session policy bounds", NULL, NULL, DOC(ALLOW("ssm:*")),
		    DOC(TRUSTS("{'AWS':'" ROLE "'}")), 0, 1, "sts:AssumeRole",
		    POLICY_IMPLICIT_DENY, LAYER_SESSION },
		{ "it names the session itself", NULL, NULL, DOC(ALLOW("ssm:*")),
		    DOC(TRUSTS("{'AWS':'" SESSION "'}")), 0, 1, "sts:AssumeRole",
		    POLICY_ALLOWED, LAYER_RESOURCE },
		{ "it denies all but one account", DOC(ALLOW("*")), NULL, NULL,
		    DOC(TRUSTS("'*'") ",{'Effect':'Deny','Action':'sts:*',"
				      "'NotPrincipal':{'AWS':'210987654321'}}"),
		    0, 0, "sts:AssumeRole", POLICY_EXPLICIT_DENY, LAYER_RESOURCE },
		{ "it denies all but this account", DOC(ALLOW("*")), NULL, NULL,
		    DOC(TRUSTS("'*'") ",{'Effect':'Deny','Action':'sts:*',"
				      "'NotPrincipal':{'AWS':'" ACCOUNT "'}}"),
		    0, 0, "sts:AssumeRole", POLICY_ALLOWED, LAYER_IDENTITY },
		{ "it allows another action", DOC(ALLOW("*")), NULL, NULL,
		    DOC(TRUSTS("{'AWS':'" ALICE "'}")), 0, 0, "sts:TagSession",
		    POLICY_IMPLICIT_DENY, LAYER_RESOURCE },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct policy_trace trace;
		struct policy_result r, traced;
		struct fixture f;

		row(t[i].what);
		fixture_init(&f, &t[i]);
		r = decide(&f, t[i].action, NULL);
		traced = decide(&f, t[i].action, &trace);
		assert_int_equal(r.decision, t[i].want);
		assert_int_equal(r.layer, t[i].layer);
		assert_int_equal(traced.decision, r.decision);
		assert_int_equal(traced.layer, r.layer);
		assert_ptr_equal(traced.by.source, r.by.source);
		fixture_fini(&f);
	}
}

/* AWS's sentences. */
static void
t_sentences(void **state)
{
	static const struct setup t[] = {
		{ " because no identity-based policy allows the ssm:StartSession action",
		    NULL, NULL, NULL, NULL, 0, 0, START, 0, 0 },
		{ " because no permissions boundary allows the ssm:StartSession action",
		    DOC(ALLOW("*")), DOC(DENY("ec2:*")), NULL, NULL, 0, 0, START, 0, 0 },
		{ " because no session policy allows the ssm:StartSession action",
		    DOC(ALLOW("*")), NULL, DOC(ALLOW("ec2:*")), NULL, 0, 0, START, 0, 0 },
		{ " because no resource-based policy allows the ssm:StartSession action",
		    DOC(ALLOW("*")), NULL, NULL, DOC(TRUSTS("'*'")), 0, 0, START, 0, 0 },
		{ " with an explicit deny in an identity-based policy: "
		  "arn:aws:iam::aws:policy/P",
		    DOC(DENY("*")), NULL, NULL, NULL, 0, 0, START, 0, 0 },
		{ " with an explicit deny in a permissions boundary: "
		  "arn:aws:iam::aws:policy/P",
		    DOC(ALLOW("*")), DOC(DENY("*")), NULL, NULL, 0, 0, START, 0, 0 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct policy_result r;
		struct fixture f;
		const char *want;

		row(t[i].what);
		fixture_init(&f, &t[i]);
		want = arena_printf(&f.mem,
		    "User: " ALICE " is not authorized to perform: " START
		    " on resource: " NODE "%s",
		    t[i].what);
		r = decide(&f, START, NULL);
		assert_string_equal(policy_denial(&f.mem, &r, ALICE, START, NODE), want);
		fixture_fini(&f);
	}
}

static void
t_trace(void **state)
{
	static const struct setup t = { .identity = DOC(
					    ALLOW("ssm:*") "," ALLOW("ec2:*") "," DENY(
						"ssm:Start*") "," ALLOW("*")),
		.boundary = DOC(ALLOW("ec2:*")) };
	struct policy_trace trace;
	struct policy_result r;
	struct fixture f;
	(void)state;
	fixture_init(&f, &t);
	r = decide(&f, START, &trace);
	assert_int_equal(r.decision, POLICY_EXPLICIT_DENY);
	assert_string_equal(policy_decision_name(r.decision), "explicitDeny");
	assert_int_equal(r.by.statement, 2);
	assert_false(r.boundary_allows);
	assert_int_equal(trace.n, 3);
	assert_int_equal(trace.matched[0].statement, 0);
	assert_int_equal(trace.matched[1].statement, 2);
	assert_int_equal(trace.matched[2].statement, 3);
	assert_ptr_equal(trace.matched[0].source, &f.source[0]);
	fixture_fini(&f);
}

/* A variable that cannot be filled in: an Allow gives nothing, a Deny leaves nothing out. */
static void
t_unresolved(void **state)
{
#define NOT_MINE(effect)                                         \
	DOC("{'Effect':'" effect "','Action':'*','NotResource':" \
	    "'arn:aws:ssm:*:*:session/${aws:username}-*'}")
	static const struct setup t[] = {
		{ .identity = NOT_MINE("Allow"), .want = POLICY_IMPLICIT_DENY },
		{ .identity = NOT_MINE("Deny"), .want = POLICY_EXPLICIT_DENY },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct fixture f;

		fixture_init(&f, &t[i]);
		assert_int_equal(decide(&f, START, NULL).decision, t[i].want);
		policy_context_add(&f.context, "aws:username", SPAN("alice"));
		assert_int_equal(decide(&f, START, NULL).decision,
		    i == 0 ? POLICY_ALLOWED : POLICY_EXPLICIT_DENY);
		fixture_fini(&f);
	}
}

static void
t_missing_keys(void **state)
{
	static const struct setup t = {
		.identity =
		    DOC("{'Effect':'Allow','Action':'*','Resource':"
			"'arn:aws:ssm:*:*:session/${aws:username}-*','Condition':{"
			"'Bool':{'aws:MultiFactorAuthPresent':'true'},"
			"'StringEquals':{'AWS:UserName':'a','aws:SourceIp':'b'}}}"),
	};
	struct fixture f;
	const struct span *keys;
	size_t n;
	(void)state;

	fixture_init(&f, &t);
	policy_context_add(&f.context, "aws:sourceip", SPAN("203.0.113.1"));
	keys = policy_missing_keys(&f.mem, &f.set, &f.context, &n);
	assert_int_equal(n, 2);
	check_text(keys[0], "aws:username");
	check_text(keys[1], "aws:MultiFactorAuthPresent");
	fixture_fini(&f);
}

static void
t_long_action(void **state)
{
	static const struct setup t = { .identity = DOC(ALLOW("*")) };
	char action[POLICY_NAME_MAX + 2];
	struct fixture f;
	(void)state;

	memset(action, 'x', sizeof(action) - 1);
	action[sizeof(action) - 1] = '\0';
	fixture_init(&f, &t);
	assert_int_equal(decide(&f, action, NULL).decision, POLICY_IMPLICIT_DENY);
	assert_int_equal(decide(&f, action + 1, NULL).decision, POLICY_ALLOWED);
	fixture_fini(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_order),
		cmocka_unit_test(t_sentences),
		cmocka_unit_test(t_trace),
		cmocka_unit_test(t_unresolved),
		cmocka_unit_test(t_missing_keys),
		cmocka_unit_test(t_long_action),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
