/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Just-in-time access, the side of those who decide: list, approve, deny, revoke.
 *
 * Nobody decides on a request of their own, and nobody agrees twice.  Whoever approves must be
 * allowed to on every node of the request, so that policies can say by tag who answers for
 * which nodes.
 */
#include "codec/json.h"
#include "proto/arn.h"
#include "server/api/record.h"
#include "server/api/ssm/access.h"
#include "server/config.h"

enum { LIST_MAX = 50 };

/* ---- deciding ---- */

struct decision {
	const char *status; /* what the request becomes; "Approved" once all have agreed */
	const char *from;   /* what it has to be */
	struct store_access_request row;
	size_t agreed;
};

/* The nodes of the request: what the permission is asked on. */
static int
find_nodes(struct api_call *c)
{
	struct store_access_request row;
	auto_json *ids = NULL;
	int err;

	if ((err = access_request_find(api_reader(c), c, &row)) != 0 ||
	    (err = json_read(&ids, span_str(row.targets_json), NULL)) != 0)
		return err;
	return resource_add_nodes(c, ids);
}

static bool
has_agreed(const json_t *approvals, const char *person)
{
	const json_t *one;
	size_t i;

	json_array_foreach(approvals, i, one)
	{
		const char *id = json_string_value(json_array_get(one, 0));

		if (id != NULL && strcmp(id, person) == 0)
			return true;
	}
	return false;
}

/* Adds the caller to those who decided; how many they are by now. */
static int
sign_decision(struct api_call *c, struct decision *d)
{
	const char *comment = api_str(c, "Comment");
	auto_json *list = NULL;
	auto_free char *text = NULL;
	int err = json_read(&list, span_str(d->row.approvals_json), NULL);

	if (err != 0)
		return err;
	if (has_agreed(list, access_person(c)))
		return api_fail(c, "ValidationException",
		    "You have agreed already: somebody else has to.");
	json_array_append_new(list,
	    json_pack("[s, s, s]", access_person(c), c->auth.who.arn,
		comment != NULL ? comment : ""));
	d->agreed = json_array_size(list);
	text = json_dumps(list, JSON_COMPACT);
	d->row.approvals_json = arena_strdup(&c->mem, text != NULL ? text : "[]");
	return 0;
}

static int
check_decision(struct store_tx *tx, struct api_call *c, struct decision *d)
{
	const char *now;
	int err;

	if ((err = access_request_find(tx, c, &d->row)) != 0)
		return err;
	now = access_request_status(&d->row, c->now_ms);
	if (strcmp(now, d->from) != 0)
		return api_fail(c, "ValidationException",
		    "The access request %s is %s, not %s.", d->row.id, now, d->from);
	if (strcmp(access_person(c), d->row.person) == 0 &&
	    strcmp(d->status, "Revoked") != 0)
		return api_fail(c, "AccessDeniedException",
		    "Nobody decides on a request of their own.");
	return 0;
}

static int
approve_change(struct store_tx *tx, struct api_call *c)
{
	struct decision *d = c->user;
	int err;

	if ((err = check_decision(tx, c, d)) != 0 || (err = sign_decision(c, d)) != 0)
		return err;
	d->row.minutes = api_int(c, "DurationMinutes", d->row.minutes);
	if (d->agreed >= (size_t)c->env->config->access_approvers) {
		d->row.status = arena_strdup(&c->mem, d->status);
		d->row.expires_ms = c->now_ms + d->row.minutes * 60 * 1000;
		if ((err = access_request_policy(&c->mem, c->env->account,
			 d->row.targets_json, &d->row.policy)) != 0)
			return err;
	}
	return store_access_request_set(tx, &d->row);
}

/* Deny and revoke take one voice. */
static int
end_change(struct store_tx *tx, struct api_call *c)
{
	struct decision *d = c->user;
	int err;

	if ((err = check_decision(tx, c, d)) != 0)
		return err;
	if (strcmp(d->status, "Rejected") == 0 && (err = sign_decision(c, d)) != 0)
		return err;
	d->row.status = arena_strdup(&c->mem, d->status);
	return store_access_request_set(tx, &d->row);
}

static int
decide_done(struct api_call *c)
{
	const struct decision *d = c->user;

	jw_field_str(&c->w, "AccessRequestId", d->row.id);
	jw_field_str(&c->w, "AccessRequestStatus", d->row.status);
	if (strcmp(d->row.status, "Approved") == 0)
		jw_field_time(&c->w, "ExpirationTime", d->row.expires_ms);
	return 0;
}

static void
decide_response(struct api_call *c, struct jsonw *w)
{
	const struct decision *d = c->user;

	record_text(w, "AccessRequestId", d->row.id);
	record_text(w, "AccessRequestStatus", d->row.status);
	if (strcmp(d->row.status, "Approved") == 0)
		record_date(w, "ExpirationTime", d->row.expires_ms);
}

static int
decide(struct api_call *c, const char *from, const char *status, api_change *change)
{
	struct decision *d = arena_alloc(&c->mem, sizeof(*d));

	d->from = from;
	d->status = status;
	c->user = d;
	return api_write(c, change, decide_done);
}

static int
approve(struct api_call *c)
{
	return decide(c, "Pending", "Approved", approve_change);
}

static int
deny(struct api_call *c)
{
	return decide(c, "Pending", "Rejected", end_change);
}

static int
revoke(struct api_call *c)
{
	return decide(c, "Approved", "Revoked", end_change);
}

/* ---- ListAccessRequests ---- */

struct listing {
	struct page page;
	const char *status; /* NULL: all */
};

static void
write_approvals(struct jsonw *w, const char *text)
{
	auto_json *list = NULL;
	const json_t *one;
	size_t i;

	jw_key(w, "Decisions");
	jw_open(w, '[');
	if (json_read(&list, span_str(text), NULL) == 0)
		json_array_foreach(list, i, one)
		{
			jw_open(w, '{');
			jw_field_str(w, "Principal",
			    json_string_value(json_array_get(one, 1)));
			jw_field_str(
			    w, "Comment", json_string_value(json_array_get(one, 2)));
			jw_close(w, '}');
		}
	jw_close(w, ']');
}

static bool
write_request(void *arg, const struct store_access_request *r)
{
	struct listing *l = arg;
	struct api_call *c = l->page.c;
	const char *status = access_request_status(r, c->now_ms);
	char position[PAGE_POSITION_MAX + 1];
	struct jsonw *w = &c->w;

	if (l->status != NULL && strcmp(l->status, status) != 0)
		return true;
	snprintf(position, sizeof(position), "%lld %s", (long long)r->created_ms, r->id);
	if (!page_take(&l->page, position))
		return false;
	jw_open(w, '{');
	jw_field_str(w, "AccessRequestId", r->id);
	jw_field_str(w, "AccessRequestStatus", status);
	jw_field_str(w, "Requester", r->requester_arn);
	jw_field_str(w, "Reason", r->reason);
	jw_key(w, "InstanceIds");
	jw_raw(w, span_str(r->targets_json));
	jw_field_int(w, "DurationMinutes", r->minutes);
	jw_field_time(w, "CreatedTime", r->created_ms);
	jw_field_time(w, "ExpirationTime", r->expires_ms);
	write_approvals(w, r->approvals_json);
	jw_close(w, '}');
	return true;
}

static int
list_requests(struct api_call *c)
{
	struct listing l = { .status = api_str(c, "AccessRequestStatus") };
	int64_t before_ms;
	char *id;
	int err;

	err = page_open(
	    &l.page, c, "AccessRequests", api_int(c, "MaxResults", LIST_MAX));
	if (err != 0)
		return err;
	before_ms = strtoll(l.page.after, &id, 10);
	err = store_access_requests(
	    api_reader(c), before_ms, *id == ' ' ? id + 1 : id, write_request, &l);
	page_close(&l.page);
	return err;
}

#define COMMENT "Comment: string{0..256}"

const struct api_op own_access_review_ops[] = {
	{
	    .service = API_SALLYPORT,
	    .access = API_READ,
	    .name = "ListAccessRequests",
	    .action = "sallyport:ListAccessRequests",
	    .resource = "*",
	    .input = "{ AccessRequestStatus: "
		     "string{Approved|Rejected|Revoked|Expired|Pending}; MaxResults: "
		     "integer{1..50}; NextToken: string }",
	    .run = list_requests,
	},
	{
	    .service = API_SALLYPORT,
	    .access = API_WRITE,
	    .name = "ApproveAccessRequest",
	    .action = "sallyport:ApproveAccessRequest",
	    .find = find_nodes,
	    .input = "{ " ACCESS_REQUEST_ID "; " COMMENT
		     "; DurationMinutes: integer{1..1440} }",
	    .review = true,
	    .run = approve,
	    .response = decide_response,
	},
	{
	    .service = API_SALLYPORT,
	    .access = API_WRITE,
	    .name = "DenyAccessRequest",
	    .action = "sallyport:DenyAccessRequest",
	    .find = find_nodes,
	    .input = "{ " ACCESS_REQUEST_ID "; " COMMENT " }",
	    .run = deny,
	    .response = decide_response,
	},
	{
	    .service = API_SALLYPORT,
	    .access = API_WRITE,
	    .name = "RevokeAccessRequest",
	    .action = "sallyport:RevokeAccessRequest",
	    .find = find_nodes,
	    .input = "{ " ACCESS_REQUEST_ID " }",
	    .review = true,
	    .run = revoke,
	    .response = decide_response,
	},
	{ 0 },
};
