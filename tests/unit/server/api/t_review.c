/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a change does to those who are there already: open sessions and connected nodes are
 * judged again within a second, and locks cut off at once.
 */
#include "world.h"

#include "store/iam.h"

#define OK(x)    assert_int_equal((x), 0)
#define BOB_KEY  "AKIABOBBOBBOBBOBBOBB"
#define BOB_SAYS "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\"," \
		 "\"Action\":\"ssm:*\",\"Resource\":\"*\"}}"

/* Bob has a session open on a node. */
struct stage {
	struct world w;
	struct node node;
	struct signer bob;
	const char *session;
};

static char *
text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static int
put_bob(struct store_tx *tx, void *arg, struct fault *f)
{
	(void)arg;
	(void)f;
	OK(store_entity_put(tx,
	    &(struct store_entity){ .kind = STORE_USER,
		.name = text("bob"),
		.id = text("AIDABOB"),
		.path = text("/") }));
	OK(store_inline_put(tx, "User/bob", "own", BOB_SAYS));
	return store_key_put(tx,
	    &(struct store_key){ .access_key = text(BOB_KEY),
		.secret = text("bob's secret"),
		.kind = STORE_KEY_USER,
		.owner = text("bob"),
		.active = true });
}

static void
stage_up(struct stage *s)
{
	world_up(&s->w);
	node_make(&s->w, &s->node, "");
	node_connect(&s->w, s->node.id);
	OK(store_apply(s->w.store, put_bob, NULL, NULL));
	s->bob = (struct signer){ .access_key = BOB_KEY, .secret = "bob's secret" };
	call_as(&s->w, &s->bob, "AmazonSSM.StartSession",
	    arena_printf(&s->w.mem, "{\"Target\":\"%s\"}", s->node.id));
	expect_ok(&s->w);
	s->session = str(&s->w, "SessionId");
}

static void
sallyport(struct stage *s, const char *op, const char *body)
{
	call_as(&s->w, &s->w.admin, arena_printf(&s->w.mem, "Sallyport.%s", op), body);
}

/* A second later: why the session ended, or NULL. */
static const char *
ended(struct stage *s)
{
	struct store_session row;

	sim_run_for(s->w.sim, 1000);
	OK(store_session_get(store_reader(s->w.store), &s->w.mem, s->session, &row));
	return row.end_ms != 0 || row.details[0] != '\0' ? row.details : NULL;
}

static void
expect_ended(struct stage *s, const char *why)
{
	const char *got = ended(s);

	if (got == NULL || strstr(got, why) == NULL)
		fail_msg("wanted %s, got %s", why, got != NULL ? got : "a live session");
}

static void
tag_bob(struct stage *s)
{
	query_as(&s->w, &s->w.admin, "iam", "2010-05-08", "TagUser",
	    "UserName=bob&Tags.member.1.Key=team&Tags.member.1.Value=red");
	expect_ok(&s->w);
}

/* ---- changes of what bob may do ---- */

static int
take_policy(struct store_tx *tx)
{
	return store_inline_del(tx, "User/bob", "own");
}

static int
take_key(struct store_tx *tx)
{
	return store_key_set_active(tx, BOB_KEY, false);
}

static int
take_user(struct store_tx *tx)
{
	return store_entity_del(tx, STORE_USER, "bob");
}

static int
put_deny(struct store_tx *tx)
{
	return store_inline_put(tx, "User/bob", "red",
	    "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Deny\",\"Action\":"
	    "\"ssm:StartSession\",\"Resource\":\"*\",\"Condition\":{\"StringEquals\":"
	    "{\"aws:PrincipalTag/team\":\"red\"}}}}");
}

static int
no_change(struct store_tx *tx)
{
	(void)tx;
	return 0;
}

static int
run_change(struct store_tx *tx, void *arg, struct fault *f)
{
	int (*const *fn)(struct store_tx *) = arg;

	(void)f;
	return (*fn)(tx);
}

static void
t_changes(void **state)
{
	static const struct {
		const char *what;
		int (*fn)(struct store_tx *tx);
		const char *why; /* NULL: it goes on */
	} t[] = {
		{ "nothing that matters", no_change, NULL },
		{ "the policy", take_policy, "because no identity-based policy allows" },
		{ "the key", take_key, "access key that started the session is not active" },
		{ "the user", take_user, "does not exist any more" },
		{ "a Deny for the new tag", put_deny, "with an explicit deny" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		int (*fn)(struct store_tx *) = t[i].fn;
		struct stage s;

		row(t[i].what);
		stage_up(&s);
		OK(store_apply(s.w.store, run_change, &fn, NULL));
		if (t[i].fn == take_user)
			query_as(&s.w, &s.w.admin, "iam", "2010-05-08", "TagUser",
			    "UserName=admin&Tags.member.1.Key=a&Tags.member.1.Value=b");
		else
			tag_bob(&s); /* any change makes the server look */
		if (t[i].why != NULL)
			expect_ended(&s, t[i].why);
		else
			assert_null(ended(&s));
		world_down(&s.w);
	}
}

/* ---- locks ---- */

static void
t_lock_user(void **state)
{
	struct stage s;
	(void)state;

	stage_up(&s);
	sallyport(&s, "LockPrincipal",
	    "{\"Principal\":\"user/bob\",\"Reason\":\"laptop stolen\"}");
	expect_ok(&s.w);
	assert_true(strstr(str(&s.w, "Principal"), ":user/bob") != NULL);
	call_as(&s.w, &s.bob, "AmazonSSM.DescribeSessions", "{\"State\":\"Active\"}");
	expect_error(&s.w, "AccessDeniedException", NULL);
	assert_true(body_has(&s.w, "in a principal lock: laptop stolen"));
	expect_ended(&s, "in a principal lock: laptop stolen");
	sallyport(&s, "ListLocks", "{}");
	assert_string_equal(each(&s.w, "Locks", "Reason"), "laptop stolen");
	assert_string_equal(each(&s.w, "Locks", "PrincipalId"), "AIDABOB");
	sallyport(&s, "UnlockPrincipal", "{\"Principal\":\"user/bob\"}");
	expect_ok(&s.w);
	call_as(&s.w, &s.bob, "AmazonSSM.DescribeSessions", "{\"State\":\"Active\"}");
	expect_ok(&s.w);
	sallyport(&s, "UnlockPrincipal", "{\"Principal\":\"user/bob\"}");
	expect_error(&s.w, "ResourceNotFoundException", NULL);
	world_down(&s.w);
}

/* The link of a locked node is dropped, by its id or through its role. */
static void
t_lock_node(void **state)
{
	struct stage s;
	(void)state;

	for (int role = 0; role < 2; role++) {
		stage_up(&s);
		sallyport(&s, "LockPrincipal",
		    role ? "{\"Principal\":\"role/SallyportNode\",\"Reason\":\"r\"}"
			 : arena_printf(&s.w.mem,
			       "{\"Principal\":\"%s\",\"Reason\":\"r\"}", s.node.id));
		expect_ok(&s.w);
		sim_run_for(s.w.sim, 1000);
		assert_false(node_online(server_env(s.w.server)->nodes, s.node.id));
		world_down(&s.w);
	}
}

static void
t_lock_whom(void **state)
{
	static const struct {
		const char *what, *whom, *code; /* %s: the account */
	} t[] = {
		{ "a session of a role", "role/SallyportNode/ci", NULL },
		{ "the ARN of a user", "arn:aws:iam::%s:user/bob", NULL },
		{ "the ARN of a role", "arn:aws:iam::%s:role/SallyportNode", NULL },
		{ "the ARN of a session",
		    "arn:aws:sts::%s:assumed-role/SallyportNode/ci", NULL },
		{ "another account", "arn:aws:iam::000000000000:user/bob",
		    "ResourceNotFoundException" },
		{ "nobody", "user/eve", "ResourceNotFoundException" },
		{ "a session of no role", "role/nothing/ci", "ResourceNotFoundException" },
		{ "a session without a name", "role/SallyportNode/",
		    "ResourceNotFoundException" },
		{ "a node that is none", "mi-00000000000000000",
		    "ResourceNotFoundException" },
		{ "a group", "group/ops", "ResourceNotFoundException" },
		{ "a word", "bob", "ResourceNotFoundException" },
		{ "no role", "role/", "ResourceNotFoundException" },
		{ "oneself", "user/admin", "ValidationException" },
	};
	struct stage s;
	(void)state;

	stage_up(&s);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const char *at = strstr(t[i].whom, "%s"), *whom = t[i].whom;

		if (at != NULL)
			whom = arena_printf(&s.w.mem, "%.*s%s%s", (int)(at - whom), whom,
			    s.w.account.account, at + 2);
		row(t[i].what);
		sallyport(&s, "LockPrincipal",
		    arena_printf(&s.w.mem, "{\"Principal\":\"%s\",\"Reason\":\"r\"}", whom));
		if (t[i].code == NULL)
			expect_ok(&s.w);
		else
			expect_error(&s.w, t[i].code, NULL);
	}
	world_down(&s.w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_changes),
		cmocka_unit_test(t_lock_user),
		cmocka_unit_test(t_lock_node),
		cmocka_unit_test(t_lock_whom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
