/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resource names: parsing, building, and that what is built parses.
 */
#include "unit/check.h"

#include "proto/arn.h"

#define R "eu-north-1"
#define A "123456789012"

static void
t_parse(void **state)
{
	static const struct {
		const char *in, *service, *region, *account,
		    *resource; /* service NULL: refused */
	} t[] = {
		{ "arn:aws:ec2:" R ":" A ":instance/i-1", "ec2", R, A, "instance/i-1" },
		{ "arn:aws:iam::" A ":user/path/alice", "iam", "", A, "user/path/alice" },
		{ "arn:aws:s3:::bucket/key:with:colons", "s3", "", "",
		    "bucket/key:with:colons" },
		{ "arn:aws:logs:" R ":" A ":log-group:name:*", "logs", R, A,
		    "log-group:name:*" },
		{ "arn:aws:ssm:" R "::document/AWS-X", "ssm", R, "", "document/AWS-X" },
		{ "", NULL, NULL, NULL, NULL },
		{ "arn", NULL, NULL, NULL, NULL },
		{ "arn:aws:ec2:" R ":" A, NULL, NULL, NULL, NULL },
		{ "arn:aws:ec2:" R ":" A ":", NULL, NULL, NULL, NULL },
		{ "arn:aws::" R ":" A ":x", NULL, NULL, NULL, NULL },
		{ "arn::ec2:" R ":" A ":x", NULL, NULL, NULL, NULL },
		{ "ARN:aws:ec2:" R ":" A ":x", NULL, NULL, NULL, NULL },
		{ "xarn:aws:ec2:" R ":" A ":x", NULL, NULL, NULL, NULL },
		{ "arn:aws:ec2:" R ":" A ":a b", NULL, NULL, NULL, NULL },
		{ "arn:aws:ec2:" R ":" A ":a\n", NULL, NULL, NULL, NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct arn a;

		print_message("  \"%s\"\n", t[i].in);
		if (t[i].service == NULL) {
			assert_int_equal(arn_parse(&a, span_str(t[i].in)), ERR_INVALID);
			continue;
		}
		assert_int_equal(arn_parse(&a, span_str(t[i].in)), 0);
		check_text(a.partition, "aws");
		check_text(a.service, t[i].service);
		check_text(a.region, t[i].region);
		check_text(a.account, t[i].account);
		check_text(a.resource, t[i].resource);
	}
}

static void
t_too_long(void **state)
{
	char text[ARN_MAX + 2] = "arn:aws:s3:::";
	size_t n = strlen(text);
	struct arn a;
	(void)state;

	memset(text + n, 'x', sizeof(text) - n - 1);
	assert_int_equal(arn_parse(&a, span_of(text, ARN_MAX)), 0);
	assert_int_equal(arn_parse(&a, span_of(text, ARN_MAX + 1)), ERR_INVALID);
}

static void
t_build(void **state)
{
	auto_arena mem = { 0 };
	struct arn a;
	const struct {
		const char *got, *want;
	} t[] = {
		{ arn_node(&mem, R, A, "i-0123456789abcdef0"),
		    "arn:aws:ec2:" R ":" A ":instance/i-0123456789abcdef0" },
		{ arn_node(&mem, R, A, "mi-0123456789abcdef0"),
		    "arn:aws:ssm:" R ":" A ":managed-instance/mi-0123456789abcdef0" },
		{ arn_document(&mem, R, A, "AWS-RunShellScript"),
		    "arn:aws:ssm:" R "::document/AWS-RunShellScript" },
		{ arn_document(&mem, R, A, "SSM-SessionManagerRunShell"),
		    "arn:aws:ssm:" R ":" A ":document/SSM-SessionManagerRunShell" },
		{ arn_document(&mem, R, A, "AWSome"),
		    "arn:aws:ssm:" R ":" A ":document/AWSome" },
		{ arn_session(&mem, R, A, "a@b-0"),
		    "arn:aws:ssm:" R ":" A ":session/a@b-0" },
		{ arn_iam(&mem, A, "user", "/", "alice"),
		    "arn:aws:iam::" A ":user/alice" },
		{ arn_iam(&mem, A, "role", "/ops/eu/", "r"),
		    "arn:aws:iam::" A ":role/ops/eu/r" },
		{ arn_assumed_role(&mem, A, "r", "s"),
		    "arn:aws:sts::" A ":assumed-role/r/s" },
		{ arn_make(&mem, "s3", "", "", "b/*"), "arn:aws:s3:::b/*" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_string_equal(t[i].got, t[i].want);
		assert_int_equal(arn_parse(&a, span_str(t[i].got)), 0);
	}
}

static void
t_resource_id(void **state)
{
	static const struct {
		const char *resource, *type, *want;
	} t[] = {
		{ "instance/i-1", "instance", "i-1" },
		{ "log-group:a/b:*", "log-group", "a/b:*" },
		{ "instance/", "instance", NULL },
		{ "instance", "instance", NULL },
		{ "instances/i-1", "instance", NULL },
		{ "managed-instance/mi-1", "instance", NULL },
		{ "x", "instance", NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct arn a = { .resource = span_str(t[i].resource) };
		struct span id;

		print_message("  %s of %s\n", t[i].type, t[i].resource);
		assert_int_equal(arn_resource_id(&a, t[i].type, &id), t[i].want != NULL);
		if (t[i].want != NULL)
			check_text(id, t[i].want);
	}
}

static void
t_names(void **state)
{
	static const struct {
		int (*take)(struct span *, struct span);
		const char *in, *want;
	} t[] = {
		{ arn_node_id, "i-0123456789abcdef0", "i-0123456789abcdef0" },
		{ arn_node_id, "arn:aws:ec2:" R ":" A ":instance/i-0123456789abcdef0",
		    "i-0123456789abcdef0" },
		{ arn_node_id,
		    "arn:aws:ssm:" R ":" A ":managed-instance/mi-0123456789abcdef0",
		    "mi-0123456789abcdef0" },
		{ arn_node_id, "arn:aws:ec2:" R ":" A ":instance/mi-0123456789abcdef0",
		    NULL },
		{ arn_node_id,
		    "arn:aws:ssm:" R ":" A ":managed-instance/i-0123456789abcdef0",
		    NULL },
		{ arn_node_id, "arn:aws:ssm:" R ":" A ":instance/i-0123456789abcdef0",
		    NULL },
		{ arn_node_id, "arn:aws:s3:::instance/i-0123456789abcdef0", NULL },
		{ arn_node_id, "arn:aws:ec2:" R ":" A ":instance/../x", NULL },
		{ arn_node_id, "web-1", NULL },
		{ arn_node_id, "", NULL },
		{ arn_document_name, "My-Doc", "My-Doc" },
		{ arn_document_name, "arn:aws:ssm:" R "::document/AWS-X", "AWS-X" },
		{ arn_document_name, "arn:aws:ssm:" R ":" A ":document/a/b", NULL },
		{ arn_document_name, "arn:aws:ssm:" R ":" A ":session/abc", NULL },
		{ arn_document_name, "a", NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct span id;
		int r = t[i].take(&id, span_str(t[i].in));

		print_message("  \"%s\"\n", t[i].in);
		assert_int_equal(r, t[i].want != NULL ? 0 : ERR_INVALID);
		if (t[i].want != NULL)
			check_text(id, t[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_parse),
		cmocka_unit_test(t_too_long),
		cmocka_unit_test(t_build),
		cmocka_unit_test(t_resource_id),
		cmocka_unit_test(t_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
