/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Activation, registration, credentials; settings, associations, message delivery, STS.
 */
#include "world.h"

/* ---- activations ---- */

static void
t_activations(void **state)
{
	const char *id, *code, *token;
	struct world w;
	(void)state;

	world_up(&w);
	row("what is made is shown, but not the code");
	activate(&w,
	    ",\"Description\":\"d\",\"DefaultInstanceName\":\"web\","
	    "\"RegistrationLimit\":3,"
	    "\"Tags\":[{\"Key\":\"Name\",\"Value\":\"web\"}]",
	    &id, &code);
	assert_true(strlen(code) >= 20); /* agent-protocol 10.20 */
	assert_int_equal(strlen(id), 36);
	ssm(&w, "DescribeActivations", "{}");
	assert_false(body_has(&w, code));
	check_text(span_str(each(&w, "ActivationList", "ActivationId")), id);
	assert_true(body_has(&w, "\"Tags\":[{\"Key\":\"Name\",\"Value\":\"web\"}]"));
	assert_true(body_has(&w, "\"RegistrationLimit\":3,\"RegistrationsCount\":0"));

	row("pages, each once");
	for (int i = 0; i < 4; i++)
		activate(&w, "", &id, &code);
	ssm(&w, "DescribeActivations", "{\"MaxResults\":3}");
	assert_int_equal(json_array_size(json_get_arr(w.json, "ActivationList")), 3);
	token = str(&w, "NextToken");
	ssm(&w, "DescribeActivations",
	    arena_printf(&w.mem, "{\"MaxResults\":2,\"NextToken\":\"%s\"}", token));
	assert_int_equal(json_array_size(json_get_arr(w.json, "ActivationList")), 2);
	assert_null(json_get_str(w.json, "NextToken"));

	row("a token belongs to its question");
	ssm(&w, "DescribeActivations",
	    arena_printf(&w.mem,
		"{\"NextToken\":\"%s\",\"Filters\":[{\"FilterKey\":\"IamRole\","
		"\"FilterValues\":[\"x\"]}]}",
		token));
	expect_error(&w, "InvalidNextToken", NULL);
	ssm(&w, "DescribeInstanceInformation",
	    arena_printf(&w.mem, "{\"NextToken\":\"%s\"}", token));
	expect_error(&w, "InvalidNextToken", NULL);

	row("deleting");
	ssm(&w, "DeleteActivation",
	    arena_printf(&w.mem, "{\"ActivationId\":\"%s\"}", id));
	expect_ok(&w);
	check_text(span_str(w.body), "{}");
	ssm(&w, "DeleteActivation",
	    arena_printf(&w.mem, "{\"ActivationId\":\"%s\"}", id));
	expect_error(&w, "InvalidActivationId", NULL);
	world_down(&w);
}

static void
t_bad_activations(void **state)
{
	static const struct {
		const char *what, *body, *code;
	} t[] = {
		{ "no role", "{}", "ValidationException" },
		{ "an end in the past", "{\"IamRole\":\"SallyportNode\",\"ExpirationDate\":1000}",
		    "InvalidParameters" },
		{ "an end too far ahead", "{\"IamRole\":\"SallyportNode\",\"ExpirationDate\":1e12}",
		    "InvalidParameters" },
		{ "a tag twice",
		    "{\"IamRole\":\"SallyportNode\",\"Tags\":[{\"Key\":\"a\",\"Value\":\"\"},{"
		    "\"Key\":\"a\","
		    "\"Value\":\"\"}]}",
		    "InvalidParameters" },
		{ "a reserved tag",
		    "{\"IamRole\":\"SallyportNode\",\"Tags\":[{\"Key\":\"aws:a\",\"Value\":\"\"}]}",
		    "InvalidParameters" },
		{ "a prefix that is none",
		    "{\"IamRole\":\"SallyportNode\",\"Tags\":[{\"Key\":\"sallyport:instance-id-"
		    "prefix\","
		    "\"Value\":\"x-\"}]}",
		    "InvalidParameters" },
		{ "no registrations", "{\"IamRole\":\"SallyportNode\",\"RegistrationLimit\":0}",
		    "ValidationException" },
	};
	struct world w;
	(void)state;

	world_up(&w);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		ssm(&w, "CreateActivation", t[i].body);
		expect_error(&w, t[i].code, NULL);
	}
	world_down(&w);
}

/* ---- registration ---- */

static void
t_registration(void **state)
{
	const char *id, *code;
	struct world w;
	(void)state;

	world_up(&w);
	activate(&w, ",\"RegistrationLimit\":2", &id, &code);
	row("a wrong code");
	register_with(&w, id, "AAAAAAAAAAAAAAAAAAAA", "f");
	expect_error(&w, "InvalidActivation", NULL);
	row("an unknown activation, the same words");
	register_with(&w, "11111111-2222-4333-8444-555555555555", code, "f");
	expect_error(&w, "InvalidActivation",
	    "The activation isn't valid. The activation might have been deleted, or the "
	    "ActivationId and the ActivationCode don't match.");
	row("a code that is too short is not repeated");
	register_with(&w, id, "secret", "f");
	expect_error(&w, "ValidationException",
	    "1 validation error detected: Value at 'activationCode' failed to satisfy "
	    "constraint: Member must have length greater than or equal to 20");
	row("a key that is none");
	call_as(&w, NULL, "AmazonSSM.RegisterManagedInstance",
	    arena_printf(&w.mem,
		"{\"ActivationId\":\"%s\",\"ActivationCode\":\"%s\",\"Fingerprint\":"
		"\"f\","
		"\"PublicKey\":\"%0400d\"}",
		id, code, 0));
	expect_error(&w, "InvalidParameters", NULL);
	row("two fit, the third does not");
	register_with(&w, id, code, "f");
	expect_ok(&w);
	assert_true(strncmp(str(&w, "InstanceId"), "mi-", 3) == 0);
	register_with(&w, id, code, "g");
	expect_ok(&w);
	register_with(&w, id, code, "h");
	expect_error(&w, "InvalidActivation",
	    arena_printf(&w.mem, "The activation %s has no registrations left.", id));
	row("expired");
	activate(&w, "", &id, &code);
	sim_run_for(w.sim, 25ULL * 3600 * 1000);
	register_with(&w, id, code, "f");
	expect_error(&w, "InvalidActivation",
	    arena_printf(&w.mem, "The activation %s has expired.", id));
	row("other calls need a signature");
	call_as(&w, NULL, "AmazonSSM.UpdateInstanceInformation", "{}");
	expect_error(&w, "MissingAuthenticationTokenException", NULL);
	world_down(&w);
}

static void
t_tags_are_copied(void **state)
{
	struct world w;
	struct node n;
	(void)state;

	world_up(&w);
	node_make(&w, &n,
	    ",\"Tags\":[{\"Key\":\"Name\",\"Value\":\"web\"},{\"Key\":"
	    "\"sallyport:instance-id-prefix\",\"Value\":\"i-\"}]");
	assert_true(strncmp(n.id, "i-", 2) == 0);
	assert_int_equal(strlen(n.id), 19);
	ssm(&w, "ListTagsForResource",
	    arena_printf(&w.mem,
		"{\"ResourceType\":\"ManagedInstance\",\"ResourceId\":\"%s\"}", n.id));
	check_text(span_str(each(&w, "TagList", "Key")), "Name");
	world_down(&w);
}

/* ---- keys of a node ---- */

static void
t_token(void **state)
{
	struct signer as_user;
	struct world w;
	struct node n;
	(void)state;

	world_up(&w);
	node_make(&w, &n, "");
	row("another fingerprint");
	node_token(&w, &n, "other");
	expect_error(&w, "MachineFingerprintDoesNotMatch", NULL);
	row("agent-protocol 10.3: the answer has all five members, its end in seconds");
	node_token(&w, &n, "finger");
	expect_ok(&w);
	assert_int_equal(json_object_size(w.json), 5);
	assert_true(json_is_false(json_object_get(w.json, "UpdateKeyPair")));
	assert_true(json_is_number(json_object_get(w.json, "TokenExpirationDate")));
	assert_true(
	    json_number_value(json_object_get(w.json, "TokenExpirationDate")) < 1e11);
	row("the key signs token calls and nothing else");
	call_as(&w, &n.rsa, "AmazonSSM.ListAssociations", "{}");
	expect_error(&w, "UnrecognizedClientException", NULL);
	row("and nobody else's keys sign token calls");
	call_as(&w, &w.admin, "AmazonSSM.RequestManagedInstanceRoleToken",
	    "{\"Fingerprint\":\"finger\"}");
	expect_error(&w, "UnrecognizedClientException", NULL);
	row("the access keys work");
	call_as(&w, &n.keys, "AmazonSSM.ListAssociations", "{}");
	expect_ok(&w);
	row("not without the token");
	as_user = n.keys;
	as_user.token = NULL;
	call_as(&w, &as_user, "AmazonSSM.ListAssociations", "{}");
	expect_error(&w, "UnrecognizedClientException", NULL);
	row("not after an hour");
	sim_run_for(w.sim, 3601 * 1000);
	call_as(&w, &n.keys, "AmazonSSM.ListAssociations", "{}");
	expect_error(&w, "ExpiredTokenException",
	    "The security token included in the request is expired");
	row("new ones do");
	node_token(&w, &n, "finger");
	call_as(&w, &n.keys, "AmazonSSM.ListAssociations", "{}");
	expect_ok(&w);
	world_down(&w);
}

static void
t_rotation(void **state)
{
	struct rsa_key *fresh;
	struct world w;
	struct node n;
	(void)state;

	world_up(&w);
	node_make(&w, &n, "");
	assert_int_equal(rsa_generate(&fresh, NULL), 0);
	call_as(&w, &n.rsa, "AmazonSSM.UpdateManagedInstancePublicKey",
	    arena_printf(&w.mem, "{\"NewPublicKey\":\"%s\",\"NewPublicKeyType\":\"Rsa\"}",
		public_key(&w, fresh)));
	expect_ok(&w);
	node_token(&w, &n, "finger");
	expect_error(&w, "InvalidSignatureException", NULL);
	n.rsa.key = fresh;
	node_token(&w, &n, "finger");
	expect_ok(&w);
	rsa_free(fresh);
	world_down(&w);
}

/* Keys (agent-protocol 10.22) and page tokens outlive the server. */
static void
t_restart(void **state)
{
	const char *id, *code, *token;
	struct world w;
	struct node n;
	(void)state;

	world_up(&w);
	node_make(&w, &n, "");
	activate(&w, "", &id, &code);
	ssm(&w, "DescribeActivations", "{\"MaxResults\":1}");
	token = str(&w, "NextToken");
	http_client_drop_idle(w.http);
	server_close(w.server);
	server_free(w.server);
	server_start(&w);
	call_as(&w, &n.keys, "AmazonSSM.ListAssociations", "{}");
	expect_ok(&w);
	ssm(&w, "DescribeActivations",
	    arena_printf(&w.mem, "{\"NextToken\":\"%s\"}", token));
	expect_ok(&w);
	world_down(&w);
}

/* ---- heartbeat ---- */

static void
t_heartbeat(void **state)
{
	struct world w;
	struct node n;
	(void)state;

	world_up(&w);
	node_make(&w, &n, "");
	node_ping(&w, &n,
	    ",\"AgentVersion\":\"3.3.0.0\",\"PlatformType\":\"Linux\",\"PlatformName\":"
	    "\"Debian\","
	    "\"PlatformVersion\":\"12\",\"IPAddress\":\"10.0.0.5\",\"ComputerName\":"
	    "\"web\"");
	node_ping(&w, &n, ",\"IPAddress\":\"\",\"AgentVersion\":\"3.3.1.0\"");
	ssm(&w, "DescribeInstanceInformation", "{}");
	check_text(
	    span_str(each(&w, "InstanceInformationList", "IPAddress")), "10.0.0.5");
	check_text(
	    span_str(each(&w, "InstanceInformationList", "AgentVersion")), "3.3.1.0");
	row("for somebody else");
	call_as(&w, &n.keys, "AmazonSSM.UpdateInstanceInformation",
	    "{\"InstanceId\":\"mi-0123456789abcdef0\"}");
	expect_error(&w, "AccessDeniedException", NULL);
	row("with the keys of a user a node names itself");
	ssm(&w, "UpdateInstanceInformation",
	    "{\"InstanceId\":\"i-0123456789abcdef0\",\"AgentName\":\"amazon-ssm-"
	    "agent\"}");
	expect_ok(&w);
	ssm(&w, "DescribeInstanceInformation",
	    "{\"Filters\":[{\"Key\":\"InstanceIds\",\"Values\":[\"i-0123456789abcdef0\"]}"
	    "]}");
	check_text(
	    span_str(each(&w, "InstanceInformationList", "ResourceType")), "EC2Instance");
	row("agent-protocol 10.21: but not anything");
	ssm(&w, "UpdateInstanceInformation", "{\"InstanceId\":\"i-________\"}");
	expect_error(&w, "InvalidInstanceId", NULL);
	row("a deregistered node does not come back");
	ssm(&w, "DeregisterManagedInstance",
	    arena_printf(&w.mem, "{\"InstanceId\":\"%s\"}", n.id));
	expect_ok(&w);
	call_as(&w, &n.keys, "AmazonSSM.UpdateInstanceInformation",
	    arena_printf(&w.mem, "{\"InstanceId\":\"%s\"}", n.id));
	expect_error(&w, "UnrecognizedClientException", NULL);
	world_down(&w);
}

/* ---- what agents ask besides ---- */

/* Agent-protocol 10.30: an empty object does for nearly everything; 10.10: messages. */
static void
t_agent_needs(void **state)
{
	static const struct {
		const char *target, *body, *answer; /* %s: the node */
	} t[] = {
		{ "AmazonSSM.ListInstanceAssociations",
		    "{\"InstanceId\":\"%s\",\"MaxResults\":20}",
		    "{\"Associations\":[]}" },
		{ "AmazonSSM.UpdateInstanceAssociationStatus",
		    "{\"InstanceId\":\"%s\",\"AssociationId\":"
		    "\"11111111-2222-4333-8444-555555555555\",\"ExecutionResult\":{"
		    "\"Status\":"
		    "\"Success\",\"ExecutionDate\":1795226972.537}}",
		    "{}" },
		{ "AmazonSSM.GetParameters", "{\"Names\":[\"a\",\"/b\"]}",
		    "{\"Parameters\":[],\"InvalidParameters\":[\"a\",\"/b\"]}" },
		{ "AmazonSSM.PutComplianceItems",
		    "{\"ResourceId\":\"%s\",\"ResourceType\":\"ManagedInstance\","
		    "\"ComplianceType\":\"Association\",\"ExecutionSummary\":{"
		    "\"ExecutionTime\":1},"
		    "\"Items\":[]}",
		    "{}" },
		{ "EC2WindowsMessageDeliveryService.AcknowledgeMessage",
		    "{\"MessageId\":\"aws.ssm.x.%s\"}", "{}" },
		{ "EC2WindowsMessageDeliveryService.SendReply",
		    "{\"MessageId\":\"aws.ssm.x.%s\",\"Payload\":\"{}\",\"ReplyId\":"
		    "\"r\"}",
		    "{}" },
		{ "EC2WindowsMessageDeliveryService.FailMessage",
		    "{\"MessageId\":\"aws.ssm.x.%s\",\"FailureType\":"
		    "\"NoHandlerExists\"}",
		    "{}" },
		{ "EC2WindowsMessageDeliveryService.DeleteMessage",
		    "{\"MessageId\":\"aws.ssm.x.%s\"}", "{}" },
	};
	struct world w;
	struct node n;
	(void)state;

	world_up(&w);
	node_make(&w, &n, "");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const char *at = strstr(t[i].body, "%s");
		char *body = at == NULL
		    ? arena_strdup(&w.mem, t[i].body)
		    : arena_printf(&w.mem, "%.*s%s%s", (int)(at - t[i].body), t[i].body,
			  n.id, at + 2);

		row(t[i].target);
		call_as(&w, &n.keys, t[i].target, body);
		expect_ok(&w);
		check_text(span_str(w.body), t[i].answer);
	}
	row("a poll for messages is held and then empty");
	call_only(&w, &n.keys, "EC2WindowsMessageDeliveryService.GetMessages",
	    arena_printf(
		&w.mem, "{\"Destination\":\"%s\",\"MessagesRequestId\":\"r\"}", n.id));
	sim_run_for(w.sim, 14000);
	assert_false(w.done);
	sim_run_for(w.sim, 2000);
	assert_true(w.done);
	check_text(span_str(w.body),
	    arena_printf(&w.mem,
		"{\"Destination\":\"%s\",\"MessagesRequestId\":\"r\",\"Messages\":[]}",
		n.id));
	row("not for another node");
	call_as(&w, &n.keys, "EC2WindowsMessageDeliveryService.GetMessages",
	    "{\"Destination\":\"mi-0123456789abcdef0\"}");
	expect_error(&w, "AccessDeniedException", NULL);
	row("documents");
	call_as(&w, &n.keys, "AmazonSSM.GetDocument",
	    "{\"Name\":\"AWS-StartSSHSession\",\"DocumentVersion\":\"$DEFAULT\"}");
	expect_ok(&w);
	check_text(span_str(str(&w, "DocumentVersion")), "1");
	call_as(&w, &n.keys, "AmazonSSM.GetDocument", "{\"Name\":\"Nope\"}");
	expect_error(&w, "InvalidDocument", "Document with name Nope does not exist.");
	call_as(&w, &n.keys, "AmazonSSM.GetDocument",
	    "{\"Name\":\"AWS-StartSSHSession\",\"DocumentVersion\":\"7\"}");
	expect_error(&w, "InvalidDocumentVersion", NULL);
	world_down(&w);
}

/* ---- settings ---- */

static void
t_settings(void **state)
{
	static const char tier[] = "/ssm/managed-instance/activation-tier";
	const char *arn;
	json_t *s;
	struct world w;
	(void)state;

	world_up(&w);
	ssm(&w, "GetServiceSetting",
	    arena_printf(&w.mem, "{\"SettingId\":\"%s\"}", tier));
	s = json_get_obj(w.json, "ServiceSetting");
	assert_string_equal(json_get_str(s, "SettingValue"), "advanced");
	assert_string_equal(json_get_str(s, "Status"), "Default");
	arn = arena_strdup(&w.mem, json_get_str(s, "ARN"));
	ssm(&w, "UpdateServiceSetting",
	    arena_printf(
		&w.mem, "{\"SettingId\":\"%s\",\"SettingValue\":\"standard\"}", arn));
	expect_ok(&w);
	ssm(&w, "GetServiceSetting",
	    arena_printf(&w.mem, "{\"SettingId\":\"%s\"}", tier + 1));
	s = json_get_obj(w.json, "ServiceSetting");
	assert_string_equal(json_get_str(s, "SettingValue"), "standard");
	assert_string_equal(json_get_str(s, "Status"), "Customized");
	ssm(&w, "ResetServiceSetting",
	    arena_printf(&w.mem, "{\"SettingId\":\"%s\"}", tier));
	s = json_get_obj(w.json, "ServiceSetting");
	assert_string_equal(json_get_str(s, "SettingValue"), "advanced");
	ssm(&w, "ResetServiceSetting",
	    arena_printf(&w.mem, "{\"SettingId\":\"%s\"}", tier));
	expect_ok(&w);
	ssm(&w, "UpdateServiceSetting",
	    arena_printf(
		&w.mem, "{\"SettingId\":\"%s\",\"SettingValue\":\"gold\"}", tier));
	expect_error(&w, "ValidationException", NULL);
	ssm(&w, "GetServiceSetting", "{\"SettingId\":\"/x\"}");
	expect_error(&w, "ServiceSettingNotFound",
	    "Setting /x not found. Please refer documentation for available settings.");
	world_down(&w);
}

/* ---- STS ---- */

static void
t_identity(void **state)
{
	struct world w;
	struct node n;
	(void)state;

	world_up(&w);
	node_make(&w, &n, "");
	query_as(&w, &w.admin, "sts", "2011-06-15", "GetCallerIdentity", "");
	assert_true(body_has(&w,
	    arena_printf(&w.mem,
		"<GetCallerIdentityResponse "
		"xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/"
		"\"><GetCallerIdentityResult>"
		"<Arn>arn:aws:iam::%s:user/admin</Arn><UserId>AIDA",
		w.account.account)));
	assert_true(body_has(&w, "</UserId><Account>"));
	query_as(&w, &n.keys, "sts", "2011-06-15", "GetCallerIdentity", "");
	assert_true(body_has(&w,
	    arena_printf(&w.mem,
		"<Arn>arn:aws:sts::%s:assumed-role/SallyportNode/%s</Arn>",
		w.account.account, n.id)));
	world_down(&w);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_activations),
		cmocka_unit_test(t_bad_activations),
		cmocka_unit_test(t_registration),
		cmocka_unit_test(t_tags_are_copied),
		cmocka_unit_test(t_token),
		cmocka_unit_test(t_rotation),
		cmocka_unit_test(t_restart),
		cmocka_unit_test(t_heartbeat),
		cmocka_unit_test(t_agent_needs),
		cmocka_unit_test(t_settings),
		cmocka_unit_test(t_identity),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	rsa_free(node_rsa_key());
	return failed;
}
