/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DescribeSessions: live sessions and the history, newest first.
 */
#include "server/api/ssm/session_doc.h"

#include <inttypes.h>

#include "server/domain/session.h"

enum { PAGE_DEFAULT = 200 };

struct session_filter {
	const char *key, *value;
	int64_t when_ms; /* InvokedAfter, InvokedBefore */
};

struct session_list {
	struct api_call *c;
	struct session_filter filters[6];
	size_t nfilters;
	struct page page; /* its positions: "<start> <id>" */
};

static int
read_filters(struct session_list *l)
{
	const json_t *list = json_object_get(l->c->in, "Filters"), *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		struct session_filter *f = &l->filters[l->nfilters++];

		f->key = json_get_str(one, "key");
		f->value = json_get_str(one, "value");
		if (strncmp(f->key, "Invoked", 7) == 0 &&
		    time_parse_iso(span_str(f->value), &f->when_ms) != 0)
			return api_fail(l->c, "ValidationException",
			    "The value %s of the filter %s isn't a time stamp in ISO "
			    "8601 format.",
			    f->value, f->key);
	}
	return 0;
}

/* Rows follow the live state a commit later. */
static const char *
status_of(struct api_call *c, const struct store_session *s)
{
	struct session *se = session_find(c->env->sessions, s->id);

	return se != NULL ? session_state_name(se->state) : s->status;
}

static const char *
access_type(const struct store_session *s)
{
	return s->access_request[0] != '\0' ? "JustInTime" : "Standard";
}

static bool
filter_matches(
    struct api_call *c, const struct session_filter *f, const struct store_session *s)
{
	if (strcmp(f->key, "InvokedAfter") == 0)
		return s->start_ms >= f->when_ms;
	if (strcmp(f->key, "InvokedBefore") == 0)
		return s->start_ms < f->when_ms;
	if (strcmp(f->key, "Target") == 0)
		return strcmp(s->target, f->value) == 0;
	if (strcmp(f->key, "Owner") == 0)
		return strcmp(s->owner_arn, f->value) == 0;
	if (strcmp(f->key, "SessionId") == 0)
		return strcmp(s->id, f->value) == 0;
	if (strcmp(f->key, "AccessType") == 0)
		return strcmp(access_type(s), f->value) == 0;
	return strcmp(status_of(c, s), f->value) == 0;
}

static void
write_session(struct api_call *c, const struct store_session *s)
{
	struct jsonw *w = &c->w;
	char minutes[24];

	jw_open(w, '{');
	jw_field_str(w, "SessionId", s->id);
	jw_field_str(w, "Target", s->target);
	jw_field_str(w, "Status", status_of(c, s));
	jw_field_time(w, "StartDate", s->start_ms);
	if (s->end_ms != 0)
		jw_field_time(w, "EndDate", s->end_ms);
	jw_field_str(w, "DocumentName", s->document);
	jw_field_str(w, "Owner", s->owner_arn);
	jw_field_opt(w, "Reason", s->reason[0] != '\0' ? s->reason : NULL);
	jw_field_opt(w, "Details", s->details[0] != '\0' ? s->details : NULL);
	jw_key(w, "OutputUrl");
	jw_open(w, '{');
	jw_close(w, '}');
	if (s->max_duration_min > 0) {
		snprintf(minutes, sizeof(minutes), "%" PRId64, s->max_duration_min);
		jw_field_str(w, "MaxSessionDuration", minutes);
	}
	jw_field_str(w, "AccessType", access_type(s));
	jw_close(w, '}');
}

static bool
list_one(void *arg, const struct store_session *s)
{
	struct session_list *l = arg;
	char position[PAGE_POSITION_MAX + 1];

	for (size_t i = 0; i < l->nfilters; i++) {
		if (!filter_matches(l->c, &l->filters[i], s))
			return true;
	}
	snprintf(position, sizeof(position), "%" PRId64 " %s", s->start_ms, s->id);
	if (!page_take(&l->page, position))
		return false;
	write_session(l->c, s);
	return true;
}

static void
read_position(const char *after, int64_t *start, const char **id)
{
	char *end;

	*start = strtoll(after, &end, 10);
	*id = *end == ' ' ? end + 1 : end;
}

int
describe_sessions(struct api_call *c)
{
	int64_t limit = api_int(c, "MaxResults", PAGE_DEFAULT);
	bool active = strcmp(api_str(c, "State"), "Active") == 0;
	struct session_list l = { .c = c };
	const char *id;
	int64_t start;
	int err;

	if ((err = read_filters(&l)) != 0 ||
	    (err = page_open(&l.page, c, "Sessions", limit)) != 0)
		return err;
	read_position(l.page.after, &start, &id);
	if ((err = store_sessions(api_reader(c), active, start, id, list_one, &l)) != 0)
		return err;
	page_close(&l.page);
	return 0;
}
