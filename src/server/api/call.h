/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One API call on its way, as handlers see it: the input is parsed and valid, the caller
 * is known and allowed.
 *
 * A handler ends in one of these ways:
 *
 *	return 0;                        the answer is written
 *	return api_fail(c, "Code", ...); an AWS error
 *	return api_write(c, run, done);  a change; the answer is sent after its commit
 *	return api_work(c, &work);       after something that blocks, on a pool thread
 *	return api_hold(c, ms, done);    later: at the latest, or when api_wake(c) says so
 *
 * Owner: the api; freed when the answer was sent.  The HTTP request may die before that.
 * Everything made for a call lives in c->mem and is wiped with it.
 */
#pragma once

#include "base/list.h"
#include "base/text.h"
#include "codec/jsonw.h"
#include "codec/xmlw.h"
#include "ev/ev.h"
#include "server/api/op.h"
#include "server/authn.h"
#include "server/env.h"
#include "store/store.h"

struct api;
struct api_job;
struct http_req;
struct authz_facts;
struct policy_context;

/* Runs in the writer's transaction: may use tx, c->in, c->user, c->mem and api_fail(). */
typedef int api_change(struct store_tx *tx, struct api_call *c);

struct api_call {
	struct api *api;
	const struct server_env *env;
	enum api_service service;
	struct op_entry *entry; /* NULL until routed */
	const struct api_op *op;
	struct http_req *req; /* NULL once the client went away */
	struct list link;     /* all calls of the api */
	struct arena mem;

	json_t *in;
	struct query form; /* Query protocols */
	struct authn_result auth;
	const char *region;
	const char *source_ip, *host, *user_agent;
	bool tls;
	const char *tls_version, *tls_cipher; /* NULL: plain */
	char request_id[UUID_LEN + 1], event_id[UUID_LEN + 1];
	bool readable; /* the types of the input are right */
	bool recorded; /* its success is in the audit trail */
	bool refused;  /* set by a change that is to be kept though the call fails (a wrong
			* code counts): the refusal is what is recorded, when it comes */
	int result;    /* as api_finish() got it */
	uint64_t left_out; /* events before this one that were too many */
	const char **resources; /* ARNs */
	size_t nresources;

	int64_t now_ms;   /* wall clock when the call came in */
	int64_t event_ms; /* and when its event was handed to the store */

	struct buf out;
	struct jsonw w;
	const char *error; /* code, NULL: none */
	const char *message;
	int status; /* of an error; 0: by its code */
	void (*on_free)(struct api_call *c); /* for who waits elsewhere, or NULL */

	struct ev_timer timer;
	struct api_job *job; /* on a pool thread, or NULL */
	api_change *change;
	api_handler *done;
	void *user; /* the handler's own, in mem */
};

/* Sets the error and returns a negative code, for "return api_fail(...)". */
int api_fail(struct api_call *c, const char *code, const char *fmt, ...) PRINTF(3, 4);
/* The same for a text without arguments that may be longer than a line. */
int api_fail_text(struct api_call *c, const char *code, const char *text);
/*
 * The same for a guess that failed, about somebody: with the code and text of the error set, it
 * is answered as late as throttle wants.
 */
int api_guess_failed(struct api_call *c, const char *subject);
/* Something of ours is broken: logged, and told without details. */
int api_internal(struct api_call *c, const char *what, int err, const struct fault *f);

/*
 * Something that takes long: run() gets arg on a pool thread and uses nothing else, then done()
 * answers on the loop, as a handler does, and free() ends arg, whatever became of the call.
 */
struct api_work {
	ev_cb *run;
	int (*done)(struct api_call *c, void *arg);
	ev_cb *free;
	void *arg; /* the work's */
};
int api_work(struct api_call *c, const struct api_work *work); /* API_LATER */

/* Returns API_LATER.  done may be NULL: an empty answer. */
int api_write(struct api_call *c, api_change *change, api_handler *done);
int api_hold(struct api_call *c, uint64_t ms, api_handler *done);
void api_wake(struct api_call *c); /* one that is held; it may be gone afterwards */

struct store_tx *api_reader(const struct api_call *c);
/* Shorthands for the input; NULL, or the fallback, when absent. */
const char *api_str(const struct api_call *c, const char *member);
int64_t api_int(const struct api_call *c, const char *member, int64_t fallback);
bool api_bool(const struct api_call *c, const char *member);
/* A time stamp in ms; fallback when absent. */
int64_t api_time(const struct api_call *c, const char *member, int64_t fallback);

/* ---- pages (page.c) ---- */

enum {
	PAGE_KEY_LEN = 32, /* of HMAC-SHA-256 */
	PAGE_POSITION_MAX = 768, /* the longest: the ARN of a policy, path and name in it */
	PAGE_TOKEN_MAX = 2048,   /* base64 of that and its MAC, with room */
	PAGE_ANSWER_BYTES = 1024 * 1024, /* a page ends when it is longer, whatever was asked */
};

/* One page of a list, in the handler's hands while it writes the answer. */
struct page {
	struct api_call *c;
	const char *list; /* member or element that holds the rows; NULL: XML, they do it */
	const char *after; /* position where it begins, "" for the first page */
	int64_t left;      /* rows for which there is room */
	bool more;         /* a row found none */
	char last[PAGE_POSITION_MAX + 1]; /* position of the last row taken */
};

/*
 * Begins the list with room for limit rows.  A token is bound to the operation and to
 * all other parameters but the page size; anything else fails with the service's code.
 */
int page_open(
    struct page *p, struct api_call *c, const char *list, int64_t limit) MUST_USE;
/* Before each row: false when the page is full and the walk is over. */
bool page_take(struct page *p, const char *position) MUST_USE;
/* Ends the list; a NextToken, with IAM a Marker, follows when there are more rows. */
void page_close(struct page *p);

/* ---- resources (resource.c) ---- */

int resource_find(struct api_call *c) MUST_USE; /* fills c->resources */
int resource_add(struct api_call *c, const char *arn) MUST_USE;
int resource_add_nodes(struct api_call *c, const json_t *ids) MUST_USE; /* an array */

/* ---- permission (permit.c) ---- */

/* What the call brings along for conditions. */
struct authz_facts api_facts(const struct api_call *c);
/*
 * May the caller do this as well?  For what a row cannot say: iam:PassRole, and the like.
 * more: condition keys of that action, or NULL.  0, or the denial as the call's error.
 */
int api_ask(struct api_call *c, const char *action, const char *const *resources, size_t n,
    struct policy_context *more) MUST_USE;

/* aws:RequestTag/... and aws:TagKeys of whatever sets or takes away tags. */
void api_request_tags(struct api_call *c, struct policy_context *more);

/* ---- for the dispatcher ---- */

int permit_call(struct api_call *c) MUST_USE; /* the row's action on its resources */

void api_finish(struct api_call *c, int r);
void api_work_orphan(struct api_call *c);
const uint8_t *api_page_key(const struct api *a); /* PAGE_KEY_LEN bytes */
