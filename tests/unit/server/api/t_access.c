/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Just-in-time access: asking, deciding, using, and every way in which it must not work.
 */
#include "sts_bench.h"

#include "store/iam.h"

#define OK(x) assert_int_equal((x), 0)

/* alice asks, bob and carol decide; each may do just that. */
struct stage {
	struct world w;
	struct node node, other;
	struct signer alice, bob, carol;
	const char *id;
};

static int
put_person(struct store_tx *tx, const char *name, const char *actions)
{
	char id[32], key[32], policy[400], owner[32];

	snprintf(id, sizeof(id), "AIDA%c0000000000000000", name[0] & ~0x20);
	snprintf(key, sizeof(key), "AKIA%c%s", name[0] & ~0x20, "0000000000000000");
	key[20] = '\0';
	snprintf(policy, sizeof(policy),
	    "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":[%s],"
	    "\"Resource\":\"*\"}}",
	    actions);
	OK(store_entity_put(tx,
	    &(struct store_entity){
		.kind = STORE_USER, .name = text(name), .id = id, .path = text("/") }));
	snprintf(owner, sizeof(owner), "User/%s", name);
	OK(store_inline_put(tx, owner, "own", policy));
	return store_key_put(tx,
	    &(struct store_key){ .access_key = key,
		.secret = text("secret"),
		.kind = STORE_KEY_USER,
		.owner = text(name),
		.active = true });
}

static int
put_people(struct store_tx *tx, void *arg, struct fault *f)
{
	(void)arg;
	(void)f;
	OK(put_person(tx, "alice", "\"ssm:StartAccessRequest\",\"ssm:GetAccessToken\""));
	OK(put_person(tx, "bob", "\"sallyport:*\""));
	return put_person(tx, "carol", "\"sallyport:*\",\"ssm:GetAccessToken\"");
}

static struct signer
key_of(const char *access_key)
{
	return (struct signer){ .access_key = access_key, .secret = "secret" };
}

static void
stage_up(struct stage *s, int64_t approvers)
{
	world_up(&s->w);
	s->w.config.access_approvers = approvers;
	node_make(&s->w, &s->node, "");
	node_make(&s->w, &s->other, "");
	node_connect(&s->w, s->node.id);
	node_connect(&s->w, s->other.id);
	OK(store_apply(s->w.store, put_people, NULL, NULL));
	s->alice = key_of("AKIAA000000000000000");
	s->bob = key_of("AKIAB000000000000000");
	s->carol = key_of("AKIAC000000000000000");
}

/* An operation on the request, with more members (JSON, beginning with a comma, or ""). */
static void
on_request(struct stage *s, const struct signer *who, const char *op, const char *more)
{
	call_as(&s->w, who, op,
	    arena_printf(&s->w.mem, "{\"AccessRequestId\":\"%s\"%s}", s->id, more));
}

static void
ask_for(struct stage *s, const char *more)
{
	call_as(&s->w, &s->alice, "AmazonSSM.StartAccessRequest",
	    arena_printf(&s->w.mem,
		"{\"Reason\":\"disk full\",\"Targets\":[{\"Key\":\"InstanceIds\",\"Values\":"
		"[\"%s\"]}]%s}",
		s->node.id, more));
	expect_ok(&s->w);
	s->id = str(&s->w, "AccessRequestId");
	assert_int_equal(strlen(s->id), 15);
}

static void
expect_status(struct stage *s, const char *status)
{
	expect_ok(&s->w);
	assert_string_equal(str(&s->w, "AccessRequestStatus"), status);
}

static struct signer
take_token(struct stage *s)
{
	const json_t *keys;

	on_request(s, &s->alice, "AmazonSSM.GetAccessToken", "");
	expect_status(s, "Approved");
	keys = json_get_obj(s->w.json, "Credentials");
	return (struct signer){
		.access_key = arena_strdup(&s->w.mem, json_get_str(keys, "AccessKeyId")),
		.secret = arena_strdup(&s->w.mem, json_get_str(keys, "SecretAccessKey")),
		.token = arena_strdup(&s->w.mem, json_get_str(keys, "SessionToken")),
	};
}

static void
start(struct stage *s, const struct signer *who, const struct node *n)
{
	call_as(&s->w, who, "AmazonSSM.StartSession",
	    arena_printf(&s->w.mem, "{\"Target\":\"%s\"}", n->id));
}

static void
t_whole_way(void **state)
{
	struct store_session row;
	struct signer keys;
	const char *session;
	struct stage s;
	(void)state;

	stage_up(&s, 1);
	start(&s, &s.alice, &s.node);
	expect_error(&s.w, "AccessDeniedException", NULL);
	ask_for(&s, ",\"Tags\":[{\"Key\":\"sallyport:minutes\",\"Value\":\"30\"}]");
	on_request(&s, &s.alice, "AmazonSSM.GetAccessToken", "");
	expect_status(&s, "Pending");
	assert_null(json_get_obj(s.w.json, "Credentials"));
	on_request(&s, &s.bob, "Sallyport.ApproveAccessRequest", ",\"Comment\":\"go\"");
	expect_status(&s, "Approved");
	keys = take_token(&s);
	start(&s, &keys, &s.node);
	expect_ok(&s.w);
	session = str(&s.w, "SessionId");
	OK(store_session_get(store_reader(s.w.store), &s.w.mem, session, &row));
	assert_in_range(row.max_duration_min, 29, 30); /* a moment may have passed */
	assert_string_equal(row.access_request, s.id);
	ssm(&s.w, "DescribeSessions",
	    "{\"State\":\"Active\",\"Filters\":[{\"key\":\"AccessType\",\"value\":"
	    "\"JustInTime\"}]}");
	assert_string_equal(each(&s.w, "Sessions", "AccessType"), "JustInTime");

	/* Nothing else: another node, another action, her own keys. */
	start(&s, &keys, &s.other);
	expect_error(&s.w, "AccessDeniedException", NULL);
	call_as(&s.w, &keys, "AmazonSSM.DescribeActivations", "{}");
	expect_error(&s.w, "AccessDeniedException", NULL);
	start(&s, &s.alice, &s.node);
	expect_error(&s.w, "AccessDeniedException", NULL);

	/* Taken back it ends what it opened. */
	on_request(&s, &s.bob, "Sallyport.RevokeAccessRequest", "");
	expect_status(&s, "Revoked");
	sim_run_for(s.w.sim, 1000);
	OK(store_session_get(store_reader(s.w.store), &s.w.mem, session, &row));
	assert_non_null(strstr(row.details, "not allowed any more"));
	start(&s, &keys, &s.node);
	expect_error(&s.w, "AccessDeniedException", NULL);
	world_down(&s.w);
}

/* A role that trusts alice herself lets her in by her own keys, and not by those of a request. */
static void
t_no_way_out(void **state)
{
	struct signer keys;
	struct stage s;
	(void)state;

	stage_up(&s, 1);
	add_role(&s.w, "ops",
	    POLICY(TRUST("'sts:AssumeRole'", "{'AWS':'arn:aws:iam::ACCOUNT:user/alice'}")),
	    POLICY(ALLOW("'*'", "'*'")));
	ask_for(&s, "");
	on_request(&s, &s.bob, "Sallyport.ApproveAccessRequest", "");
	expect_status(&s, "Approved");
	keys = take_token(&s);
	assume_as(&s.w, &s.alice, "ops", "");
	expect_ok(&s.w);
	assume_as(&s.w, &keys, "ops", "");
	expect_xml_error(&s.w, 403, "AccessDenied", NULL);
	sts_as(&s.w, &keys, "GetSessionToken", "");
	expect_xml_error(&s.w, 403, "AccessDenied", NULL);
	world_down(&s.w);
}

static void
t_time(void **state)
{
	struct signer keys;
	struct stage s;
	(void)state;

	stage_up(&s, 1);
	ask_for(&s, "");
	on_request(&s, &s.bob, "Sallyport.ApproveAccessRequest", ",\"DurationMinutes\":2");
	keys = take_token(&s);
	start(&s, &keys, &s.node);
	expect_ok(&s.w);
	sim_run_for(s.w.sim, 130 * 1000);
	start(&s, &keys, &s.node);
	expect_error(&s.w, "ExpiredTokenException", NULL);
	on_request(&s, &s.alice, "AmazonSSM.GetAccessToken", "");
	expect_status(&s, "Expired");
	ssm(&s.w, "DescribeSessions", "{\"State\":\"Active\"}");
	assert_string_equal(each(&s.w, "Sessions", "SessionId"), "");
	world_down(&s.w);
}

static void
t_two_approvers(void **state)
{
	struct stage s;
	(void)state;

	stage_up(&s, 2);
	ask_for(&s, "");
	on_request(&s, &s.bob, "Sallyport.ApproveAccessRequest", "");
	expect_status(&s, "Pending");
	on_request(&s, &s.bob, "Sallyport.ApproveAccessRequest", "");
	expect_error(&s.w, "ValidationException", NULL);
	on_request(&s, &s.alice, "AmazonSSM.GetAccessToken", "");
	expect_status(&s, "Pending");
	on_request(&s, &s.carol, "Sallyport.ApproveAccessRequest", "");
	expect_status(&s, "Approved");
	take_token(&s);
	call_as(&s.w, &s.bob, "Sallyport.ListAccessRequests", "{}");
	assert_string_equal(each(&s.w, "AccessRequests", "AccessRequestStatus"), "Approved");
	world_down(&s.w);
}

static void
t_refused(void **state)
{
	static const struct {
		const char *what, *targets, *code;
	} t[] = {
		{ "no node", "[{\"Key\":\"InstanceIds\",\"Values\":[\"mi-0\"]}]",
		    "ResourceNotFoundException" },
		{ "a tag that nothing has", "[{\"Key\":\"tag:a\",\"Values\":[\"b\"]}]",
		    "ResourceNotFoundException" },
		{ "nothing at all", "[]", "ResourceNotFoundException" },
		{ "a group of resources",
		    "[{\"Key\":\"resource-groups:Name\",\"Values\":[\"b\"]}]",
		    "ValidationException" },
	};
	struct stage s;
	(void)state;

	stage_up(&s, 1);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		call_as(&s.w, &s.alice, "AmazonSSM.StartAccessRequest",
		    arena_printf(&s.w.mem, "{\"Reason\":\"r\",\"Targets\":%s}", t[i].targets));
		expect_error(&s.w, t[i].code, NULL);
	}
	call_as(&s.w, &s.alice, "AmazonSSM.StartAccessRequest",
	    arena_printf(&s.w.mem,
		"{\"Reason\":\"r\",\"Targets\":[{\"Key\":\"InstanceIds\",\"Values\":[\"%s\"]}],"
		"\"Tags\":[{\"Key\":\"sallyport:minutes\",\"Value\":\"0\"}]}",
		s.node.id));
	expect_error(&s.w, "ValidationException", NULL);
	call_as(&s.w, &s.bob, "AmazonSSM.StartAccessRequest",
	    arena_printf(&s.w.mem,
		"{\"Reason\":\"r\",\"Targets\":[{\"Key\":\"InstanceIds\",\"Values\":[\"%s\"]}]}",
		s.node.id));
	expect_error(&s.w, "AccessDeniedException", NULL);
	world_down(&s.w);
}

static void
t_not_oneself(void **state)
{
	struct stage s;
	(void)state;

	stage_up(&s, 1);
	s.alice = s.w.admin; /* may do everything, and asks */
	ask_for(&s, "");
	on_request(&s, &s.w.admin, "Sallyport.ApproveAccessRequest", "");
	expect_error(&s.w, "AccessDeniedException", NULL);
	on_request(&s, &s.w.admin, "Sallyport.DenyAccessRequest", "");
	expect_error(&s.w, "AccessDeniedException", NULL);
	on_request(&s, &s.carol, "AmazonSSM.GetAccessToken", "");
	expect_error(&s.w, "ResourceNotFoundException", NULL);
	on_request(&s, &s.bob, "Sallyport.DenyAccessRequest", "");
	expect_status(&s, "Rejected");
	on_request(&s, &s.bob, "Sallyport.ApproveAccessRequest", "");
	expect_error(&s.w, "ValidationException", NULL);
	s.id = "oi-000000000000";
	on_request(&s, &s.bob, "Sallyport.ApproveAccessRequest", "");
	expect_error(&s.w, "ResourceNotFoundException", NULL);
	world_down(&s.w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_whole_way),
		cmocka_unit_test(t_no_way_out),
		cmocka_unit_test(t_time),
		cmocka_unit_test(t_two_approvers),
		cmocka_unit_test(t_refused),
		cmocka_unit_test(t_not_oneself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
