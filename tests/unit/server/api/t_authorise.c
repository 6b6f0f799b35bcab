/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only door: policies of every kind, the condition keys of a request, nodes as roles,
 * locks, and what happens to open sessions when any of that changes.
 */
#include "world.h"

#include "proto/arn.h"
#include "server/authorise.h"
#include "server/domain/access.h"

#define NODE     "mi-0123456789abcdef0"
#define INSTANCE "i-0123456789abcdef0"
#define OTHER    "mi-0fedcba9876543210"
#define ALLOW(action, resource)                                                       \
	"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"" \
	action "\",\"Resource\":\"" resource "\"}]}"
#define RULE(effect, action, resource, condition)                                     \
	"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"" effect               \
	"\",\"Action\":\"" action "\",\"Resource\":\"" resource "\",\"Condition\":{" \
	condition "}}]}"

#define OK(x) assert_int_equal((x), 0)

static char *
text(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* ---- rows ---- */

struct rows {
	const char *inline_policy, *group_policy, *boundary_policy; /* NULL: none */
	const char *lock;                                           /* id, or NULL */
};

static int
put_entity(struct store_tx *tx, int kind, const char *name, const char *id,
    const char *boundary)
{
	int r = store_entity_put(tx,
	    &(struct store_entity){ .kind = kind,
		.name = text(name),
		.id = text(id),
		.path = text("/"),
		.boundary = text(boundary) });

	return r == ERR_EXISTS ? 0 : r;
}

static int
put_rows(struct store_tx *tx, void *arg, struct fault *f)
{
	const struct rows *w = arg;

	(void)f;
	OK(put_entity(tx, STORE_USER, "bob", "AIDABOB",
	    w->boundary_policy != NULL ? "arn:aws:iam::1:policy/edge" : ""));
	OK(put_entity(tx, STORE_GROUP, "ops", "AGPAOPS", ""));
	OK(store_tag_put(tx, "User/bob", "team", "red"));
	OK(store_tag_put(tx, "ManagedInstance/" NODE, "Environment", "prod"));
	OK(store_tag_put(tx, "ManagedInstance/" INSTANCE, "team", "red"));
	if (w->inline_policy != NULL)
		OK(store_inline_put(tx, "User/bob", "own", w->inline_policy));
	if (w->group_policy != NULL) {
		OK(store_member_put(tx, "Group/ops", "User/bob"));
		OK(store_inline_put(tx, "Group/ops", "shared", w->group_policy));
	}
	if (w->boundary_policy != NULL) {
		OK(store_entity_put(tx,
		    &(struct store_entity){ .kind = STORE_POLICY,
			.name = text("edge"),
			.id = text("ANPAEDGE"),
			.path = text("/"),
			.default_version = 3 }));
		OK(store_policy_version_put(tx,
		    &(struct store_policy_version){
			text("edge"), 3, text(w->boundary_policy), 0 }));
	}
	if (w->lock != NULL)
		OK(store_lock_put(tx,
		    &(struct store_lock){
			text(w->lock), text("arn"), text("stolen laptop"), text("A"), 0 }));
	return 0;
}

static void
put(struct world *w, const struct rows *rows)
{
	assert_int_equal(
	    store_apply(w->store, put_rows, (void *)(uintptr_t)rows, NULL), 0);
	access_changed(server_env(w->server)->access);
}

/* ---- asking ---- */

static const struct authz_facts facts = { .region = REGION,
	.source_ip = "198.51.100.7",
	.user_agent = "aws-cli/2",
	.tls = true,
	.now_ms = 1795225285000 };

static void
find_bob(struct world *w, struct arena *mem, struct principal *who)
{
	assert_int_equal(
	    identity_of_user(store_reader(w->store), mem, "bob", who), 0);
}

/* The words of the denial; NULL: allowed. */
static const char *
denied(struct world *w, const struct principal *who, const char *action,
    const char *resource, const struct authz_facts *at)
{
	const char *message = "?";
	struct authz_request q = { .who = who,
		.action = action,
		.resources = &resource,
		.nresources = 1,
		.facts = at };

	return authorise(server_env(w->server), &q, &w->mem, &message) == 0 ? NULL
									    : message;
}

static const char *
node_of(struct world *w, const char *id)
{
	return arn_node(&w->mem, REGION, w->account.account, id);
}

/* ---- a user's policies ---- */

static void
t_user(void **state)
{
	static const struct {
		const char *what;
		struct rows rows;
		const char *action, *resource;
		const char *because; /* end of the denial; NULL: allowed */
	} t[] = {
		{ "no policy at all", { 0 }, "ssm:StartSession", NODE,
		    "because no identity-based policy allows the ssm:StartSession action" },
		{ "an inline policy", { .inline_policy = ALLOW("ssm:*", "*") },
		    "ssm:StartSession", NODE, NULL },
		{ "the policy of a group", { .group_policy = ALLOW("ssm:StartSession", "*") },
		    "ssm:StartSession", NODE, NULL },
		{ "a boundary that does not allow it",
		    { .inline_policy = ALLOW("ssm:*", "*"),
			.boundary_policy = ALLOW("iam:*", "*") },
		    "ssm:StartSession", NODE,
		    "because no permissions boundary allows the ssm:StartSession action" },
		{ "a boundary that does",
		    { .inline_policy = ALLOW("ssm:*", "*"),
			.boundary_policy = ALLOW("*", "*") },
		    "ssm:StartSession", NODE, NULL },
		{ "a Deny in the group",
		    { .inline_policy = ALLOW("*", "*"),
			.group_policy = RULE("Deny", "ssm:*", "*",
			    "\"Bool\":{\"aws:SecureTransport\":\"true\"}") },
		    "ssm:StartSession", NODE,
		    "with an explicit deny in an identity-based policy" },
		{ "the tag of the node",
		    { .inline_policy = RULE("Allow", "ssm:StartSession", "*",
			  "\"StringEquals\":{\"ssm:resourceTag/Environment\":\"prod\"}") },
		    "ssm:StartSession", NODE, NULL },
		{ "another tag",
		    { .inline_policy = RULE("Allow", "ssm:StartSession", "*",
			  "\"StringEquals\":{\"ssm:resourceTag/Environment\":\"dev\"}") },
		    "ssm:StartSession", NODE,
		    "because no identity-based policy allows the ssm:StartSession action" },
		{ "the caller's tag is the node's",
		    { .inline_policy = RULE("Allow", "ssm:StartSession", "*",
			  "\"StringEquals\":{\"ec2:ResourceTag/"
			  "team\":\"${aws:PrincipalTag/team}\"}") },
		    "ssm:StartSession", INSTANCE, NULL },
		{ "from that network",
		    { .inline_policy = RULE("Allow", "ssm:*", "*",
			  "\"IpAddress\":{\"aws:SourceIp\":\"198.51.100.0/24\"}") },
		    "ssm:StartSession", NODE, NULL },
		{ "in that region",
		    { .inline_policy = RULE("Allow", "ssm:*", "*",
			  "\"StringEquals\":{\"aws:RequestedRegion\":\"us-east-1\"}") },
		    "ssm:StartSession", NODE,
		    "because no identity-based policy allows the ssm:StartSession action" },
		{ "until the end of 2024",
		    { .inline_policy = RULE("Allow", "ssm:*", "*",
			  "\"DateLessThan\":{\"aws:CurrentTime\":\"2025-01-01T00:00:00Z\"}") },
		    "ssm:StartSession", NODE,
		    "because no identity-based policy allows the ssm:StartSession action" },
		{ "a second factor, and long-term keys",
		    { .inline_policy = RULE("Allow", "ssm:*", "*",
			  "\"Bool\":{\"aws:MultiFactorAuthPresent\":\"true\"}") },
		    "ssm:StartSession", NODE,
		    "because no identity-based policy allows the ssm:StartSession action" },
		{ "the same with IfExists",
		    { .inline_policy = RULE("Allow", "ssm:*", "*",
			  "\"BoolIfExists\":{\"aws:MultiFactorAuthPresent\":\"true\"}") },
		    "ssm:StartSession", NODE, NULL },
		{ "who am I, whatever is denied",
		    { .inline_policy = RULE("Deny", "*", "*",
			  "\"Bool\":{\"aws:SecureTransport\":\"true\"}") },
		    "sts:GetCallerIdentity", NULL, NULL },
		{ "a policy that cannot be read", { .inline_policy = "{" },
		    "ssm:StartSession", NODE, "because its policies cannot be read" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct principal bob;
		const char *why;
		struct world w;

		row(t[i].what);
		world_up(&w);
		put(&w, &t[i].rows);
		find_bob(&w, &w.mem, &bob);
		why = denied(&w, &bob, t[i].action,
		    t[i].resource != NULL ? node_of(&w, t[i].resource) : "*", &facts);
		if (t[i].because == NULL)
			assert_null(why);
		else if (why == NULL || !span_ends(span_str(why), t[i].because))
			fail_msg("got: %s", why != NULL ? why : "allowed");
		world_down(&w);
	}
}

/* ---- temporary keys ---- */

static void
t_session_facts(void **state)
{
	static const struct {
		const char *what, *policy;
		int64_t mfa_ms, age_at_ms;
		bool allowed;
	} t[] = {
		{ "without a factor",
		    RULE("Allow", "*", "*",
			"\"Bool\":{\"aws:MultiFactorAuthPresent\":\"false\"}"),
		    0, 0, true },
		{ "with one",
		    RULE("Allow", "*", "*",
			"\"Bool\":{\"aws:MultiFactorAuthPresent\":\"true\"}"),
		    1795225000000, 0, true },
		{ "shown 285 s ago",
		    RULE("Allow", "*", "*",
			"\"NumericEquals\":{\"aws:MultiFactorAuthAge\":\"285\"}"),
		    1795225000000, 0, true },
		{ "as old as at the start of the session",
		    RULE("Allow", "*", "*",
			"\"NumericEquals\":{\"aws:MultiFactorAuthAge\":\"85\"}"),
		    1795225000000, 1795225085000, true },
		{ "no age without a factor",
		    RULE("Allow", "*", "*",
			"\"Null\":{\"aws:MultiFactorAuthAge\":\"true\"}"),
		    0, 0, true },
		{ "the session's tag goes before the user's",
		    RULE("Allow", "*", "*",
			"\"StringEquals\":{\"aws:PrincipalTag/team\":\"blue\"}"),
		    0, 0, true },
		{ "issued when",
		    RULE("Allow", "*", "*",
			"\"DateLessThan\":{\"aws:TokenIssueTime\":\"2020-01-01T00:00:00Z\"}"),
		    0, 0, false },
	};
	struct key_session s;
	(void)state;

	key_session_init(&s);
	s.issued_ms = 1795225000000;
	s.tags[s.ntags++] = (struct key_session_tag){ "team", "blue", false };
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct authz_facts at = facts;
		struct principal bob;
		struct world w;

		row(t[i].what);
		world_up(&w);
		put(&w, &(struct rows){ .inline_policy = t[i].policy });
		find_bob(&w, &w.mem, &bob);
		s.mfa_ms = t[i].mfa_ms;
		at.mfa_age_at_ms = t[i].age_at_ms;
		bob.session = &s;
		assert_int_equal(
		    denied(&w, &bob, "ssm:StartSession", node_of(&w, NODE), &at) == NULL,
		    t[i].allowed);
		world_down(&w);
	}
}

static void
t_session_policy(void **state)
{
	struct key_session s;
	struct principal bob;
	struct world w;
	const char *why;
	(void)state;

	world_up(&w);
	put(&w, &(struct rows){ .inline_policy = ALLOW("*", "*") });
	key_session_init(&s);
	s.policy = ALLOW("ssm:DescribeSessions", "*");
	find_bob(&w, &w.mem, &bob);
	bob.session = &s;
	bob.access_key = "ASIA1";
	assert_null(denied(&w, &bob, "ssm:DescribeSessions", "*", &facts));
	why = denied(&w, &bob, "ssm:StartSession", node_of(&w, NODE), &facts);
	assert_true(span_ends(span_str(why),
	    "because no session policy allows the ssm:StartSession action"));
	world_down(&w);
}

/* ---- StartSession and its document ---- */

static void
t_start(void **state)
{
	static const char node_only[] =
	    ALLOW("ssm:StartSession", "arn:aws:ssm:*:*:managed-instance/*");
	static const char checked[] = RULE("Allow", "ssm:StartSession",
	    "arn:aws:ssm:*:*:managed-instance/*",
	    "\"BoolIfExists\":{\"ssm:SessionDocumentAccessCheck\":\"true\"}");
	static const struct {
		const char *what, *policy, *group, *document;
		bool allowed;
	} t[] = {
		{ "the node is enough without a document", node_only, NULL, NULL, true },
		{ "but not with one", node_only, NULL, "AWS-StartSSHSession", false },
		{ "node and document", node_only,
		    ALLOW("ssm:StartSession", "arn:aws:ssm:*::document/AWS-StartSSHSession"),
		    "AWS-StartSSHSession", true },
		{ "a policy that wants the document checked", checked, NULL, NULL, false },
		{ "and one that allows the default one", checked,
		    RULE("Allow", "ssm:StartSession",
			"arn:aws:ssm:*:*:document/SSM-SessionManagerRunShell",
			"\"BoolIfExists\":{\"ssm:SessionDocumentAccessCheck\":\"true\"}"),
		    NULL, true },
		{ "the default document is denied", node_only,
		    RULE("Deny", "ssm:StartSession",
			"arn:aws:ssm:*:*:document/SSM-SessionManagerRunShell",
			"\"Bool\":{\"aws:SecureTransport\":\"true\"}"),
		    NULL, false },
		{ "no node, no session", ALLOW("ssm:StartSession", "arn:aws:ssm:*:*:document/*"),
		    NULL, NULL, false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const char *message = NULL, *document = NULL;
		struct principal bob;
		struct world w;

		row(t[i].what);
		world_up(&w);
		put(&w,
		    &(struct rows){
			.inline_policy = t[i].policy, .group_policy = t[i].group });
		find_bob(&w, &w.mem, &bob);
		if (t[i].document != NULL)
			document = arn_document(
			    &w.mem, REGION, w.account.account, t[i].document);
		assert_int_equal(authorise_start(server_env(w.server), &bob, &facts,
				     node_of(&w, NODE), document, &w.mem, &message) == 0,
		    t[i].allowed);
		if (!t[i].allowed)
			assert_non_null(message);
		world_down(&w);
	}
}

/* ---- nodes and nobody ---- */

static int
give_node_all(struct store_tx *tx, void *arg, struct fault *f)
{
	(void)arg;
	(void)f;
	return store_attach(tx, "Role/SallyportNode", IDENTITY_ADMIN_POLICY);
}

static void
t_node(void **state)
{
	static const struct {
		const char *what, *action, *id;
		bool before, with_all;
	} t[] = {
		{ "itself", "ssm:UpdateInstanceInformation", NODE, true, true },
		{ "another", "ssm:UpdateInstanceInformation", OTHER, false, false },
		{ "its channel", "ssmmessages:CreateControlChannel", NODE, true, true },
		{ "another's", "ssmmessages:CreateControlChannel", OTHER, false, false },
		{ "its own credentials", "ssm:RequestManagedInstanceRoleToken", NODE, true,
		    true },
		{ "another's credentials", "ssm:RequestManagedInstanceRoleToken", OTHER,
		    false, false },
		{ "what its role does not have", "ssm:StartSession", NODE, false, true },
	};
	struct principal node, none;
	struct world w;
	(void)state;

	world_up(&w);
	principal_init(&none);
	principal_init(&node);
	node.kind = PRINCIPAL_NODE;
	node.name = NODE;
	node.role = IDENTITY_NODE_ROLE;
	node.arn = "arn:aws:sts::1:assumed-role/SallyportNode/" NODE;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		assert_int_equal(
		    denied(&w, &node, t[i].action, node_of(&w, t[i].id), &facts) == NULL,
		    t[i].before);
		assert_non_null(
		    denied(&w, &none, t[i].action, node_of(&w, t[i].id), &facts));
	}
	assert_int_equal(store_apply(w.store, give_node_all, NULL, NULL), 0);
	access_changed(server_env(w.server)->access);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(
		    denied(&w, &node, t[i].action, node_of(&w, t[i].id), &facts) == NULL,
		    t[i].with_all);
	world_down(&w);
}

/* ---- locks ---- */

static void
t_lock(void **state)
{
	struct principal bob;
	struct world w;
	const char *why;
	(void)state;

	world_up(&w);
	put(&w, &(struct rows){ .inline_policy = ALLOW("*", "*") });
	find_bob(&w, &w.mem, &bob);
	assert_null(denied(&w, &bob, "ssm:StartSession", node_of(&w, NODE), &facts));
	put(&w, &(struct rows){ .lock = bob.user_id });
	why = denied(&w, &bob, "ssm:StartSession", node_of(&w, NODE), &facts);
	assert_true(span_ends(
	    span_str(why), "with an explicit deny in a principal lock: stolen laptop"));
	assert_non_null(denied(&w, &bob, "sts:GetCallerIdentity", "*", &facts));
	world_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_user),
		cmocka_unit_test(t_session_facts),
		cmocka_unit_test(t_session_policy),
		cmocka_unit_test(t_start),
		cmocka_unit_test(t_node),
		cmocka_unit_test(t_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
