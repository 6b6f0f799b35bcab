/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What calls leave in the audit trail: the answers of all that change something, word for word,
 * and no secret among them.
 */
#include "iam_bench.h"

#include "proto/audit_event.h"
#include "server/api/op.h"
#include "store/store_audit.h"

#define OK(x) assert_int_equal((x), 0)

/* ---- every row ---- */

/* Rows that change something and whose answer is empty at AWS. */
static const char *const empty[] = {
	"AcknowledgeMessage",
	"AddTagsToResource",
	"DeleteActivation",
	"DeleteDocument",
	"DeleteMessage",
	"DeregisterManagedInstance",
	"FailMessage",
	"PutComplianceItems",
	"PutInventory",
	"RemoveTagsFromResource",
	"SendReply",
	"UpdateAssociationStatus", /* always refused: there are none */
	"UpdateInstanceAssociationStatus",
	"UpdateInstanceInformation",
	"UpdateManagedInstancePublicKey",
	"UpdateManagedInstanceRole",
	"UpdateRole",
	"UpdateServiceSetting",
};

static bool
is_empty(const struct api_op *op)
{
	for (size_t i = 0; i < ARRAY_LEN(empty); i++)
		if (strcmp(empty[i], op->name) == 0)
			return true;
	return op->no_result;
}

static void
t_every_row(void **state)
{
	size_t recorded = 0, bare = 0, named = 0;
	struct op_table t;
	(void)state;

	OK(op_table_init(&t, NULL));
	for (size_t i = 0; i < t.n; i++) {
		const struct api_op *op = t.entries[i].op;

		if (op->access != API_WRITE)
			continue;
		row(op->name);
		assert_true((op->response != NULL) != is_empty(op));
		recorded += op->response != NULL;
		bare += op->no_result;
		named += op->response == NULL && !op->no_result;
	}
	assert_int_equal(named, ARRAY_LEN(empty));
	assert_true(recorded > 30 && bare > 30);
	op_table_fini(&t);
}

/* ---- the events ---- */

struct last {
	struct arena *mem;
	const char *event;
	size_t n;
};

static bool
keep_last(void *arg, const struct store_audit_event *e)
{
	struct last *l = arg;

	l->event = arena_strdup(l->mem, e->event);
	l->n++;
	return true;
}

/* The newest event, of this call. */
static const char *
last_event(struct world *w, const char *op)
{
	struct last l = { .mem = &w->mem };
	auto_json *o = NULL;

	OK(store_audit_events(store_reader(w->store), 0, INT64_MAX, keep_last, &l));
	assert_non_null(l.event);
	OK(json_read(&o, span_str(l.event), NULL));
	assert_string_equal(json_get_str(o, "eventName"), op);
	return l.event;
}

/* Its responseElements are these, where * stands for anything. */
static void
expect_response(struct world *w, const char *op, const char *want)
{
	const char *event = last_event(w, op), *at;
	struct span pattern = span_str(with_account(
	    w, arena_printf(&w->mem, "\"responseElements\":%s,\"requestID\"", want)));
	struct span part;

	at = event;
	while (span_cut(&pattern, '*', &part)) {
		const char *found = strstr(at, arena_str(&w->mem, part));

		if (found == NULL)
			fail_msg("wanted %s at \"" SPAN_FMT "\" in %s", want,
			    SPAN_ARG(part), event);
		at = found + part.n;
	}
}

#define WHEN "Nov 21, 2026, 1:41:25 AM"

static void
t_iam(void **state)
{
	static const struct {
		const char *op, *form, *response;
	} t[] = {
		{ "CreateUser",
		    "UserName=alice&Path=/ops/"
		    "&Tags.member.1.Key=team&Tags.member.1.Value=red",
		    "{\"user\":{\"path\":\"/ops/"
		    "\",\"userName\":\"alice\",\"userId\":\"AIDA*\","
		    "\"arn\":\"arn:aws:iam::ACCOUNT:user/ops/"
		    "alice\",\"createDate\":\"" WHEN
		    "\",\"tags\":[{\"key\":\"team\",\"value\":\"red\"}]}}" },
		{ "CreateGroup", "GroupName=ops",
		    "{\"group\":{\"path\":\"/"
		    "\",\"groupName\":\"ops\",\"groupId\":\"AGPA*\","
		    "\"arn\":\"arn:aws:iam::ACCOUNT:group/ops\",\"createDate\":\"" WHEN
		    "\"}}" },
		{ "AddUserToGroup", "GroupName=ops&UserName=alice", "null" },
		{ "CreateAccessKey", "UserName=alice",
		    "{\"accessKey\":{\"userName\":\"alice\",\"accessKeyId\":\"AKIA*\","
		    "\"status\":\"Active\",\"createDate\":\"" WHEN "\"}}" },
		{ "CreateLoginProfile", "UserName=alice&Password=Corr3ct-horse",
		    "{\"loginProfile\":{\"userName\":\"alice\",\"createDate\":\"" WHEN
		    "\",\"passwordResetRequired\":false}}" },
		{ "CreateVirtualMFADevice", "VirtualMFADeviceName=phone",
		    "{\"virtualMFADevice\":{\"serialNumber\":\"arn:aws:iam::ACCOUNT:mfa/"
		    "phone\"}}" },
		{ "CreatePolicy", "PolicyName=edge&PolicyDocument=" ALLOW,
		    "{\"policy\":{\"path\":\"/"
		    "\",\"policyName\":\"edge\",\"policyId\":\"ANPA*\","
		    "\"arn\":\"arn:aws:iam::ACCOUNT:policy/edge\",\"createDate\":\"" WHEN
		    "\",\"defaultVersionId\":\"v1\",\"attachmentCount\":0,"
		    "\"permissionsBoundaryUsageCount\":0,\"isAttachable\":true,"
		    "\"updateDate\":\"" WHEN "\"}}" },
		{ "CreatePolicyVersion",
		    "PolicyArn=" POLICY "edge&SetAsDefault=true&PolicyDocument=" ALLOW,
		    "{\"policyVersion\":{\"versionId\":\"v2\",\"isDefaultVersion\":true,"
		    "\"createDate\":\"" WHEN "\"}}" },
		{ "CreateRole",
		    "RoleName=deploy&PermissionsBoundary=" POLICY "edge"
		    "&AssumeRolePolicyDocument=" TRUST,
		    "{\"role\":{\"path\":\"/"
		    "\",\"roleName\":\"deploy\",\"roleId\":\"AROA*\","
		    "\"arn\":\"arn:aws:iam::ACCOUNT:role/deploy\",\"createDate\":\"" WHEN
		    "\",\"assumeRolePolicyDocument\":\"" TRUST "\","
		    "\"permissionsBoundary\":{\"permissionsBoundaryType\":\"Policy\","
		    "\"permissionsBoundaryArn\":\"arn:aws:iam::ACCOUNT:policy/"
		    "edge\"}}}" },
		{ "UpdateRole", "RoleName=deploy&MaxSessionDuration=7200", "null" },
		{ "UpdateRoleDescription", "RoleName=deploy&Description=x",
		    "{\"role\":{\"path\":\"/\",\"roleName\":\"deploy\",*}}" },
		{ "CreateInstanceProfile", "InstanceProfileName=edge",
		    "{\"instanceProfile\":{\"path\":\"/"
		    "\",\"instanceProfileName\":\"edge\","
		    "\"instanceProfileId\":\"AIPA*\","
		    "\"arn\":\"arn:aws:iam::ACCOUNT:instance-profile/edge\","
		    "\"createDate\":\"" WHEN "\",\"roles\":[]}}" },
		{ "CreateOpenIDConnectProvider", "Url=https://idp.example.org",
		    "{\"openIDConnectProviderArn\":"
		    "\"arn:aws:iam::ACCOUNT:oidc-provider/idp.example.org\"}" },
		{ "DeleteUser", "UserName=nobody", "null" }, /* refused */
	};
	struct world w;
	(void)state;

	world_up(&w);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].op);
		iam(&w, t[i].op, with_account(&w, t[i].form));
		expect_response(&w, t[i].op, t[i].response);
	}
	world_down(&w);
}

static void
t_sts(void **state)
{
	const char *form;
	struct world w;
	(void)state;

	world_up(&w);
	iam(&w, "CreateRole", "RoleName=deploy&AssumeRolePolicyDocument=" TRUST);
	form = arena_printf(&w.mem,
	    "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":"
	    "\"sts:*\",\"Principal\":{\"AWS\":\"%s\"}}}",
	    w.account.account);
	iam(&w, "UpdateAssumeRolePolicy",
	    arena_printf(
		&w.mem, "RoleName=deploy&PolicyDocument=%s", form_encoded(&w, form)));
	expect_ok(&w);
	query_as(&w, &w.admin, "sts", "2011-06-15", "AssumeRole",
	    with_account(&w,
		"RoleArn=arn:aws:iam::ACCOUNT:role/"
		"deploy&RoleSessionName=build&SourceIdentity=ci"));
	expect_ok(&w);
	expect_response(&w, "AssumeRole",
	    "{\"credentials\":{\"accessKeyId\":\"ASIA*\",\"sessionToken\":\"" AUDIT_HIDDEN
	    "\",\"expiration\":\"Nov 21, 2026, 2:41:25 AM\"},"
	    "\"assumedRoleUser\":{\"assumedRoleId\":\"AROA*:build\","
	    "\"arn\":\"arn:aws:sts::ACCOUNT:assumed-role/deploy/build\"},"
	    "\"sourceIdentity\":\"ci\"}");
	query_as(&w, &w.admin, "sts", "2011-06-15", "GetSessionToken", "");
	expect_ok(&w);
	expect_response(&w, "GetSessionToken",
	    "{\"credentials\":{\"accessKeyId\":\"ASIA*\",\"sessionToken\":\"" AUDIT_HIDDEN
	    "\",\"expiration\":\"Nov 21, 2026, 1:41:25 PM\"}}");
	world_down(&w);
}

static void
t_ssm(void **state)
{
	static const struct {
		const char *op, *body, *response;
	} t[] = {
		{ "CreateDocument",
		    "{\"Name\":\"Own\",\"DocumentType\":\"Session\",\"Content\":\"{"
		    "\\\"schemaVersion\\\":"
		    "\\\"1.0\\\",\\\"sessionType\\\":\\\"Standard_Stream\\\"}\"}",
		    "{\"documentDescription\":{\"hash\":\"*\",\"hashType\":\"Sha256\","
		    "\"name\":\"Own\","
		    "\"owner\":\"ACCOUNT\",\"createdDate\":\"" WHEN
		    "\",\"status\":\"Creating\","
		    "\"documentVersion\":\"1\",\"documentType\":\"Session\","
		    "\"latestVersion\":\"1\","
		    "\"defaultVersion\":\"1\",\"documentFormat\":\"JSON\"}}" },
		{ "UpdateDocument",
		    "{\"Name\":\"Own\",\"DocumentVersion\":\"$LATEST\",\"Content\":\"{"
		    "\\\"schemaVersion\\\":"
		    "\\\"1.0\\\",\\\"sessionType\\\":\\\"Standard_Stream\\\" }\"}",
		    "{\"documentDescription\":{*\"status\":\"Updating\","
		    "\"documentVersion\":\"2\",*"
		    "\"latestVersion\":\"2\",\"defaultVersion\":\"1\",*}}" },
		{ "UpdateDocumentDefaultVersion",
		    "{\"Name\":\"Own\",\"DocumentVersion\":\"2\"}",
		    "{\"description\":{\"name\":\"Own\",\"defaultVersion\":\"2\"}}" },
		{ "ResetServiceSetting",
		    "{\"SettingId\":\"/ssm/managed-instance/activation-tier\"}",
		    "{\"serviceSetting\":{\"settingId\":\"/ssm/managed-instance/"
		    "activation-tier\","
		    "\"settingValue\":\"advanced\",\"lastModifiedUser\":\"System\","
		    "\"status\":\"Default\"}}" },
		{ "DeleteDocument", "{\"Name\":\"Own\"}", "null" },
		{ "CreateActivation", "{\"IamRole\":\"SallyportNode\"}",
		    "{\"activationId\":\"*\"}" },
	};
	struct world w;
	struct node n;
	(void)state;

	world_up(&w);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].op);
		ssm(&w, t[i].op, t[i].body);
		expect_ok(&w);
		expect_response(&w, t[i].op, t[i].response);
	}
	node_make(&w, &n, "");
	expect_response(&w, "RequestManagedInstanceRoleToken",
	    "{\"accessKeyId\":\"ASIA*\",\"sessionToken\":\"" AUDIT_HIDDEN
	    "\",\"tokenExpirationDate\":\"Nov 21, 2026, 2:41:25 "
	    "AM\",\"updateKeyPair\":false}");
	assert_null(
	    strstr(last_event(&w, "RequestManagedInstanceRoleToken"), n.keys.secret));
	world_down(&w);
}

static void
t_others(void **state)
{
	struct world w;
	struct node n;
	(void)state;

	world_up(&w);
	node_make(&w, &n, "");
	ec2(&w, "CreateTags",
	    arena_printf(&w.mem, "ResourceId.1=%s&Tag.1.Key=a&Tag.1.Value=b", n.id));
	expect_ok(&w);
	expect_response(&w, "CreateTags", "{\"requestId\":\"*\",\"_return\":true}");
	assert_null(strstr(last_event(&w, "CreateTags"), "tlsDetails")); /* plain */
	iam(&w, "CreateUser", "UserName=mallory");
	call_as(&w, &w.admin, "Sallyport.LockPrincipal",
	    "{\"Principal\":\"user/mallory\",\"Reason\":\"x\"}");
	expect_ok(&w);
	expect_response(
	    &w, "LockPrincipal", "{\"principal\":\"arn:aws:iam::ACCOUNT:user/mallory\"}");
	world_down(&w);
}

/* ---- those who prove nothing ---- */

/* The key that was named is there to be found by, and nothing that looks like an identity. */
static void
t_claims(void **state)
{
	static const struct {
		const char *what, *key;
		bool named;
	} t[] = {
		{ "of somebody", NULL, true },
		{ "of nobody", "AKIANOBODYNOBODYNOBO", true },
		{ "too short", "AKIANOBODY", false },
		{ "in small letters", "akianobodynobodynobo", false },
		{ "with more behind", "AKIANOBODYNOBODYNOBO\"", false },
		{ "a name", "admin", false },
	};
	struct world w;
	(void)state;

	world_up(&w);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct signer s = { .access_key = t[i].key, .secret = "wrong" };
		auto_json *o = NULL, *want = NULL;

		row(t[i].what);
		if (s.access_key == NULL)
			s.access_key = w.account.access_key;
		call_as(&w, &s, "AmazonSSM.DescribeSessions", "{\"State\":\"Active\"}");
		assert_int_equal(w.status, 400);
		OK(json_read(&o, span_str(last_event(&w, "DescribeSessions")), NULL));
		OK(json_read(&want,
		    span_str(t[i].named
			    ? arena_printf(&w.mem,
				  "{\"type\":\"Unknown\",\"accessKeyId\":\"%s\"}",
				  s.access_key)
			    : "{\"type\":\"Unknown\"}"),
		    NULL));
		assert_true(json_equal(json_object_get(o, "userIdentity"), want));
	}
	world_down(&w);
}

/*
 * An event has the time at which the call ended, as CloudTrail's: so times do not go back along
 * the trail, and whoever follows it by time misses nothing.
 */
static void
t_time(void **state)
{
	const struct signer wrong = { .access_key = "AKIANOBODYNOBODYNOBO",
		.secret = "x" };
	struct world w;
	(void)state;

	world_up(&w);
	for (int i = 0; i < 9; i++) {
		int64_t began_ms = ev_wall_ms(w.server_loop), event_ms, now_ms;
		auto_json *o = NULL;

		call_as(
		    &w, &wrong, "AmazonSSM.DescribeSessions", "{\"State\":\"Active\"}");
		now_ms = ev_wall_ms(w.server_loop);
		OK(json_read(&o, span_str(last_event(&w, "DescribeSessions")), NULL));
		OK(time_parse_iso(span_str(json_get_str(o, "eventTime")), &event_ms));
		assert_int_equal(event_ms, now_ms / 1000 * 1000);
		assert_true(i < 8 || event_ms > began_ms + 1000); /* it was held back */
	}
	world_down(&w);
}

/* The answer is the same whether there is an event or not; the next event tells. */
static void
t_too_many(void **state)
{
	struct last l;
	struct world w;
	(void)state;

	world_up(&w);
	for (int i = 0; i < 25; i++) {
		call_as(&w, NULL, "AmazonSSM.DescribeSessions", "{\"State\":\"Active\"}");
		expect_error(&w, "MissingAuthenticationTokenException", NULL);
	}
	l = (struct last){ .mem = &w.mem };
	OK(store_audit_events(store_reader(w.store), 0, INT64_MAX, keep_last, &l));
	assert_int_equal(l.n, 20);
	assert_null(strstr(l.event, "eventsLeftOut"));
	sim_run_for(w.sim, 10 * 1000);
	call_as(&w, NULL, "AmazonSSM.DescribeSessions", "{\"State\":\"Active\"}");
	assert_non_null(strstr(last_event(&w, "DescribeSessions"),
	    "\"additionalEventData\":{\"eventsLeftOut\":5}"));
	for (int i = 0; i < 25; i++) /* whoever proves who it is does not count */
		ssm(&w, "DescribeSessions", "{\"State\":\"Active\"}");
	OK(store_audit_events(store_reader(w.store), 0, INT64_MAX, keep_last, &l));
	assert_int_equal(l.n, 20 + 21 + 25);
	world_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_every_row),
		cmocka_unit_test(t_iam),
		cmocka_unit_test(t_sts),
		cmocka_unit_test(t_ssm),
		cmocka_unit_test(t_others),
		cmocka_unit_test(t_claims),
		cmocka_unit_test(t_time),
		cmocka_unit_test(t_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
