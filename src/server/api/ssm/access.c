/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Just-in-time access, the side of the one who asks: StartAccessRequest and GetAccessToken, as
 * at AWS.  The approvers' side has no operations there; ours are in own/access_review.c.
 *
 * How long the access is to last has no member either: the tag sallyport:minutes says it.
 */
#include "proto/arn.h"
#include "proto/ids.h"
#include "server/api/record.h"
#include "server/api/ssm/access.h"
#include "server/api/tags.h"
#include "server/domain/temp_key.h"

#define MINUTES_TAG "sallyport:minutes"

/* ---- StartAccessRequest ---- */

struct asking {
	struct store_access_request row;
	char id[ACCESS_REQUEST_ID_LEN + 1];
};

static bool
has_id(const json_t *ids, const char *id)
{
	const json_t *v;
	size_t i;

	json_array_foreach(ids, i, v)
	{
		if (strcmp(json_string_value(v), id) == 0)
			return true;
	}
	return false;
}

static int
add_node(struct api_call *c, json_t *ids, const char *id)
{
	if (has_id(ids, id))
		return 0;
	if (json_array_size(ids) == ACCESS_REQUEST_NODES_MAX)
		return api_fail(c, "ValidationException",
		    "A request is for %d nodes at most.", ACCESS_REQUEST_NODES_MAX);
	json_array_append_new(ids, json_string(id));
	return 0;
}

/* What an approver sees is what it will be good for: a tag names the nodes of this moment. */
struct by_tag {
	struct api_call *c;
	json_t *ids;
	const char *key;
	const json_t *values;
	int err;
};

static bool
match_tag(void *arg, const struct store_tag *t)
{
	struct by_tag *b = arg;
	struct span id = span_str(t->resource), type;
	const json_t *v;
	size_t i;

	if (!span_cut(&id, '/', &type) || !span_eq_str(type, "ManagedInstance") ||
	    strcmp(t->key, b->key) != 0)
		return true;
	json_array_foreach(b->values, i, v)
	{
		if (strcmp(json_string_value(v), t->value) == 0)
			b->err = add_node(b->c, b->ids, (const char *)id.p);
	}
	return b->err == 0;
}

static int
add_tagged(struct api_call *c, json_t *ids, const char *key, const json_t *values)
{
	struct by_tag b = { .c = c, .ids = ids, .key = key, .values = values };
	int err = store_tags(api_reader(c), NULL, match_tag, &b);

	return err != 0 ? err : b.err;
}

static int
add_listed(struct api_call *c, json_t *ids, const json_t *values)
{
	struct store_node n;
	const json_t *v;
	size_t i;
	int err;

	json_array_foreach(values, i, v)
	{
		const char *id = json_string_value(v);

		err = store_node_get(api_reader(c), &c->mem, id, &n);
		if (err == ERR_NOTFOUND)
			return api_fail(c, "ResourceNotFoundException",
			    "There is no node %s.", id);
		if (err != 0 || (err = add_node(c, ids, id)) != 0)
			return err;
	}
	return 0;
}

static int
read_targets(struct api_call *c, json_t *ids)
{
	const json_t *targets = json_object_get(c->in, "Targets"), *t;
	size_t i;
	int err;

	json_array_foreach(targets, i, t)
	{
		const char *key = json_get_str(t, "Key");
		const json_t *values = json_object_get(t, "Values");

		if (strcmp(key, "InstanceIds") == 0)
			err = add_listed(c, ids, values);
		else if (strncmp(key, "tag:", 4) == 0 && key[4] != '\0')
			err = add_tagged(c, ids, key + 4, values);
		else
			err = api_fail(c, "ValidationException",
			    "The key of a target is InstanceIds or tag:NAME, not %s.", key);
		if (err != 0)
			return err;
	}
	if (json_array_size(ids) == 0)
		return api_fail(c, "ResourceNotFoundException",
		    "The targets of the request fit no node.");
	return 0;
}

/* The nodes are found first, for the permission is asked on each of them. */
static int
find_targets(struct api_call *c)
{
	auto_json *ids = json_array();
	auto_free char *text = NULL;
	int err;

	if ((err = read_targets(c, ids)) != 0)
		return err;
	text = json_dumps(ids, JSON_COMPACT);
	c->user = arena_strdup(&c->mem, text != NULL ? text : "[]");
	return resource_add_nodes(c, ids);
}

static int
read_minutes(struct api_call *c, int64_t *minutes)
{
	const json_t *tags = json_object_get(c->in, "Tags"), *t;
	size_t i;

	*minutes = ACCESS_REQUEST_MINUTES;
	json_array_foreach(tags, i, t)
	{
		if (strcmp(json_get_str(t, "Key"), MINUTES_TAG) == 0 &&
		    num_parse(span_str(json_get_str(t, "Value")), 1,
			ACCESS_REQUEST_MINUTES_MAX, minutes) != 0)
			return api_fail(c, "ValidationException",
			    "The tag " MINUTES_TAG " is a number from 1 to %d.",
			    ACCESS_REQUEST_MINUTES_MAX);
	}
	return 0;
}

static int
ask_change(struct store_tx *tx, struct api_call *c)
{
	struct asking *a = c->user;
	int64_t pending;
	int err;

	if ((err = store_access_requests_purge(
		 tx, c->now_ms - ACCESS_REQUEST_KEEP_MS)) != 0 ||
	    (err = store_access_requests_pending(
		 tx, a->row.requester_id, c->now_ms, &pending)) != 0)
		return err;
	if (pending >= ACCESS_REQUEST_PENDING_MAX)
		return api_fail(c, "ServiceQuotaExceededException",
		    "%d requests of yours wait for a decision already.",
		    ACCESS_REQUEST_PENDING_MAX);
	return store_access_request_put(tx, &a->row);
}

static int
ask_done(struct api_call *c)
{
	const struct asking *a = c->user;

	jw_field_str(&c->w, "AccessRequestId", a->id);
	return 0;
}

static void
ask_response(struct api_call *c, struct jsonw *w)
{
	const struct asking *a = c->user;

	record_text(w, "AccessRequestId", a->id);
}

static int
start_access_request(struct api_call *c)
{
	const struct principal *who = &c->auth.who;
	struct asking *a = arena_alloc(&c->mem, sizeof(*a));
	char *targets = c->user; /* find_targets() */
	uint8_t raw[6];
	int err;

	if (who->kind == PRINCIPAL_NODE)
		return api_fail(c, "AccessDeniedException", "A node asks for nothing.");
	ev_random(c->env->loop, raw, sizeof(raw));
	access_request_id_format(a->id, raw);
	a->row = (struct store_access_request){
		.id = a->id,
		.requester_arn = arena_strdup(&c->mem, who->arn),
		.requester_id = arena_strdup(&c->mem, who->user_id),
		.person = access_person(c),
		.reason = arena_strdup(&c->mem, api_str(c, "Reason")),
		.targets_json = targets,
		.status = arena_strdup(&c->mem, "Pending"),
		.approvals_json = arena_strdup(&c->mem, "[]"),
		.created_ms = c->now_ms,
		.expires_ms = c->now_ms + ACCESS_REQUEST_WAIT_MS,
	};
	if ((err = read_minutes(c, &a->row.minutes)) != 0)
		return err;
	c->user = a;
	return api_write(c, ask_change, ask_done);
}

/* ---- GetAccessToken ---- */

struct token {
	struct store_access_request row;
	struct temp_key key;
	const char *status;
};

static int
token_change(struct store_tx *tx, struct api_call *c)
{
	const struct principal *who = &c->auth.who;
	struct token *t = c->user;
	struct key_session s;
	bool user = who->kind == PRINCIPAL_USER;

	key_session_init(&s);
	if (who->session != NULL)
		s = *who->session;
	s.owner_id = arena_strdup(&c->mem, who->user_id);
	if (!user) /* AROA...:name; the role's own id */
		s.owner_id = arena_str(&c->mem,
		    span_sub(span_str(who->user_id), 0,
			strcspn(who->user_id, ":")));
	s.issued_ms = c->now_ms;
	s.policy = "";
	s.npolicy_arns = 0;
	s.access_request = t->row.id;
	return temp_key_put(tx, &t->key, user ? STORE_KEY_USER : STORE_KEY_ROLE,
	    user ? who->name : who->role, key_session_write(&s, &c->mem));
}

static int
token_done(struct api_call *c)
{
	const struct token *t = c->user;

	jw_key(&c->w, "Credentials");
	jw_open(&c->w, '{');
	jw_field_str(&c->w, "AccessKeyId", t->key.access_key);
	jw_field_str(&c->w, "SecretAccessKey", t->key.secret);
	jw_field_str(&c->w, "SessionToken", t->key.token);
	jw_field_time(&c->w, "ExpirationTime", t->key.expires_ms);
	jw_close(&c->w, '}');
	jw_field_str(&c->w, "AccessRequestStatus", t->status);
	return 0;
}

static void
token_response(struct api_call *c, struct jsonw *w)
{
	const struct token *t = c->user;

	if (t->key.access_key[0] != '\0') {
		record_open(w, "Credentials", '{');
		record_temp_key(w, &t->key, "ExpirationTime");
		jw_close(w, '}');
	}
	record_text(w, "AccessRequestStatus", t->status);
}

char *
access_person(struct api_call *c)
{
	const struct principal *who = &c->auth.who;
	const struct key_session *s = who->session;
	struct span role = span_str(who->user_id), id;

	if (who->kind == PRINCIPAL_USER || s == NULL)
		return arena_strdup(&c->mem, who->user_id);
	span_cut(&role, ':', &id);
	if (s->source_identity[0] != '\0')
		return arena_printf(
		    &c->mem, SPAN_FMT ":%s", SPAN_ARG(id), s->source_identity);
	if (s->subject[0] != '\0')
		return arena_printf(&c->mem, SPAN_FMT ":%s:%s", SPAN_ARG(id), s->provider,
		    s->subject);
	return arena_str(&c->mem, id);
}

int
access_request_find(
    struct store_tx *tx, struct api_call *c, struct store_access_request *row)
{
	const char *id = api_str(c, "AccessRequestId");
	int err = store_access_request_get(tx, &c->mem, id, row);

	if (err == ERR_NOTFOUND)
		return api_fail(c, "ResourceNotFoundException",
		    "There is no access request %s.", id);
	return err;
}

/* Only the one who asked; for others the request is not there. */
static int
get_access_token(struct api_call *c)
{
	struct token *t = arena_alloc(&c->mem, sizeof(*t));
	int err = access_request_find(api_reader(c), c, &t->row);

	if (err != 0)
		return err;
	if (strcmp(t->row.requester_id, c->auth.who.user_id) != 0)
		return api_fail(c, "ResourceNotFoundException",
		    "There is no access request %s of yours.", t->row.id);
	c->user = t;
	t->status = access_request_status(&t->row, c->now_ms);
	if (!access_request_open(&t->row, c->now_ms)) {
		jw_field_str(&c->w, "AccessRequestStatus", t->status);
		return 0;
	}
	temp_key_draw(
	    &t->key, c->env->loop, c->now_ms, t->row.expires_ms - c->now_ms);
	return api_write(c, token_change, token_done);
}

#define TAG_CHARS "/^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$/"

const struct api_op ssm_access_ops[] = {
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "StartAccessRequest",
	    .action = "ssm:StartAccessRequest",
	    .find = find_targets,
	    .input =
		"{ Reason*: string{1..256}; Targets*: list{0..5}[struct { Key*: "
		"string{1..163 "
		"/^[\\p{L}\\p{Z}\\p{N}_.:\\/=\\-@]*$|resource-groups:ResourceTypeFilters|"
		"resource-groups:Name/}; Values*: list{0..50}[string] }]; Tags: "
		"list{..1000}[struct { Key*: string{1..128 " TAG_CHARS
		"}; Value*: string{0..256 " TAG_CHARS "} }] }",
	    .run = start_access_request,
	    .response = ask_response,
	},
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "GetAccessToken",
	    .action = "ssm:GetAccessToken",
	    .resource = "opsitem:{AccessRequestId}",
	    .input = "{ " ACCESS_REQUEST_ID " }",
	    .run = get_access_token,
	    .response = token_response,
	},
	{ 0 },
};
