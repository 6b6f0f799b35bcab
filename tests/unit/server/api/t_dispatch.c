/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens before a handler: routing, signatures, bodies, permissions; and that no
 * row of the table forgot anything.
 */
#include "world.h"

#include "server/api/op.h"
#include "server/authorise.h"

/* ---- the table ---- */

static void
t_table(void **state)
{
	struct op_table t;
	struct fault f = { 0 };

	(void)state;
	if (op_table_init(&t, &f) != 0)
		fail_msg("%s", f.text);
	assert_true(t.n > 30);
	for (size_t i = 0; i < t.n; i++) {
		const struct api_op *op = t.entries[i].op;
		const char *service = api_services[op->service].name;

		row(op->name);
		assert_true(strncmp(op->action, service, strlen(service)) == 0);
		assert_true(op->action[strlen(service)] == ':');
		assert_true((op->resource != NULL) != (op->find != NULL));
		assert_non_null(t.entries[i].input);
		/* What reads changes nothing; the name says which it is. */
		if (strncmp(op->name, "Describe", 8) == 0 ||
		    strncmp(op->name, "List", 4) == 0)
			assert_int_equal(op->access, API_READ);
		if (strncmp(op->name, "Create", 6) == 0 ||
		    strncmp(op->name, "Delete", 6) == 0)
			assert_int_equal(op->access, API_WRITE);
		/* These alone bring a proof of another kind than a signature. */
		assert_true((op->auth == API_UNSIGNED) ==
		    (strcmp(op->name, "RegisterManagedInstance") == 0 ||
			strcmp(op->name, "AssumeRoleWithWebIdentity") == 0));
	}
	op_table_fini(&t);
}

/* ---- broken requests ---- */

/* What is done to a good request before it is sent. */
enum harm {
	HARM_NONE,
	HARM_NO_AUTH,
	HARM_AUTH_TEXT,
	HARM_KEY,
	HARM_SECRET,
	HARM_TOKEN,
	HARM_BODY,
	HARM_SERVICE,
	HARM_LATE,
	HARM_EARLY,
};

static void
harmed_call(struct world *w, const char *service, const char *target, const char *body,
    enum harm harm)
{
	struct signer s = w->admin;
	struct raw q = { .method = "POST", .target = "/", .body = body };
	int64_t shift = harm == HARM_LATE ? 6 : harm == HARM_EARLY ? -6 : 0;

	if (target != NULL) {
		raw_header(&q, "Content-Type", "application/x-amz-json-1.1");
		raw_header(&q, "X-Amz-Target", target);
	} else {
		raw_header(&q, "Content-Type", "application/x-www-form-urlencoded");
	}
	if (harm == HARM_KEY)
		s.access_key = "AKIAAAAAAAAAAAAAAAAA";
	if (harm == HARM_SECRET)
		s.secret = "wrongwrongwrongwrongwrongwrongwrongwrong";
	if (harm == HARM_TOKEN)
		s.token = "token";
	if (harm != HARM_NO_AUTH)
		sign(w, &q, &s, harm == HARM_SERVICE ? "logs" : service);
	if (harm == HARM_AUTH_TEXT)
		q.headers[q.nheaders - 1].value = "AWS4-HMAC-SHA256 Nothing";
	if (harm == HARM_BODY)
		q.body = arena_printf(&w->mem, "%s ", body);
	if (shift > 0)
		sim_run_for(w->sim, (uint64_t)shift * 60 * 1000);
	if (shift < 0) { /* signed in six minutes from now */
		char *date = arena_alloc(&w->mem, TIME_AMZ_LEN + 1);

		time_amz(date, ev_wall_ms(w->client_loop) - shift * 60 * 1000);
		q.headers[q.nheaders - 2].value = date;
	}
	send_raw(w, &q);
}

static void
t_harm_json(void **state)
{
	static const struct {
		const char *what;
		enum harm harm;
		const char *code, *message;
	} t[] = {
		{ "unharmed", HARM_NONE, NULL, NULL },
		{ "no signature", HARM_NO_AUTH, "MissingAuthenticationTokenException",
		    "Missing Authentication Token" },
		{ "no parts", HARM_AUTH_TEXT, "IncompleteSignatureException", NULL },
		{ "unknown key", HARM_KEY, "UnrecognizedClientException",
		    "The security token included in the request is invalid." },
		{ "wrong secret", HARM_SECRET, "InvalidSignatureException",
		    "The request signature we calculated does not match the signature "
		    "you "
		    "provided. Check your AWS Secret Access Key and signing method. "
		    "Consult the "
		    "service documentation for details." },
		{ "a token with a long-term key", HARM_TOKEN,
		    "UnrecognizedClientException",
		    "The security token included in the request is invalid" },
		{ "another body", HARM_BODY, "InvalidSignatureException", NULL },
		{ "another service", HARM_SERVICE, "InvalidSignatureException",
		    "Credential should be scoped to correct service: 'ssm'." },
		{ "six minutes late", HARM_LATE, "InvalidSignatureException", NULL },
		{ "six minutes early", HARM_EARLY, "InvalidSignatureException", NULL },
	};
	struct world w;
	(void)state;

	world_up(&w);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		harmed_call(&w, "ssm", "AmazonSSM.DescribeActivations", "{}", t[i].harm);
		if (t[i].code == NULL)
			expect_ok(&w);
		else
			expect_error(&w, t[i].code, t[i].message);
		if (t[i].harm == HARM_LATE)
			assert_true(strstr(w.body, "Signature expired: ") != NULL);
		if (t[i].harm == HARM_EARLY)
			assert_true(
			    strstr(w.body, "Signature not yet current: ") != NULL);
	}
	world_down(&w);
}

static void
t_harm_xml(void **state)
{
	static const char sts_body[] = "Action=GetCallerIdentity&Version=2011-06-15";
	static const char ec2_body[] = "Action=DescribeInstances&Version=2016-11-15";
	static const char none[] =
	    "AWS was not able to validate the provided access credentials";
	static const struct {
		const char *what, *service, *body;
		enum harm harm;
		int status;
		const char *code, *message;
	} t[] = {
		{ "STS", "sts", sts_body, HARM_NONE, 200, NULL, NULL },
		{ "STS, no signature", "sts", sts_body, HARM_NO_AUTH, 403,
		    "MissingAuthenticationToken",
		    "Request is missing Authentication Token" },
		{ "STS, no parts", "sts", sts_body, HARM_AUTH_TEXT, 400,
		    "IncompleteSignature", NULL },
		{ "STS, unknown key", "sts", sts_body, HARM_KEY, 403,
		    "InvalidClientTokenId",
		    "The security token included in the request is invalid." },
		{ "STS, wrong secret", "sts", sts_body, HARM_SECRET, 403,
		    "SignatureDoesNotMatch", NULL },
		{ "STS, token", "sts", sts_body, HARM_TOKEN, 403, "InvalidClientTokenId",
		    NULL },
		{ "STS allows six minutes", "sts", sts_body, HARM_LATE, 200, NULL, NULL },
		{ "EC2", "ec2", ec2_body, HARM_NONE, 200, NULL, NULL },
		{ "EC2, no signature", "ec2", ec2_body, HARM_NO_AUTH, 401, "AuthFailure",
		    none },
		{ "EC2, unknown key", "ec2", ec2_body, HARM_KEY, 401, "AuthFailure",
		    none },
		{ "EC2, wrong secret", "ec2", ec2_body, HARM_SECRET, 401, "AuthFailure",
		    none },
		{ "EC2, token", "ec2", ec2_body, HARM_TOKEN, 401, "AuthFailure", none },
		{ "EC2, late", "ec2", ec2_body, HARM_LATE, 400, "RequestExpired",
		    "Request has expired." },
		{ "an action that is not there", "sts", "Action=Nope&Version=2011-06-15",
		    HARM_NONE, 400, "InvalidAction",
		    "Could not find operation Nope for version 2011-06-15" },
		{ "the same at EC2", "ec2", "Action=Nope&Version=2016-11-15", HARM_NONE,
		    400, "InvalidAction",
		    "The action Nope is not valid for this web service." },
		{ "no action", "ec2", "Version=2016-11-15", HARM_NONE, 400,
		    "MissingAction", "The request must contain the parameter Action." },
		{ "not one of IAM's here", "iam", "Action=ListSSHPublicKeys&Version=2010-05-08",
		    HARM_NONE, 400, "InvalidAction",
		    "Could not find operation ListSSHPublicKeys for version 2010-05-08" },
		{ "a bad form", "sts", "Action=%zz", HARM_NONE, 400, "MalformedInput",
		    NULL },
		{ "a word for a number", "ec2",
		    "Action=DescribeInstances&Version=2016-11-15&MaxResults=x", HARM_NONE,
		    400, "InvalidParameterValue", NULL },
		{ "a name with markup", "sts", "Action=%3Cb%3E&Version=2011-06-15",
		    HARM_NONE, 400, "InvalidAction",
		    "Could not find operation &lt;b&gt; for version 2011-06-15" },
		{ "nobody at S3", "s3", "", HARM_NO_AUTH, 403, "AccessDenied",
		    "Access Denied" },
		{ "somebody at S3", "s3", "", HARM_NONE, 400, "InvalidRequest", NULL },
	};
	struct world w;
	(void)state;

	world_up(&w);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		harmed_call(&w, t[i].service, NULL, t[i].body, t[i].harm);
		if (t[i].code != NULL)
			expect_xml_error(&w, t[i].status, t[i].code, t[i].message);
		else
			assert_int_equal(w.status, t[i].status);
		assert_non_null(w.request_id);
	}
	world_down(&w);
}

/* Signed requests whose headers or bodies are wrong. */
static void
t_bodies(void **state)
{
	static const char json[] = "application/x-amz-json-1.1";
	static const struct {
		const char *what, *target, *type, *body;
		int status;
		const char *code;
	} t[] = {
		{ "unknown operation", "AmazonSSM.Nope", json, "{}", 400,
		    "UnknownOperationException" },
		{ "unknown service", "Nope.DescribeSessions", json, "{}", 400,
		    "UnknownOperationException" },
		{ "no dot", "DescribeSessions", json, "{}", 400,
		    "UnknownOperationException" },
		{ "an empty target", "", json, "{}", 400, "UnknownOperationException" },
		{ "a form where JSON belongs", "AmazonSSM.DescribeActivations",
		    "application/x-www-form-urlencoded", "{}", 404,
		    "UnknownOperationException" },
		{ "JSON 1.0", "AmazonSSM.DescribeActivations",
		    "application/x-amz-json-1.0", "{}", 200, NULL },
		{ "an empty body", "AmazonSSM.DescribeActivations", json, "", 400,
		    "SerializationException" },
		{ "half an object", "AmazonSSM.DescribeActivations", json,
		    "{\"MaxResults\":", 400, "SerializationException" },
		{ "a list", "AmazonSSM.DescribeActivations", json, "[]", 400,
		    "SerializationException" },
		{ "a key twice", "AmazonSSM.DescribeActivations", json,
		    "{\"MaxResults\":1,\"MaxResults\":2}", 400,
		    "SerializationException" },
		{ "bytes that are no UTF-8", "AmazonSSM.DescribeActivations", json,
		    "{\"NextToken\":\"\xff\"}", 400, "SerializationException" },
		{ "a wrong type", "AmazonSSM.DescribeActivations", json,
		    "{\"MaxResults\":\"1\"}", 400, "SerializationException" },
		{ "a constraint", "AmazonSSM.DescribeActivations", json,
		    "{\"MaxResults\":0}", 400, "ValidationException" },
		{ "CloudTrail as botocore says it",
		    "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents",
		    json, "{}", 400, "InvalidSignatureException" }, /* signed for ssm */
		{ "CloudTrail as JavaScript says it", "CloudTrail_20131101.LookupEvents",
		    json, "{}", 400, "InvalidSignatureException" },
	};
	struct world w;
	(void)state;

	world_up(&w);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct raw q = { .method = "POST", .target = "/", .body = t[i].body };

		row(t[i].what);
		raw_header(&q, "Content-Type", t[i].type);
		raw_header(&q, "X-Amz-Target", t[i].target);
		sign(&w, &q, &w.admin, "ssm");
		send_raw(&w, &q);
		assert_int_equal(w.status, t[i].status);
		if (t[i].code != NULL)
			assert_string_equal(json_get_str(w.json, "__type"), t[i].code);
	}
	world_down(&w);
}

/* A presigned GetCallerIdentity, as SDKs hand it to others; and GET without a target. */
static void
t_get(void **state)
{
	struct raw q = { .method = "GET", .target = "/", .body = "" };
	struct world w;
	(void)state;

	world_up(&w);
	row("GET with a form in the query");
	q.target = "/?Action=GetCallerIdentity&Version=2011-06-15";
	sign(&w, &q, &w.admin, "sts");
	send_raw(&w, &q);
	expect_ok(&w);
	assert_true(body_has(&w, ":user/admin</Arn>"));

	row("GET with a JSON target");
	q = (struct raw){ .method = "GET", .target = "/", .body = "" };
	raw_header(&q, "X-Amz-Target", "AmazonSSM.DescribeActivations");
	sign(&w, &q, &w.admin, "ssm");
	send_raw(&w, &q);
	expect_error(&w, "UnknownOperationException", NULL);
	world_down(&w);
}

/* The service may be named by the host alone. */
static void
t_routes(void **state)
{
	struct world w;
	(void)state;

	world_up(&w);
	row("older versions of EC2");
	query_as(&w, &w.admin, "ec2", "2015-10-01", "DescribeInstances", "");
	expect_ok(&w);
	row("unsigned, by version");
	query_as(&w, NULL, "", "2011-06-15", "GetCallerIdentity", "");
	expect_xml_error(&w, 403, "MissingAuthenticationToken", NULL);
	row("unsigned, unknown version");
	query_as(&w, NULL, "", "1999-01-01", "GetCallerIdentity", "");
	expect_xml_error(&w, 403, "AccessDenied", NULL);
	row("every region is ours");
	query_as(&w, &w.admin, "sts", "2011-06-15", "GetCallerIdentity", "");
	expect_ok(&w);
	world_down(&w);
}

/* A client that leaves while its call is held or being written. */
static void
t_abort(void **state)
{
	struct world w;
	struct node n;
	(void)state;

	world_up(&w);
	node_make(&w, &n, "");
	row("during a held poll");
	call_only(&w, &n.keys, "EC2WindowsMessageDeliveryService.GetMessages",
	    arena_printf(&w.mem, "{\"Destination\":\"%s\"}", n.id));
	sim_run_for(w.sim, 3000);
	assert_false(w.done);
	sim_partition(w.sim, "server", "client", true);
	sim_run_for(w.sim, 20000);
	sim_partition(w.sim, "server", "client", false);

	row("right after sending a change");
	call_only(&w, &w.admin, "AmazonSSM.CreateActivation", "{\"IamRole\":\"R\"}");
	sim_run_for(w.sim, 1);
	sim_partition(w.sim, "server", "client", true);
	sim_run_for(w.sim, 20000);
	sim_partition(w.sim, "server", "client", false);

	row("and the server still answers");
	ssm(&w, "DescribeActivations", "{}");
	expect_ok(&w);
	world_down(&w);
}

/* The stop lets held answers go and then ends the loop. */
static void
t_stop(void **state)
{
	struct world w;
	struct node n;
	(void)state;

	world_up(&w);
	node_make(&w, &n, "");
	call_only(&w, &n.keys, "EC2WindowsMessageDeliveryService.GetMessages",
	    arena_printf(&w.mem, "{\"Destination\":\"%s\"}", n.id));
	sim_run_for(w.sim, 1000);
	assert_false(w.done);
	server_stop(w.server);
	sim_run_for(w.sim, 500);
	assert_true(w.done);
	assert_int_equal(w.status, 200);
	world_down(&w);
}

/* Down with calls still open: nothing leaks, nothing is touched afterwards. */
static void
t_down_while_held(void **state)
{
	struct world w;
	struct node n;
	(void)state;

	world_up(&w);
	node_make(&w, &n, "");
	call_only(&w, &n.keys, "EC2WindowsMessageDeliveryService.GetMessages",
	    arena_printf(&w.mem, "{\"Destination\":\"%s\"}", n.id));
	sim_run_for(w.sim, 1000);
	world_down(&w);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_table),
		cmocka_unit_test(t_harm_json),
		cmocka_unit_test(t_harm_xml),
		cmocka_unit_test(t_bodies),
		cmocka_unit_test(t_get),
		cmocka_unit_test(t_routes),
		cmocka_unit_test(t_abort),
		cmocka_unit_test(t_stop),
		cmocka_unit_test(t_down_while_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
