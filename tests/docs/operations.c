/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the operation table for tools/api-doc: one line for each row, fields between
 * tabs.
 *
 *	service  protocol  name  action  read|write  signed|node-key|unsigned  resource  members
 *
 * resource is the template of the row; where a function finds it "-" and, for a kind of
 * entity, its word.  Members are those of the input, a required one with a '*', in the order
 * of the row.
 */
#include <stdio.h>

#include "server/api/iam/iam.h"

static void
print_members(const struct shape *s)
{
	if (s->nmembers == 0)
		fputs("-", stdout);
	for (size_t i = 0; i < s->nmembers; i++)
		printf("%s%s%s", i > 0 ? " " : "", s->members[i].name,
		    s->members[i].required ? "*" : "");
}

/* Where a function finds the resources of a row: "-", or "-user" for the user that is named. */
static const char *
finder(const struct api_op *op)
{
	static const struct {
		api_resource_finder *find;
		const char *word;
	} t[] = {
		{ iam_user_resource, "-user" },
		{ iam_group_resource, "-group" },
		{ iam_role_resource, "-role" },
		{ iam_policy_resource, "-policy" },
		{ iam_profile_resource, "-instance profile" },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		if (op->find == t[i].find)
			return t[i].word;
	}
	return "-";
}

static void
print_row(const struct op_entry *e)
{
	static const char *const protocols[] = {
		[API_JSON] = "json",
		[API_QUERY] = "query",
		[API_EC2_QUERY] = "ec2-query",
		[API_REST_XML] = "rest-xml",
	};
	static const char *const auths[] = {
		[API_SIGNED] = "signed",
		[API_NODE_KEY] = "node-key",
		[API_UNSIGNED] = "unsigned",
	};
	const struct api_op *op = e->op;
	const struct api_service_info *s = &api_services[op->service];

	printf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t", s->name, protocols[s->protocol], op->name,
	    op->action, op->access == API_READ ? "read" : "write", auths[op->auth],
	    op->find != NULL ? finder(op) : op->resource);
	print_members(e->input);
	putchar('\n');
}

int
main(void)
{
	struct fault f = { 0 };
	struct op_table t;

	if (op_table_init(&t, &f) != 0) {
		fprintf(stderr, "operations: %s\n", fault_text(&f));
		return 1;
	}
	for (size_t i = 0; i < t.n; i++)
		print_row(&t.entries[i]);
	op_table_fini(&t);
	return 0;
}
