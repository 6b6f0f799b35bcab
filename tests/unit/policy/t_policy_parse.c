/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is refused when it is written, with AWS's sentence and the place.
 *
 * The sentences are recorded ones, except where a row says "judgement": there AWS's answer is
 * not known.
 */
#include "unit/policy/policy_test.h"

#define V               "'Version':'2012-10-17',"
#define STATEMENT(rest) "{" V "'Statement':{" rest "}}"
#define ALLOW(rest)     STATEMENT("'Effect':'Allow'," rest)
#define ON_ALL          "'Action':'ssm:*','Resource':'*'"
#define SYNTAX          "Syntax errors in policy."
#define LEGACY          "The policy failed legacy parsing"

static void
refuses(enum policy_kind kind, const char *text, const char *message, const char *path)
{
	auto_arena mem = { 0 };
	struct policy_flaw flaw;
	struct policy *p;

	print_message("  %s\n", text);
	assert_int_equal(policy_parse(&p, kind, quoted(&mem, text), &flaw), ERR_INVALID);
	assert_null(p);
	assert_string_equal(flaw.message, message);
	assert_string_equal(flaw.path, path);
	assert_true(flaw.at.line >= 1 && flaw.at.column >= 1);
}

static void
t_syntax(void **state)
{
	static const struct {
		const char *text, *path;
	} t[] = {
		{ "This is not a json document", "" },
		{ "", "" },
		{ "[]", "" },
		{ "'x'", "" },
		{ "{}", "" },
		{ "{'Version':'2012-10-17'}", "" },
		{ "{" V "'Statement':[]}", "Statement" },
		{ "{" V "'Statement':['x']}", "Statement[0]" },
		{ "{" V "'Statement':'x'}", "Statement" },
		{ "{'Version':'2012-10-18','Statement':{'Effect':'Allow'," ON_ALL "}}",
		    "Version" },
		{ "{'Version':2012,'Statement':{'Effect':'Allow'," ON_ALL "}}",
		    "Version" },
		{ "{" V "'Id':['a'],'Statement':{'Effect':'Allow'," ON_ALL "}}", "Id" },
		{ "{" V "'statement':{'Effect':'Allow'," ON_ALL "}}", "statement" },
		{ "{" V "'Extra':1,'Statement':{'Effect':'Allow'," ON_ALL "}}", "Extra" },
		{ "{" V "'Version':'2012-10-17','Statement':{'Effect':'Allow'," ON_ALL
		  "}}",
		    "" },
		{ STATEMENT(ON_ALL), "Statement" },
		{ STATEMENT("'Effect':'Maybe'," ON_ALL), "Statement.Effect" },
		{ STATEMENT("'Effect':true," ON_ALL), "Statement.Effect" },
		{ ALLOW("'effect':'Allow'," ON_ALL), "Statement.effect" },
		{ ALLOW("'Sid':7," ON_ALL), "Statement.Sid" },
		{ ALLOW("'Action':7,'Resource':'*'"), "Statement.Action" },
		{ ALLOW("'Action':['ssm:*',{}],'Resource':'*'"), "Statement.Action[1]" },
		{ ALLOW("'Action':'ssm:*','NotAction':'ec2:*','Resource':'*'"),
		    "Statement.NotAction" },
		{ ALLOW("'Action':'ssm:*','Resource':'*','NotResource':'*'"),
		    "Statement.NotResource" },
		{ ALLOW("'Action':'ssm:*','Resource':[['*']]"), "Statement.Resource[0]" },
		{ ALLOW(ON_ALL ",'Condition':[]"), "Statement.Condition" },
		{ ALLOW(ON_ALL ",'Condition':{'Bool':'x'}"), "Statement.Condition.Bool" },
		{ ALLOW(ON_ALL ",'Condition':{'Bool':{'a':{}}}"),
		    "Statement.Condition.Bool.a" },
		{ ALLOW(ON_ALL ",'Condition':{'Bool':{'a':[null]}}"),
		    "Statement.Condition.Bool.a[0]" },
		{ ALLOW(ON_ALL ",'Condition':{'StringIs':{'a':'b'}}"),
		    "Statement.Condition.StringIs" },
		{ ALLOW(ON_ALL ",'Condition':{'NullIfExists':{'a':'true'}}"),
		    "Statement.Condition.NullIfExists" },
		{ ALLOW(ON_ALL ",'Condition':{'ForSomeValues:StringLike':{'a':'b'}}"),
		    "Statement.Condition.ForSomeValues:StringLike" },
		/* judgement: variables that cannot be */
		{ ALLOW("'Action':'ssm:*','Resource':'arn:aws:ssm:*:*:session/"
			"${aws:username'"),
		    "Statement.Resource" },
		{ ALLOW(ON_ALL ",'Condition':{'StringLike':{'a':'${}'}}"),
		    "Statement.Condition.StringLike.a" },
		/* something behind the policy */
		{ ALLOW("'Action':'x','Resource':'y'") ",", "" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		refuses(POLICY_MANAGED, t[i].text, SYNTAX, t[i].path);
}

static void
t_rounds(void **state)
{
	static const struct {
		const char *text, *message, *path;
	} t[] = {
		{ "{'Statement':{'Effect':'Allow'," ON_ALL "}}",
		    "Policy document must be version 2012-10-17 or greater.", "" },
		{ "{'Version':'2008-10-17','Statement':{'Effect':'Allow'," ON_ALL "}}",
		    "Policy document must be version 2012-10-17 or greater.", "Version" },
		{ STATEMENT("'Effect':'allow'," ON_ALL), LEGACY, "Statement.Effect" },
		{ ALLOW(ON_ALL ",'Condition':{'DateLessThan':{'a':'soon'}}"), LEGACY,
		    "Statement.Condition.DateLessThan.a" },
		{ ALLOW(
		      ON_ALL ",'Condition':{'DateLessThan':{'a':['2026','2026-13-01']}}"),
		    LEGACY, "Statement.Condition.DateLessThan.a[1]" },
		{ ALLOW(ON_ALL
		      ",'Condition':{'DateLessThan':{'a':'2016-12-13T2:00:00.5+1'}}"),
		    LEGACY, "Statement.Condition.DateLessThan.a" },
		{ ALLOW(ON_ALL
		      ",'Condition':{'DateLessThan':{'a':'2016-12-13T2:00:00.1999999999'}}"),
		    LEGACY, "Statement.Condition.DateLessThan.a" },
		{ ALLOW(ON_ALL ",'Condition':{'DateLessThan':{'a':'292278994-01'}}"),
		    LEGACY, "Statement.Condition.DateLessThan.a" },
		{ ALLOW("'Action':'s3:*','Resource':'arn:aws:s3::x'"), LEGACY,
		    "Statement.Resource" },
		{ ALLOW("'Action':'s3:*','Resource':'arn:aws::eu:1:x'"), LEGACY,
		    "Statement.Resource" },
		{ "{" V "'Statement':[{'Sid':'a','Effect':'Allow'," ON_ALL
		  "},{'Sid':'a','Effect':'Deny'," ON_ALL "}]}",
		    "Statement IDs (SID) in a single policy must be unique.",
		    "Statement[1].Sid" },
		{ ALLOW("'Sid':'not-this'," ON_ALL),
		    "Statement IDs (SID) must be alpha-numeric. Check that your input "
		    "satisfies the regular expression [0-9A-Za-z]*",
		    "Statement.Sid" },
		{ ALLOW("'Resource':'*'"), "Policy statement must contain actions.",
		    "Statement" },
		{ ALLOW("'Action':[],'Resource':'*'"),
		    "Policy statement must contain actions.", "Statement.Action" },
		{ ALLOW("'NotAction':[],'Resource':'*'"),
		    "Policy statement must contain actions.", "Statement.NotAction" },
		{ ALLOW("'Action':'ssm:*'"), "Policy statement must contain resources.",
		    "Statement" },
		{ ALLOW("'Action':'ssm:*','Resource':[]"),
		    "Policy statement must contain resources.", "Statement.Resource" },
		{ ALLOW("'Action':'StartSession','Resource':'*'"),
		    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, "
		    "ec2, etc.",
		    "Statement.Action" },
		{ ALLOW("'Action':'ssm:Start:Session','Resource':'*'"),
		    "Actions/Condition can contain only one colon.", "Statement.Action" },
		{ ALLOW("'Action':'s*m:X','Resource':'*'"), "Vendor s*m is not valid",
		    "Statement.Action" },
		{ ALLOW("'Action':'ssm:*','Resource':'mi-1'"),
		    "Resource mi-1 must be in ARN format or \"*\".",
		    "Statement.Resource" },
		{ ALLOW("'Action':'ssm:*','Resource':'arn:azure:ssm:a:b:c:d'"),
		    "Partition \"azure\" is not valid for resource "
		    "\"arn:azure:ssm:a:b:c:d\".",
		    "Statement.Resource" },
		{ ALLOW("'Action':'ssm:*','Resource':'arn:x'"),
		    "Partition \"x\" is not valid for resource \"arn:x:*:*:*:*\".",
		    "Statement.Resource" },
		{ ALLOW("'Action':'s3:*','Resource':'aws:s3:::b'"),
		    "Partition \"s3\" is not valid for resource \"arn:s3:::b:*\".",
		    "Statement.Resource" },
		{ ALLOW("'Action':'s3:*','Resource':'x:aws:s3:::b'"),
		    "Resource x:aws:s3:::b must be in ARN format or \"*\".",
		    "Statement.Resource" },
		{ ALLOW("'Action':'ssm:*','Resource':'arn:aws'"),
		    "Resource vendor must be fully qualified and cannot contain regexes.",
		    "Statement.Resource" },
		{ ALLOW("'Action':'ssm:*','Resource':'arn:aws:s?m:::x'"),
		    "Resource vendor must be fully qualified and cannot contain regexes.",
		    "Statement.Resource" },
		{ ALLOW("'Action':'iam:*','Resource':'arn:aws:iam:eu:1:user/a'"),
		    "IAM resource arn:aws:iam:eu:1:user/a cannot contain region "
		    "information.",
		    "Statement.Resource" },
		{ ALLOW("'Action':'s3:*','Resource':'arn:aws:s3:eu:1:b'"),
		    "Resource arn:aws:s3:eu:1:b can not contain region information.",
		    "Statement.Resource" },
		{ ALLOW("'Action':'iam:*','Resource':'arn:aws:iam::1:usr/a'"),
		    "IAM resource path must either be \"*\" or start with user/, "
		    "federated-user/, role/, group/, instance-profile/, mfa/, "
		    "server-certificate/, policy/, sms-mfa/, saml-provider/, "
		    "oidc-provider/, report/, access-report/.",
		    "Statement.Resource" },
		{ ALLOW("'Principal':'*'," ON_ALL),
		    "Policy document should not specify a principal.",
		    "Statement.Principal" },
		{ ALLOW("'NotPrincipal':'*'," ON_ALL),
		    "Policy document should not specify a principal.",
		    "Statement.NotPrincipal" },
		/* two things are wrong: the earlier round of checks speaks */
		{ "{" V "'Statement':[{'Effect':'Allow','Action':'x','Resource':'*'},"
		  "{'Effect':'deny'," ON_ALL "}]}",
		    LEGACY, "Statement[1].Effect" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		refuses(POLICY_MANAGED, t[i].text, t[i].message, t[i].path);
}

#define TRUST(rest) ALLOW("'Action':'sts:AssumeRole'" rest)

static void
t_trust(void **state)
{
	static const struct {
		const char *text, *message, *path;
	} t[] = {
		{ "{", "This policy contains invalid Json", "" },
		{ TRUST(""), "Missing required field Principal", "Statement" },
		{ TRUST(",'Principal':{}"),
		    "Missing required field Principal cannot be empty!",
		    "Statement.Principal" },
		{ TRUST(",'Principal':'*','Resource':'*'"),
		    "Has prohibited field Resource", "Statement.Resource" },
		{ TRUST(",'Principal':'*','NotResource':'*'"),
		    "Has prohibited field NotResource", "Statement.NotResource" },
		{ TRUST(",'NotPrincipal':'*'"), "Has prohibited field NotPrincipal",
		    "Statement.NotPrincipal" },
		{ TRUST(",'Principal':{'AWS':'arn:aws:iam::123456789012:user/*'}"),
		    "Invalid principal in policy: "
		    "\"AWS\":\"arn:aws:iam::123456789012:user/*\"",
		    "Statement.Principal.AWS" },
		{ TRUST(",'Principal':{'AWS':['123456789012','alice']}"),
		    "Invalid principal in policy: \"AWS\":\"alice\"",
		    "Statement.Principal.AWS[1]" },
		{ TRUST(",'Principal':{'AWS':'arn:aws:iam::123456789012:group/g'}"),
		    "Invalid principal in policy: "
		    "\"AWS\":\"arn:aws:iam::123456789012:group/g\"",
		    "Statement.Principal.AWS" },
		{ TRUST(",'Principal':{'Person':'alice'}"),
		    "Invalid principal in policy: \"Person\"",
		    "Statement.Principal.Person" },
		{ ALLOW("'Action':'ssm:StartSession','Principal':'*'"),
		    "AssumeRole policy may only specify STS AssumeRole actions.",
		    "Statement.Action" },
		{ ALLOW("'Action':'sts:BadAssumeRole','Principal':'*'"),
		    "AssumeRole policy may only specify STS AssumeRole actions.",
		    "Statement.Action" },
		{ ALLOW("'Action':'*','Principal':'*'"),
		    "AssumeRole policy may only specify STS AssumeRole actions.",
		    "Statement.Action" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		refuses(POLICY_TRUST, t[i].text, t[i].message, t[i].path);
}

static void
t_accepted(void **state)
{
	static const struct {
		enum policy_kind kind;
		const char *text;
		size_t statements;
	} t[] = {
		{ POLICY_MANAGED, ALLOW(ON_ALL), 1 },
		{ POLICY_MANAGED,
		    "{" V "'Id':'x y','Statement':[{'Sid':'','Effect':'Deny',"
		    "'NotAction':['*'],'NotResource':['*']}]}",
		    1 },
		{ POLICY_MANAGED,
		    "{" V "'Statement':[{'Sid':'','Effect':'Deny'," ON_ALL
		    "},{'Sid':'','Effect':'Allow'," ON_ALL "}]}",
		    2 },
		{ POLICY_MANAGED, ALLOW(ON_ALL ",'Condition':{}"), 1 },
		{ POLICY_MANAGED, ALLOW(ON_ALL ",'Condition':{'a':{}}"), 1 },
		{ POLICY_MANAGED,
		    ALLOW("'Action':'ssm:*','Resource':['arn:aws:iam::1:*',"
			  "'arn:aws:s3:::b','arn:aws:ssm:x']"),
		    1 },
		{ POLICY_INLINE,
		    "{'Statement':{'Sid':'a b','Effect':'Allow'," ON_ALL "}}", 1 },
		{ POLICY_SESSION,
		    "{'Version':'2008-10-17','Statement':{'Effect':'Allow'," ON_ALL "}}",
		    1 },
		{ POLICY_MANAGED,
		    ALLOW("'Action':'s3:*',"
			  "'Resource':'arn:aws:s3:eu-north-1:1:accesspoint/p/object/*'"),
		    1 },
		{ POLICY_TRUST, TRUST(",'Principal':'*'"), 1 },
		{ POLICY_TRUST, ALLOW("'Action':'STS:assumerole*','Principal':'*'"), 1 },
		{ POLICY_TRUST,
		    ALLOW("'Action':['sts:AssumeRole','sts:TagSession'],'Principal':"
			  "{'AWS':['123456789012','arn:aws:iam::123456789012:root',"
			  "'arn:aws:iam::123456789012:user/p/alice','*'],"
			  "'Service':'ec2.amazonaws.com',"
			  "'Federated':'accounts.example.com'}"),
		    1 },
		{ POLICY_TRUST,
		    STATEMENT("'Effect':'Deny','Action':'sts:*',"
			      "'NotPrincipal':{'AWS':'123456789012'}"),
		    1 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_arena mem = { 0 };
		auto_policy *p = NULL;

		row(t[i].text);
		p = must_parse(t[i].kind, quoted(&mem, t[i].text));
		assert_int_equal(policy_statements(p), t[i].statements);
	}
}

static void
t_places(void **state)
{
	auto_arena mem = { 0 };
	struct policy_flaw flaw;
	auto_policy *p = NULL;
	struct policy_statement s;
	(void)state;

	assert_int_equal(policy_parse(&p, POLICY_MANAGED,
			     quoted(&mem,
				 "{\n  " V "\n  'Statement': [\n    {\n"
				 "      'Effect': 'Permit', " ON_ALL "\n    }\n  ]\n}"),
			     &flaw),
	    ERR_INVALID);
	assert_string_equal(policy_flaw_text(&mem, &flaw),
	    "Syntax errors in policy. Line 5, column 17, Statement[0].Effect: the Effect "
	    "is "
	    "\"Allow\" or \"Deny\"");

	row("JSON that is none");
	assert_int_equal(
	    policy_parse(&p, POLICY_MANAGED, SPAN("{\n  \"Version\": }"), &flaw),
	    ERR_INVALID);
	assert_int_equal(flaw.at.line, 2);
	assert_string_equal(policy_flaw_text(&mem, &flaw),
	    "Syntax errors in policy. Line 2, column 14: unexpected token");
	row("the place of a statement, behind characters of several bytes");
	p = must_parse(POLICY_INLINE,
	    quoted(&mem,
		"{'Id':'\xc3\xa4\\u00e4\xf0\x9f\x94\x90','Statement':["
		"{'Sid':'S','Effect':'Deny'," ON_ALL "}\n]}"));
	s = policy_statement_get(p, 0);
	assert_int_equal(s.begin.line, 1);
	assert_int_equal(s.begin.column, 31);
	assert_int_equal(s.end.line, 1);
	assert_int_equal(s.end.column, 90);
	assert_true(s.deny);
	check_text(s.sid, "S");
	check_text(policy_document_id(p), "\xc3\xa4\xc3\xa4\xf0\x9f\x94\x90");
}

static void
t_sizes(void **state)
{
	static const struct {
		enum policy_kind kind;
		size_t max;
		const char *message;
	} t[] = {
		{ POLICY_MANAGED, 6144, "Cannot exceed quota for PolicySize: 6144" },
		{ POLICY_INLINE, 10240, "Cannot exceed quota for PolicySize: 10240" },
		{ POLICY_SESSION, 2048, "Cannot exceed quota for PolicySize: 2048" },
		{ POLICY_TRUST, 2048, "Cannot exceed quota for ACLSizePerRole: 2048" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_arena mem = { 0 };
		const char *text = t[i].kind == POLICY_TRUST
		    ? TRUST(",'Principal':'*','Sid':'%0*d'")
		    : ALLOW("'Sid':'%0*d',  \n\t" ON_ALL);
		size_t bare = policy_size(span_str(text)) - strlen("%0*d");
		struct policy_flaw flaw;
		struct policy *p = NULL;

		row(t[i].message);
		p = must_parse(t[i].kind,
		    quoted(&mem, arena_printf(&mem, text, (int)(t[i].max - bare), 0)));
		policy_free(p);
		assert_int_equal(
		    policy_parse(&p, t[i].kind,
			quoted(&mem,
			    arena_printf(&mem, text, (int)(t[i].max - bare + 1), 0)),
			&flaw),
		    ERR_LIMIT);
		assert_string_equal(policy_flaw_text(&mem, &flaw), t[i].message);
	}
}

static void
on_key(void *arg, struct span key)
{
	buf_add(arg, key);
	buf_add_u8(arg, ' ');
}

static void
t_keys(void **state)
{
	auto_arena mem = { 0 };
	auto_buf keys = { .max = 1000 };
	auto_policy *p = must_parse(POLICY_MANAGED,
	    quoted(&mem,
		ALLOW(
		    "'Action':'ssm:*','Resource':'arn:aws:ssm:*:*:session/"
		    "${aws:username}-*','Condition':{'Bool':{'aws:SecureTransport':true},"
		    "'StringLike':{'aws:userid':['x${aws:SourceIdentity}${*}']}}")));
	(void)state;

	policy_keys(p, on_key, &keys);
	assert_string_equal(buf_cstr(&keys),
	    "aws:username aws:SecureTransport aws:userid aws:SourceIdentity ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_syntax),
		cmocka_unit_test(t_rounds),
		cmocka_unit_test(t_trust),
		cmocka_unit_test(t_accepted),
		cmocka_unit_test(t_places),
		cmocka_unit_test(t_sizes),
		cmocka_unit_test(t_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
