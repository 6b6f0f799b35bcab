/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CloudTrail: LookupEvents.  The words of the refusals are ours, their codes CloudTrail's.
 */
#include <inttypes.h>

#include "proto/audit_event.h"
#include "server/api/call.h"
#include "store/store_audit.h"

enum { PAGE_MAX = 50 };

struct lookup {
	struct api_call *c;
	struct store_audit_query q;
	struct page page; /* its positions: "<time> <number>" */
};

static const struct {
	const char *key;
	enum store_audit_by by;
} attributes[] = {
	{ "EventId", STORE_AUDIT_EVENT_ID },
	{ "EventName", STORE_AUDIT_EVENT_NAME },
	{ "ReadOnly", STORE_AUDIT_READ_ONLY },
	{ "Username", STORE_AUDIT_USERNAME },
	{ "ResourceType", STORE_AUDIT_RESOURCE_TYPE },
	{ "ResourceName", STORE_AUDIT_RESOURCE_NAME },
	{ "EventSource", STORE_AUDIT_EVENT_SOURCE },
	{ "AccessKeyId", STORE_AUDIT_ACCESS_KEY },
};

/* ---- the question ---- */

static int
bad_attribute(struct api_call *c, const char *what)
{
	return api_fail_text(c, "InvalidLookupAttributesException", what);
}

/* The columns hold 0 and 1; resources are found by name, also when their ARN is given. */
static int
read_value(struct lookup *l, const char *value)
{
	struct audit_resource r;

	l->q.value = value;
	if (l->q.by == STORE_AUDIT_READ_ONLY) {
		if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
			return bad_attribute(l->c, "ReadOnly is true or false.");
		l->q.value = strcmp(value, "true") == 0 ? "1" : "0";
	} else if (l->q.by == STORE_AUDIT_RESOURCE_NAME &&
	    strncmp(value, "arn:", 4) == 0) {
		audit_resource_of(&r, &l->c->mem, value);
		l->q.value = r.name;
	}
	return 0;
}

static int
read_attribute(struct lookup *l)
{
	const json_t *list = json_object_get(l->c->in, "LookupAttributes");
	const json_t *one = json_array_get(list, 0);
	const char *key = json_get_str(one, "AttributeKey");

	l->q.value = "";
	if (json_array_size(list) > 1)
		return bad_attribute(l->c, "At most one lookup attribute can be given.");
	if (one == NULL)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
		if (strcmp(attributes[i].key, key) == 0) {
			l->q.by = attributes[i].by;
			return read_value(l, json_get_str(one, "AttributeValue"));
		}
	}
	return bad_attribute(l->c, "There is no lookup attribute of this name.");
}

static int
read_range(struct lookup *l)
{
	int64_t from_ms = api_time(l->c, "StartTime", 0);
	int64_t to_ms = api_time(l->c, "EndTime", INT64_MAX);

	if (from_ms > to_ms)
		return api_fail(l->c, "InvalidTimeRangeException",
		    "The start time is after the end time.");
	l->q.from_s = from_ms / 1000;
	l->q.to_s = to_ms / 1000;
	return 0;
}

static int
read_position(struct lookup *l)
{
	const char *after = l->page.after;
	char *end;

	l->q.before_s = l->q.before_seq = INT64_MAX;
	if (after[0] == '\0')
		return 0;
	l->q.before_s = strtoll(after, &end, 10);
	l->q.before_seq = strtoll(end, NULL, 10);
	return 0;
}

/* ---- the answer ---- */

/* What the event itself says; false when it is not what was asked for. */
static bool
write_resources(struct lookup *l, struct jsonw *w, const json_t *event)
{
	const json_t *list = json_get_arr(event, "resources"), *one;
	bool asked =
	    l->q.by == STORE_AUDIT_RESOURCE_NAME || l->q.by == STORE_AUDIT_RESOURCE_TYPE;
	bool found = !asked;
	size_t i;

	jw_key(w, "Resources");
	jw_open(w, '[');
	json_array_foreach(list, i, one)
	{
		const char *arn = json_get_str(one, "ARN");
		struct audit_resource r;

		audit_resource_of(&r, &l->c->mem, arn != NULL ? arn : "");
		jw_open(w, '{');
		jw_field_opt(w, "ResourceType", r.type[0] != '\0' ? r.type : NULL);
		jw_field_str(w, "ResourceName", r.name);
		jw_close(w, '}');
		found = found || strcmp(r.name, l->q.value) == 0 ||
		    strcmp(r.type, l->q.value) == 0;
	}
	jw_close(w, ']');
	return found;
}

/* As the column username. */
static const char *
username(const json_t *who)
{
	const char *type = json_get_str(who, "type"), *id, *colon;

	if (type == NULL)
		return NULL;
	if (strcmp(type, "Root") == 0)
		return "root";
	if (strcmp(type, "AssumedRole") != 0)
		return json_get_str(who, "userName");
	id = json_get_str(who, "principalId");
	colon = id != NULL ? strchr(id, ':') : NULL;
	return colon != NULL ? colon + 1 : NULL;
}

static bool
write_event(struct lookup *l, struct buf *out, const struct store_audit_event *e)
{
	auto_json *o = NULL;
	const json_t *who;
	struct jsonw w;
	bool found;

	if (json_read(&o, span_str(e->event), NULL) != 0)
		return false; /* changed by hand; verifying says so */
	who = json_get_obj(o, "userIdentity");
	jw_init(&w, out);
	jw_open(&w, '{');
	jw_field_opt(&w, "EventId", json_get_str(o, "eventID"));
	jw_field_opt(&w, "EventName", json_get_str(o, "eventName"));
	jw_field_str(
	    &w, "ReadOnly", json_get_bool(o, "readOnly", false) ? "true" : "false");
	jw_field_opt(&w, "AccessKeyId", json_get_str(who, "accessKeyId"));
	jw_field_int(&w, "EventTime", e->time_s);
	jw_field_opt(&w, "EventSource", json_get_str(o, "eventSource"));
	jw_field_opt(&w, "Username", username(who));
	found = write_resources(l, &w, o);
	jw_field_str(&w, "CloudTrailEvent", e->event);
	jw_close(&w, '}');
	return found;
}

static bool
list_one(void *arg, const struct store_audit_event *e)
{
	struct lookup *l = arg;
	auto_buf one = { .max = 4 * AUDIT_EVENT_MAX };
	char position[PAGE_POSITION_MAX + 1];

	if (!write_event(l, &one, e) || buf_check(&one) != 0)
		return true;
	snprintf(position, sizeof(position), "%" PRId64 " %" PRId64, e->time_s, e->seq);
	if (!page_take(&l->page, position))
		return false;
	jw_raw(&l->c->w, buf_span(&one));
	return true;
}

static int
lookup_events(struct api_call *c)
{
	struct lookup l = { .c = c };
	int64_t limit = api_int(c, "MaxResults", PAGE_MAX);
	const char *category = api_str(c, "EventCategory");
	int err;

	if (limit < 1 || limit > PAGE_MAX)
		return api_fail(c, "InvalidMaxResultsException",
		    "MaxResults is a number from 1 to %d.", PAGE_MAX);
	if (category != NULL && strcmp(category, "insight") != 0)
		return api_fail(c, "InvalidEventCategoryException",
		    "The event category can only be insight.");
	if ((err = read_attribute(&l)) != 0 || (err = read_range(&l)) != 0 ||
	    (err = page_open(&l.page, c, "Events", limit)) != 0 ||
	    (err = read_position(&l)) != 0)
		return err;
	/* There are no insights. */
	if (category == NULL &&
	    (err = store_audit_lookup(api_reader(c), &l.q, list_one, &l)) != 0)
		return err;
	page_close(&l.page);
	return 0;
}

const struct api_op audit_cloudtrail_ops[] = {
	{
	    .service = API_CLOUDTRAIL,
	    .access = API_READ,
	    .name = "LookupEvents",
	    .action = "cloudtrail:LookupEvents",
	    .resource = "*",
	    .input = "{ LookupAttributes: list[struct { AttributeKey*: string; "
		     "AttributeValue*: string{1..2000} }]; StartTime: timestamp; "
		     "EndTime: timestamp; EventCategory: string; MaxResults: integer; "
		     "NextToken: string }",
	    .run = lookup_events,
	},
	{ 0 },
};
