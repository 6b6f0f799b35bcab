/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The services and the table of all operations.
 */
#include "server/api/op.h"

const struct api_service_info api_services[API_SERVICES] = {
	[API_SSM] = { .name = "ssm", .targets = { "AmazonSSM" }, .protocol = API_JSON },
	[API_MDS] = { .name = "ec2messages",
	    .targets = { "EC2WindowsMessageDeliveryService" },
	    .protocol = API_JSON },
	[API_STS] = { .name = "sts",
	    .protocol = API_QUERY,
	    .version = "2011-06-15",
	    .xmlns = "https://sts.amazonaws.com/doc/2011-06-15/" },
	[API_IAM] = { .name = "iam",
	    .protocol = API_QUERY,
	    .version = "2010-05-08",
	    .xmlns = "https://iam.amazonaws.com/doc/2010-05-08/" },
	[API_EC2] = { .name = "ec2",
	    .protocol = API_EC2_QUERY,
	    .version = "2016-11-15",
	    .xmlns = "http://ec2.amazonaws.com/doc/2016-11-15/" },
	[API_LOGS] = { .name = "logs",
	    .targets = { "Logs_20140328" },
	    .protocol = API_JSON },
	/* botocore and the JavaScript SDK differ. */
	[API_CLOUDTRAIL] = { .name = "cloudtrail",
	    .targets = { "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101",
		"CloudTrail_20131101" },
	    .protocol = API_JSON },
	[API_S3] = { .name = "s3", .protocol = API_REST_XML },
	[API_SALLYPORT] = { .name = "sallyport",
	    .targets = { "Sallyport" },
	    .protocol = API_JSON },
};

static const struct api_op *const groups[] = {
#define GROUP_ENTRY(group) group##_ops,
	API_GROUPS(GROUP_ENTRY)
#undef GROUP_ENTRY
};

/* What must never be forgotten in a row. */
static int
check_row(const struct api_op *op, struct fault *f)
{
	const char *service = api_services[op->service].name;
	size_t n = strlen(service);

	if (op->action == NULL || strncmp(op->action, service, n) != 0 ||
	    op->action[n] != ':' || op->action[n + 1] == '\0')
		return fault_set(f, ERR_INVALID, "operation %s has no action", op->name);
	if ((op->resource == NULL || op->resource[0] == '\0') == (op->find == NULL))
		return fault_set(
		    f, ERR_INVALID, "operation %s names no resource", op->name);
	if (op->input == NULL || op->run == NULL)
		return fault_set(f, ERR_INVALID, "operation %s is incomplete", op->name);
	return 0;
}

static int
add_row(struct op_table *t, const struct api_op *op, struct fault *f)
{
	struct fault inner = { 0 };
	int err;

	if ((err = check_row(op, f)) != 0)
		return err;
	if (op_find(t, op->service, span_str(op->name)) != NULL)
		return fault_set(f, ERR_EXISTS, "operation %s is there twice", op->name);
	t->entries[t->n].op = op;
	if ((err = shape_parse(&t->entries[t->n].input, &t->mem, op->input, &inner)) != 0)
		return fault_set(f, err, "operation %s: %s", op->name, inner.text);
	t->n++;
	return 0;
}

int
op_table_init(struct op_table *t, struct fault *f)
{
	size_t n = 0;

	*t = (struct op_table){ 0 };
	arena_init(&t->mem);
	for (size_t g = 0; g < ARRAY_LEN(groups); g++) {
		for (const struct api_op *op = groups[g]; op->name != NULL; op++)
			n++;
	}
	t->entries = xcalloc(n, sizeof(*t->entries));
	for (size_t g = 0; g < ARRAY_LEN(groups); g++) {
		for (const struct api_op *op = groups[g]; op->name != NULL; op++) {
			int err = add_row(t, op, f);

			if (err != 0)
				return err;
		}
	}
	return 0;
}

void
op_table_fini(struct op_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		shape_fini(t->entries[i].input);
	free(t->entries);
	arena_fini(&t->mem);
	*t = (struct op_table){ 0 };
}

/* A linear walk over a hundred short names costs less than the signature by far. */
struct op_entry *
op_find(const struct op_table *t, enum api_service service, struct span name)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->entries[i].op->service == service &&
		    span_eq_str(name, t->entries[i].op->name))
			return &t->entries[i];
	}
	return NULL;
}
