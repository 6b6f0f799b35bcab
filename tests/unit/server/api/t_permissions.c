/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may call what: every row of the operation table, none left out.  For each a valid input is
 * made from its shape, and the question is asked as the dispatcher asks it, by a user with no
 * permission, with the right and the wrong tag, with an explicit deny, and about what is
 * somebody else's.  Expired keys are tried over the wire.
 */
#include "world.h"

#include "proto/arn.h"
#include "server/api/call.h"
#include "server/api/error.h"
#include "server/domain/access.h"
#include "store/access_request.h"
#include "store/iam.h"

#define OK(x)   assert_int_equal((x), 0)
#define NODE    "mi-0123456789abcdef0"
#define EC2NODE "i-0123456789abcdef0"
#define OWN     "alice-0123456789abcdef0"
#define OTHERS  "mallory-0123456789abcdef0"
#define POLICY  "arn:aws:iam::123456789012:policy/edge"
#define KEY     "AKIAALICEALICEALICE0"
#define REQUEST "oi-0123456789ab"
#define EXPIRED "ASIAEXPIREDEXPIREDEX"

/* ---- valid inputs ---- */

/* What a member of this name holds, where more is wanted than the shape says. */
static const struct {
	const char *name, *value;
} known[] = {
	{ "Target", NODE },
	{ "InstanceId", NODE },
	{ "ResourceId", NODE },
	{ "ResourceType", "ManagedInstance" },
	{ "SessionId", OWN },
	{ "UserName", "alice" },
	{ "RoleName", "deploy" },
	{ "GroupName", "ops" },
	{ "PolicyArn", POLICY },
	{ "DocumentName", "Own-Doc" },
	{ "Name", "Own-Doc" },
	{ "Resources", EC2NODE },
	{ "SettingId", "/ssm/managed-instance/activation-tier" },
	{ "IamRole", "SallyportNode" },
	{ "AccessKeyId", KEY },
	{ "AccessRequestId", REQUEST },
	{ "Key", "InstanceIds" },
	{ "Values", NODE },
};

/* For everything else: the first that the shape accepts. */
static const char *const candidates[] = {
	"alice",
	"{}",
	"1",
	"/",
	"123456",
	"AKIAIOSFODNN7EXAMPLE",
	"arn:aws:iam::123456789012:role/deploy",
	"0123456789abcdef0123456789abcdef01234567",
	"12345678-1234-1234-1234-123456789012",
	"2026-11-21T00:00:00Z",
	"2026-11-21T08:00:00Z",
	"AWS:Application",
	"https://idp.example.org",
	"https://idp.example.org/a/long/address",
	NODE,
	"1.0",
	"v1",
	"$LATEST",
};

static json_t *value_of(const struct shape *s, const char *name);

static bool
fits(const struct shape *s, json_t *v)
{
	struct shape_member m = { .name = "v", .label = "v", .form = "v", .shape = *s };
	struct shape one = { .kind = SHAPE_STRUCT, .members = &m, .nmembers = 1 };
	auto_json *in = json_pack("{s:O}", "v", v);
	auto_arena mem = { 0 };
	char *message;

	return shape_check(&one, in, SHAPE_FULL, &mem, &message) == 0;
}

static json_t *
string_of(const struct shape *s, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		json_t *v = json_string(known[i].value);

		if (strcmp(known[i].name, name) == 0 && fits(s, v))
			return v;
		json_decref(v);
	}
	if (s->nwords > 0)
		return json_string(s->words[0]);
	for (size_t i = 0; i < ARRAY_LEN(candidates); i++) {
		json_t *v = json_string(candidates[i]);

		if (fits(s, v))
			return v;
		json_decref(v);
	}
	fail_msg("no example for %s fits: add one to the candidates", name);
	return NULL;
}

static json_t *
struct_of(const struct shape *s)
{
	json_t *o = json_object();

	for (size_t i = 0; i < s->nmembers; i++)
		if (s->members[i].required)
			json_object_set_new(o, s->members[i].name,
			    value_of(&s->members[i].shape, s->members[i].name));
	return o;
}

static json_t *
value_of(const struct shape *s, const char *name)
{
	json_t *v;

	switch (s->kind) {
	case SHAPE_INTEGER:
	case SHAPE_LONG:
		return json_integer(s->has_min ? s->min : 1);
	case SHAPE_DOUBLE:
	case SHAPE_TIMESTAMP:
		return json_real(1795225285);
	case SHAPE_BOOLEAN:
		return json_true();
	case SHAPE_LIST:
		v = json_array();
		json_array_append_new(v, value_of(s->item, name));
		return v;
	case SHAPE_MAP:
		return json_object();
	case SHAPE_STRUCT:
		return struct_of(s);
	default:
		return string_of(s, name);
	}
}

/* The members that are required, and those that name what the row is about. */
static json_t *
input_of(const struct op_entry *e)
{
	static const char *const subjects[] = { "UserName", "Name", "DocumentName" };
	json_t *in = struct_of(e->input);

	for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
		const struct shape_member *m = shape_member(e->input, subjects[i]);

		if (m != NULL && json_object_get(in, m->name) == NULL)
			json_object_set_new(in, m->name, value_of(&m->shape, m->name));
	}
	return in;
}

/* ---- rows of the store ---- */

static char *
text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static int
put_tags(struct store_tx *tx, const char *value)
{
	static const char *const tagged[] = { "ManagedInstance/" NODE,
		"ManagedInstance/" EC2NODE, "Document/Own-Doc", "User/alice", "Role/deploy",
		"Policy/edge" };

	for (size_t i = 0; i < ARRAY_LEN(tagged); i++)
		OK(store_tag_put(tx, tagged[i], "team", value));
	return 0;
}

static int
put_rows(struct store_tx *tx, void *arg, struct fault *f)
{
	static const struct {
		int kind;
		const char *name, *id;
	} entities[] = {
		{ STORE_USER, "alice", "AIDAALICE" },
		{ STORE_USER, "bob", "AIDABOB" },
		{ STORE_GROUP, "ops", "AGPAOPS" },
		{ STORE_ROLE, "deploy", "AROADEPLOY" },
		{ STORE_POLICY, "edge", "ANPAEDGE" },
	};
	const struct store_document d = {
		.name = text("Own-Doc"), .type = text("Session"), .content = text("{}")
	};
	int64_t version;

	(void)arg;
	(void)f;
	for (size_t i = 0; i < ARRAY_LEN(entities); i++)
		OK(store_entity_put(tx,
		    &(struct store_entity){ .kind = entities[i].kind,
			.name = text(entities[i].name),
			.id = text(entities[i].id),
			.path = text("/") }));
	OK(store_document_put(tx, &d, &version));
	OK(store_node_put(tx, &(struct store_node){ .id = text(NODE) }));
	OK(store_access_request_put(tx,
	    &(struct store_access_request){ .id = text(REQUEST),
		.targets_json = text("[\"" NODE "\"]"),
		.status = text("Pending") }));
	OK(store_session_put(tx,
	    &(struct store_session){ .id = text(OWN),
		.target = text(NODE),
		.owner_user_id = text("AIDAALICE") }));
	OK(store_session_put(tx,
	    &(struct store_session){ .id = text(OTHERS),
		.target = text(NODE),
		.owner_user_id = text("AIDAMALLORY") }));
	OK(store_key_put(tx,
	    &(struct store_key){ .access_key = text(KEY),
		.secret = text("s"),
		.kind = STORE_KEY_USER,
		.owner = text("alice"),
		.active = true }));
	OK(store_key_put(tx,
	    &(struct store_key){ .access_key = text(EXPIRED),
		.secret = text("s"),
		.kind = STORE_KEY_USER,
		.owner = text("alice"),
		.token_sha256 =
		    text("3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0"),
		.active = true,
		.created_ms = 1,
		.expires_ms = 1000 }));
	return put_tags(tx, "red");
}

struct inline_policy {
	const char *document; /* NULL: none */
};

static int
put_policy(struct store_tx *tx, void *arg, struct fault *f)
{
	const struct inline_policy *p = arg;
	int r;

	(void)f;
	if (p->document != NULL)
		return store_inline_put(tx, "User/alice", "own", p->document);
	r = store_inline_del(tx, "User/alice", "own");
	return r == ERR_NOTFOUND ? 0 : r;
}

static void
say(struct world *w, const char *document)
{
	struct inline_policy p = { document };

	OK(store_apply(w->store, put_policy, &p, NULL));
	access_changed(server_env(w->server)->access);
}

/* ---- asking ---- */

struct asked {
	struct arena mem;
	bool denied, explicitly;
	const char **resources;
	size_t n;
};

static void
ask(struct world *w, struct op_entry *e, json_t *in, struct asked *out)
{
	struct api_call c = { .env = server_env(w->server),
		.service = e->op->service,
		.entry = e,
		.op = e->op,
		.region = REGION,
		.source_ip = "198.51.100.7",
		.host = "",
		.user_agent = "",
		.now_ms = 1795225285000,
		.in = in };

	*out = (struct asked){ 0 };
	arena_init(&c.mem);
	OK(identity_of_user(store_reader(w->store), &c.mem, "alice", &c.auth.who));
	if (permit_call(&c) != 0) {
		out->denied = strncmp(c.error, "AccessDenied", 12) == 0 ||
		    strcmp(c.error, "UnauthorizedOperation") == 0;
		if (!out->denied)
			fail_msg("%s: %s: %s", e->op->name, c.error, c.message);
		out->explicitly = strstr(c.message, "explicit deny") != NULL;
	}
	out->resources = c.resources;
	out->n = c.nresources;
	out->mem = c.mem;
}

static bool
denied(struct world *w, struct op_entry *e, json_t *in)
{
	struct asked a;

	ask(w, e, in, &a);
	arena_fini(&a.mem);
	return a.denied;
}

/* Whether everything that the row is about carries the tag. */
static bool
is_tagged(const struct api_op *op, const struct asked *a)
{
	static const char *const ends[] = { "/" NODE, "/" EC2NODE, ":document/Own-Doc",
		":user/alice", ":role/deploy", ":policy/edge" };
	size_t tagged = 0;

	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < ARRAY_LEN(ends); k++)
			tagged += span_ends(span_str(a->resources[i]), ends[k]);
	if (strcmp(op->action, "iam:GetAccessKeyLastUsed") == 0)
		return true; /* asked of the key's owner, who is found first */
	return tagged == a->n;
}

/* ---- rows with a rule of their own ---- */

/* What AWS asks no policy for, and what a role's trust policy decides (t_sts has both). */
static bool
is_special(const struct api_op *op)
{
	static const char *const actions[] = { "sts:GetCallerIdentity",
		"sts:GetSessionToken", "sts:AssumeRole" };

	for (size_t i = 0; i < ARRAY_LEN(actions); i++)
		if (strcmp(op->action, actions[i]) == 0)
			return true;
	return false;
}

#define ALLOW_ALL "{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}"
#define POLICY_OF(statements) "{\"Version\":\"2012-10-17\",\"Statement\":[" statements "]}"

static void
check_row(struct world *w, struct op_entry *e)
{
	const char *action = e->op->action;
	auto_json *in = input_of(e);
	struct asked a;
	bool tagged;

	say(w, NULL);
	assert_true(denied(w, e, in));
	say(w,
	    arena_printf(&w->mem,
		POLICY_OF("{\"Effect\":\"Allow\",\"Action\":\"%s\",\"Resource\":\"*\"}"),
		action));
	ask(w, e, in, &a);
	assert_false(a.denied);
	tagged = is_tagged(e->op, &a);
	arena_fini(&a.mem);
	say(w,
	    arena_printf(&w->mem,
		POLICY_OF(ALLOW_ALL ",{\"Effect\":\"Deny\",\"Action\":\"%s\",\"Resource\":"
				    "\"*\"}"),
		action));
	ask(w, e, in, &a);
	assert_true(a.denied && a.explicitly);
	arena_fini(&a.mem);
	for (int right = 0; right < 2; right++) {
		say(w,
		    arena_printf(&w->mem,
			POLICY_OF("{\"Effect\":\"Allow\",\"Action\":\"%s\",\"Resource\":\"*\","
				  "\"Condition\":{\"StringEquals\":{\"aws:ResourceTag/team\":"
				  "\"%s\"}}}"),
			action, right ? "red" : "blue"));
		assert_int_equal(denied(w, e, in), !(right && tagged));
	}
}

static void
t_every_row(void **state)
{
	size_t special = 0, asked = 0, agents = 0;
	struct op_table t;
	struct world w;
	(void)state;

	world_up(&w);
	OK(store_apply(w.store, put_rows, NULL, NULL));
	OK(op_table_init(&t, NULL));
	for (size_t i = 0; i < t.n; i++) {
		const struct api_op *op = t.entries[i].op;

		row(op->name);
		if (op->auth != API_SIGNED) {
			agents++; /* another proof; t_ops has them */
		} else if (is_special(op)) {
			special++;
		} else {
			check_row(&w, &t.entries[i]);
			asked++;
		}
	}
	assert_int_equal(asked + special + agents, t.n);
	assert_int_equal(special, 3);
	assert_true(agents <= 4);
	op_table_fini(&t);
	world_down(&w);
}

/* ---- somebody else's session ---- */

static void
t_sessions_of_others(void **state)
{
	static const struct {
		const char *what, *policy;
	} t[] = {
		{ "by the name in the id",
		    POLICY_OF("{\"Effect\":\"Allow\",\"Action\":\"ssm:*\",\"Resource\":"
			      "\"arn:aws:ssm:*:*:session/${aws:username}-*\"}") },
		{ "by the tag of the one who started it",
		    POLICY_OF("{\"Effect\":\"Allow\",\"Action\":\"ssm:*\",\"Resource\":\"*\","
			      "\"Condition\":{\"StringLike\":{\"ssm:resourceTag/"
			      "aws:ssmmessages:session-id\":\"${aws:userid}\"}}}") },
		{ "unless it is another's",
		    POLICY_OF(ALLOW_ALL
			",{\"Effect\":\"Deny\",\"Action\":\"ssm:*\",\"NotResource\":"
			"\"arn:aws:ssm:*:*:session/${aws:username}-*\"}") },
	};
	size_t rows = 0;
	struct op_table ops;
	struct world w;
	(void)state;

	world_up(&w);
	OK(store_apply(w.store, put_rows, NULL, NULL));
	OK(op_table_init(&ops, NULL));
	for (size_t i = 0; i < ops.n; i++) {
		struct op_entry *e = &ops.entries[i];

		if (e->op->resource == NULL || strstr(e->op->resource, "session:{") == NULL)
			continue;
		rows++;
		for (size_t k = 0; k < ARRAY_LEN(t); k++) {
			auto_json *in = input_of(e);

			row(arena_printf(&w.mem, "%s, %s", e->op->name, t[k].what));
			say(&w, t[k].policy);
			assert_false(denied(&w, e, in));
			json_object_set_new(in, "SessionId", json_string(OTHERS));
			assert_true(denied(&w, e, in));
		}
	}
	assert_true(rows >= 2);
	op_table_fini(&ops);
	world_down(&w);
}

/* ---- expired keys ---- */

static void
call_expired(struct world *w, const struct signer *s, const struct api_op *op)
{
	const struct api_service_info *i = &api_services[op->service];
	struct raw q = { .method = "POST", .target = "/", .body = "{}" };

	if (i->protocol == API_JSON) {
		raw_header(&q, "Content-Type", "application/x-amz-json-1.1");
		raw_header(&q, "X-Amz-Target",
		    arena_printf(&w->mem, "%s.%s", i->targets[0], op->name));
	} else {
		q.body = arena_printf(
		    &w->mem, "Action=%s&Version=%s", op->name, i->version);
		raw_header(&q, "Content-Type", "application/x-www-form-urlencoded");
	}
	sign(w, &q, s, i->name);
	send_raw(w, &q);
}

static void
t_expired(void **state)
{
	static const struct signer s = {
		.access_key = EXPIRED, .secret = "s", .token = "token"
	};
	struct op_table ops;
	struct world w;
	(void)state;

	world_up(&w);
	OK(store_apply(w.store, put_rows, NULL, NULL));
	OK(op_table_init(&ops, NULL));
	for (size_t i = 0; i < ops.n; i++) {
		const struct api_op *op = ops.entries[i].op;

		if (op->auth != API_SIGNED)
			continue;
		row(op->name);
		call_expired(&w, &s, op);
		if (!body_has(&w, "ExpiredToken") && !body_has(&w, "RequestExpired"))
			fail_msg("%d %s", w.status, w.body);
	}
	op_table_fini(&ops);
	world_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_every_row),
		cmocka_unit_test(t_sessions_of_others),
		cmocka_unit_test(t_expired),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
