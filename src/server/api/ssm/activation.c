/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Activations: the tickets with which machines register.
 *
 * The code is shown once, in the answer of CreateActivation; only its digest is kept.
 * The tag sallyport:instance-id-prefix = i- makes the nodes of an activation look like
 * EC2 instances (ids and ARNs); tags whose key begins with "sallyport:" stay on the
 * activation.
 */
#include "crypto/crypto.h"
#include "proto/ids.h"
#include "server/api/record.h"
#include "server/api/ssm/node_role.h"
#include "server/api/tags.h"

#define TAG_PREFIX "sallyport:instance-id-prefix"
#define TEXT_INVALID                                                                  \
	"The activation ID isn't valid. Verify you entered the correct ActivationId " \
	"or ActivationCode and try again."

enum {
	LIFETIME_DEFAULT_MS = 24 * 3600 * 1000,
	PAGE_DEFAULT = 50,
};
static const int64_t lifetime_max_ms = 30LL * 24 * 3600 * 1000;

/* ---- CreateActivation ---- */

struct new_activation {
	struct store_activation row;
	char code[ID_CODE_LEN + 1];
};

static int
read_tags(struct api_call *c, struct store_activation *a)
{
	const json_t *tags = json_object_get(c->in, "Tags"), *t;
	auto_json *o = json_object();
	auto_buf b;
	size_t i;

	buf_init(&b, 256 * 1024);
	if (json_array_size(tags) > TAGS_MAX)
		return api_fail(c, "InvalidParameters",
		    "An activation has at most %d tags.", TAGS_MAX);
	json_array_foreach(tags, i, t)
	{
		const char *key = json_get_str(t, "Key"),
			   *value = json_get_str(t, "Value");

		if (json_object_get(o, key) != NULL)
			return api_fail(
			    c, "InvalidParameters", "Duplicate tag key: %s", key);
		if (strncmp(key, "aws:", 4) == 0)
			return api_fail(c, "InvalidParameters",
			    "Tag keys that begin with aws: are reserved.");
		json_object_set_new(o, key, json_string(value));
		if (strcmp(key, TAG_PREFIX) != 0)
			continue;
		if (strcmp(value, "i-") != 0 && strcmp(value, "mi-") != 0)
			return api_fail(c, "InvalidParameters",
			    "The tag " TAG_PREFIX " must be i- or mi-.");
		a->id_prefix = arena_strdup(&c->mem, value);
	}
	json_dump(&b, o);
	a->tags_json = arena_strdup(&c->mem, buf_cstr(&b));
	return buf_check(&b);
}

static int
read_expiry(struct api_call *c, struct store_activation *a)
{
	int64_t now = c->now_ms;

	a->created_ms = now;
	a->expires_ms = api_time(c, "ExpirationDate", now + LIFETIME_DEFAULT_MS);
	if (a->expires_ms <= now)
		return api_fail(
		    c, "InvalidParameters", "The expiration date is in the past.");
	if (a->expires_ms > now + lifetime_max_ms)
		return api_fail(c, "InvalidParameters",
		    "The expiration date is more than 30 days ahead.");
	return 0;
}

static char *
str_or_empty(struct api_call *c, const char *member)
{
	const char *s = api_str(c, member);

	return arena_strdup(&c->mem, s != NULL ? s : "");
}

static void
make_code(struct api_call *c, struct new_activation *n)
{
	uint8_t raw[13], sum[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	ev_random(c->env->loop, raw, sizeof(raw));
	id_code_format(n->code, raw);
	secret_wipe(raw, sizeof(raw));
	sha256(sum, span_str(n->code));
	hex_encode(hex, sum, sizeof(sum));
	n->row.code_sha256 = arena_strdup(&c->mem, hex);
}

static int
create_activation_change(struct store_tx *tx, struct api_call *c)
{
	struct new_activation *n = c->user;

	return store_activation_put(tx, &n->row);
}

/* Not the code. */
static void
activation_response(struct api_call *c, struct jsonw *w)
{
	const struct new_activation *n = c->user;

	record_text(w, "ActivationId", n->row.id);
}

static int
create_activation_done(struct api_call *c)
{
	struct new_activation *n = c->user;

	jw_field_str(&c->w, "ActivationId", n->row.id);
	jw_field_str(&c->w, "ActivationCode", n->code);
	return 0;
}

static int
create_activation(struct api_call *c)
{
	struct new_activation *n = arena_alloc(&c->mem, sizeof(*n));
	char id[UUID_LEN + 1];
	const char *role;
	uint8_t raw[16];
	int err;

	n->row.description = str_or_empty(c, "Description");
	n->row.instance_name = str_or_empty(c, "DefaultInstanceName");
	n->row.limit = api_int(c, "RegistrationLimit", 1);
	n->row.id_prefix = arena_strdup(&c->mem, "mi-");
	if ((err = node_role_pass(c, &role)) != 0 || (err = read_tags(c, &n->row)) != 0 ||
	    (err = read_expiry(c, &n->row)) != 0)
		return err;
	n->row.iam_role = arena_strdup(&c->mem, role);
	ev_random(c->env->loop, raw, sizeof(raw));
	uuid_format(id, raw);
	n->row.id = arena_strdup(&c->mem, id);
	make_code(c, n);
	c->user = n;
	return api_write(c, create_activation_change, create_activation_done);
}

/* ---- DescribeActivations ---- */

/* FilterValues of one key are alternatives, keys add up. */
static bool
filter_matches(const json_t *filter, const struct store_activation *a)
{
	const char *key = json_get_str(filter, "FilterKey");
	const json_t *values = json_get_arr(filter, "FilterValues"), *v;
	const char *have = a->id;
	size_t i;

	if (key == NULL)
		return true;
	if (strcmp(key, "DefaultInstanceName") == 0)
		have = a->instance_name;
	else if (strcmp(key, "IamRole") == 0)
		have = a->iam_role;
	json_array_foreach(values, i, v)
	{
		if (strcmp(json_string_value(v), have) == 0)
			return true;
	}
	return false;
}

static void
write_tags(struct jsonw *w, const char *tags_json)
{
	auto_json *tags = NULL;
	const char *key;
	json_t *v;

	if (json_read(&tags, span_str(tags_json), NULL) != 0 ||
	    json_object_size(tags) == 0)
		return;
	jw_key(w, "Tags");
	jw_open(w, '[');
	json_object_foreach(tags, key, v)
	{
		jw_open(w, '{');
		jw_field_str(w, "Key", key);
		jw_field_str(w, "Value", json_string_value(v));
		jw_close(w, '}');
	}
	jw_close(w, ']');
}

static void
write_activation(struct jsonw *w, const struct store_activation *a, int64_t now)
{
	jw_open(w, '{');
	jw_field_str(w, "ActivationId", a->id);
	jw_field_opt(w, "Description", a->description[0] != '\0' ? a->description : NULL);
	jw_field_opt(w, "DefaultInstanceName",
	    a->instance_name[0] != '\0' ? a->instance_name : NULL);
	jw_field_str(w, "IamRole", a->iam_role);
	jw_field_int(w, "RegistrationLimit", a->limit);
	jw_field_int(w, "RegistrationsCount", a->count);
	jw_field_time(w, "ExpirationDate", a->expires_ms);
	jw_field_bool(w, "Expired", a->expires_ms <= now);
	jw_field_time(w, "CreatedDate", a->created_ms);
	write_tags(w, a->tags_json);
	jw_close(w, '}');
}

static bool
list_one(void *arg, const struct store_activation *a)
{
	struct page *p = arg;
	const json_t *filters = json_object_get(p->c->in, "Filters"), *f;
	size_t i;

	json_array_foreach(filters, i, f)
	{
		if (!filter_matches(f, a))
			return true;
	}
	if (!page_take(p, a->id))
		return false;
	write_activation(&p->c->w, a, p->c->now_ms);
	return true;
}

static int
check_filters(struct api_call *c)
{
	const json_t *filters = json_object_get(c->in, "Filters"), *f;
	size_t i;

	json_array_foreach(filters, i, f)
	{
		if (json_get_str(f, "FilterKey") == NULL ||
		    json_array_size(json_get_arr(f, "FilterValues")) == 0)
			return api_fail(c, "InvalidFilter",
			    "The filter name isn't valid. Verify that you entered the "
			    "correct "
			    "name and try again.");
	}
	return 0;
}

static int
describe_activations(struct api_call *c)
{
	int64_t limit = api_int(c, "MaxResults", PAGE_DEFAULT);
	struct page p;
	int err;

	if ((err = check_filters(c)) != 0 ||
	    (err = page_open(&p, c, "ActivationList", limit)) != 0 ||
	    (err = store_activations(api_reader(c), p.after, list_one, &p)) != 0)
		return err;
	page_close(&p);
	return 0;
}

/* ---- DeleteActivation ---- */

static int
delete_activation_change(struct store_tx *tx, struct api_call *c)
{
	int err = store_activation_del(tx, api_str(c, "ActivationId"));

	if (err == ERR_NOTFOUND)
		return api_fail(c, "InvalidActivationId", TEXT_INVALID);
	return err;
}

static int
delete_activation(struct api_call *c)
{
	return api_write(c, delete_activation_change, NULL);
}

#define ACTIVATION_ID "/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/"
#define TAG_CHARS     "/^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$/"

const struct api_op ssm_activation_ops[] = {
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "CreateActivation",
	    .action = "ssm:CreateActivation",
	    .resource = "*",
	    .input = "{ Description: string{0..256}; DefaultInstanceName: "
		     "string{0..256 " TAG_CHARS
		     "}; IamRole*: string{..64}; RegistrationLimit: integer{1..1000}; "
		     "ExpirationDate: timestamp; Tags: list{..1000}[struct { Key*: "
		     "string{1..128 " TAG_CHARS "}; Value*: string{0..256 " TAG_CHARS
		     "} }]; RegistrationMetadata: list[struct { Key*: string{1..128 "
		     "/^(?!\\s*$).+/}; Value*: string{1..2048 /^(?!\\s*$).+/} }] }",
	    .run = create_activation,
	    .response = activation_response,
	},
	{
	    .service = API_SSM,
	    .access = API_READ,
	    .name = "DescribeActivations",
	    .action = "ssm:DescribeActivations",
	    .resource = "*",
	    .input = "{ Filters: list[struct { FilterKey: "
		     "string{ActivationIds|DefaultInstanceName|IamRole}; FilterValues: "
		     "list[string] }]; MaxResults: integer{1..50}; NextToken: string }",
	    .run = describe_activations,
	},
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "DeleteActivation",
	    .action = "ssm:DeleteActivation",
	    .resource = "*",
	    .input = "{ ActivationId*: string{" ACTIVATION_ID "} }",
	    .run = delete_activation,
	},
	{ 0 },
};
