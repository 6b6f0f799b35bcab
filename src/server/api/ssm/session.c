/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: start, resume, end, and is the other side there.  DescribeSessions is in
 * ssm/session_list.c, documents and their settings are resolved in ssm/session_doc.c.
 */
#include "codec/uri.h"
#include "proto/arn.h"
#include "proto/audit_event.h"
#include "proto/ids.h"
#include "server/api/error.h"
#include "server/api/record.h"
#include "server/api/ssm/session_doc.h"
#include "server/api/ssm/setting.h"
#include "server/authorise.h"
#include "server/config.h"
#include "server/domain/access_request.h"
#include "server/domain/session.h"

enum { STREAM_URL_MAX = 2048, HOST_MAX = 300 };

#define TEXT_NO_SESSION "Session with id %s does not exist."

/* ---- the answer of StartSession and ResumeSession ---- */

/* The Host header comes from the caller and goes back to it, but never as anything else.
 */
static bool
host_is_plain(const char *host)
{
	size_t n = strspn(
	    host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]_");

	return n > 0 && n < HOST_MAX && host[n] == '\0';
}

static void
stream_url(struct buf *url, const struct api_call *c, const char *id)
{
	const char *host = c->env->config->stream_url_host, *scheme = "wss://";

	if (host[0] == '\0') {
		host = host_is_plain(c->host) ? c->host : "localhost";
		scheme = c->tls ? "wss://" : "ws://";
	} else if (strstr(host, "://") != NULL) {
		scheme = "";
	}
	buf_addf(url, "%s%s/v1/data-channel/", scheme, host);
	uri_encode(url, span_str(id), false);
	buf_add_str(url, "?role=publish_subscribe");
}

static void
write_opened(struct api_call *c, const char *id, const char *token)
{
	auto_buf url = { .max = STREAM_URL_MAX };

	stream_url(&url, c, id);
	jw_field_str(&c->w, "SessionId", id);
	jw_field_str(&c->w, "TokenValue", token);
	jw_field_str(&c->w, "StreamUrl", buf_cstr(&url));
}

static void
record_opened(const struct api_call *c, const char *id, struct jsonw *w)
{
	auto_buf url = { .max = STREAM_URL_MAX };

	stream_url(&url, c, id);
	record_text(w, "SessionId", id);
	record_text(w, "TokenValue", AUDIT_HIDDEN_VALUE);
	record_text(w, "StreamUrl", buf_cstr(&url));
}

/* ---- StartSession ---- */

static int
permit_start(struct api_call *c)
{
	const struct authz_facts facts = api_facts(c);
	const char *message;

	if (authorise_start(c->env, &c->auth.who, &facts, c->resources[0],
		c->nresources > 1 ? c->resources[1] : NULL, &c->mem, &message) != 0)
		return error_denied(c, message);
	return 0;
}

struct starting {
	struct session_start in;
	struct session_pending *pending;
	char id[ID_SESSION_MAX + 1];
};

/* AWS's sentence, then the reason for those who may know it: they passed authorise(). */
static int
not_connected(struct api_call *c)
{
	const char *target = api_str(c, "Target");

	return api_fail(c, "TargetNotConnected", "%s is not connected. (%s)", target,
	    node_offline_reason(c->env->nodes, &c->mem, target));
}

static int
check_target(struct api_call *c)
{
	const char *target = api_str(c, "Target");
	struct span id = span_str(target);
	bool advanced;
	int err;

	if (!id_node_valid(id))
		return api_fail(c, "TargetNotConnected", "%s is not connected.", target);
	if (id_node_is_managed(id)) {
		if ((err = setting_is_advanced(c, &advanced)) != 0)
			return err;
		if (!advanced)
			return api_fail(c, "BadRequest",
			    "Enable advanced-instances tier to use Session Manager with "
			    "your "
			    "on-premises instances");
	}
	return node_online(c->env->nodes, target) ? 0 : not_connected(c);
}

static int
start_change(struct store_tx *tx, struct api_call *c)
{
	struct starting *s = c->user;

	return session_start_run(tx, s->pending, NULL);
}

static int
start_done(struct api_call *c)
{
	struct starting *s = c->user;
	struct fault f = { 0 };
	const char *token;
	int err = session_start_commit(s->pending, &token, &f);

	if (err == ERR_NOTFOUND)
		return not_connected(c);
	if (err == ERR_LIMIT)
		return api_fail_text(c, "ServiceQuotaExceededException", f.text);
	if (err == ERR_INVALID)
		return api_fail(
		    c, "InvalidDocument", "The document is too large to be sent.");
	if (err != 0)
		return err;
	write_opened(c, s->id, token);
	return 0;
}

static void
start_response(struct api_call *c, struct jsonw *w)
{
	const struct starting *s = c->user;

	record_opened(c, s->id, w);
}

/* Just-in-time access ends a session that is still open then. */
static int
bound_by_access(struct api_call *c, struct session_start *in)
{
	const struct key_session *s = c->auth.who.session;
	struct store_access_request row;
	int64_t left;
	int err;

	if (s == NULL || s->access_request[0] == '\0')
		return 0;
	err = store_access_request_get(api_reader(c), &c->mem, s->access_request, &row);
	if (err != 0)
		return err;
	left = MAX(1, (row.expires_ms - c->now_ms) / 60000);
	if (in->max_duration_min == 0 || in->max_duration_min > left)
		in->max_duration_min = left;
	in->access_request = row.id;
	return 0;
}

static int
start_session(struct api_call *c)
{
	struct starting *s = arena_alloc(&c->mem, sizeof(*s));
	const struct principal *who = &c->auth.who;
	struct fault f = { 0 };
	uint8_t raw[17];
	int err;

	s->in.target = api_str(c, "Target");
	if ((err = check_target(c)) != 0 || (err = session_doc_resolve(c, &s->in)) != 0)
		return err;
	ev_random(c->env->loop, raw, sizeof(raw));
	id_session_format(s->id, span_str(who->session_name), raw);
	s->in.id = s->id;
	s->in.reason = api_str(c, "Reason") != NULL ? api_str(c, "Reason") : "";
	s->in.owner_arn = who->arn;
	s->in.owner_user_id = who->user_id;
	s->in.access_key = who->access_key;
	s->in.source_ip = c->source_ip;
	s->in.region = c->region;
	if ((err = bound_by_access(c, &s->in)) != 0)
		return err;
	c->user = s;
	/* Not to be asked about: under its id the event is found. */
	err = resource_add(c, arn_session(&c->mem, c->region, c->env->account, s->id));
	if (err != 0)
		return err;
	err = session_start_prepare(&s->pending, c->env->sessions, &c->mem, &s->in, &f);
	if (err == ERR_LIMIT)
		return api_fail_text(c, "ServiceQuotaExceededException", f.text);
	if (err != 0)
		return api_internal(c, "session_start_prepare", err, &f);
	return api_write(c, start_change, start_done);
}

/* ---- ResumeSession ---- */

static int
resume_change(struct store_tx *tx, struct api_call *c)
{
	return session_resume_run(tx, c->user, NULL);
}

static int
no_session(struct api_call *c)
{
	return api_fail(
	    c, "DoesNotExistException", TEXT_NO_SESSION, api_str(c, "SessionId"));
}

/*
 * A session that is over: an answer without a token.  The stock plugin takes that as the end;
 * an error would leave it waiting for ever.
 */
static int
resume_ended(struct api_call *c)
{
	const char *id = api_str(c, "SessionId");
	struct store_session row;
	int err = store_session_get(api_reader(c), &c->mem, id, &row);

	if (err == ERR_NOTFOUND)
		return no_session(c);
	if (err == 0)
		jw_field_str(&c->w, "SessionId", id);
	return err;
}

static int
resume_done(struct api_call *c)
{
	const char *token;
	int err = session_resume_commit(c->user, &token);

	if (err != 0)
		return err == ERR_NOTFOUND ? resume_ended(c) : err;
	write_opened(c, api_str(c, "SessionId"), token);
	return 0;
}

static void
resume_response(struct api_call *c, struct jsonw *w)
{
	record_opened(c, api_str(c, "SessionId"), w);
}

static int
resume_session(struct api_call *c)
{
	struct session_pending *p;
	struct fault f = { 0 };
	int err = session_resume_prepare(
	    &p, c->env->sessions, &c->mem, api_str(c, "SessionId"), &f);

	if (err == ERR_NOTFOUND)
		return resume_ended(c);
	if (err != 0)
		return api_internal(c, "session_resume_prepare", err, &f);
	c->user = p;
	return api_write(c, resume_change, resume_done);
}

/* ---- TerminateSession ---- */

/* Behind the row that session_terminate() submitted: both are on disk then. */
static int
terminate_change(struct store_tx *tx, struct api_call *c)
{
	(void)tx;
	(void)c;
	return 0;
}

static int
terminate_done(struct api_call *c)
{
	jw_field_str(&c->w, "SessionId", api_str(c, "SessionId"));
	return 0;
}

static void
terminate_response(struct api_call *c, struct jsonw *w)
{
	record_text(w, "SessionId", api_str(c, "SessionId"));
}

/* Ending what is over already is a success: the CLI calls this to clean up. */
static int
terminate_session(struct api_call *c)
{
	const char *id = api_str(c, "SessionId");
	struct session *se = session_find(c->env->sessions, id);
	struct store_session row;
	int err;

	if (se != NULL) {
		session_terminate(se, SESSION_TERMINATED,
		    arena_printf(&c->mem, "terminated by %s", c->auth.who.arn));
		return api_write(c, terminate_change, terminate_done);
	}
	if ((err = store_session_get(api_reader(c), &c->mem, id, &row)) != 0)
		return err == ERR_NOTFOUND ? no_session(c) : err;
	return terminate_done(c);
}

/* ---- GetConnectionStatus ---- */

static int
get_connection_status(struct api_call *c)
{
	const char *target = api_str(c, "Target");
	bool online = node_online(c->env->nodes, target);

	jw_field_str(&c->w, "Target", target);
	jw_field_str(&c->w, "Status", online ? "connected" : "notconnected");
	return 0;
}

#define SESSION_ID_INPUT "{ SessionId*: string{1..96} }"

const struct api_op ssm_session_ops[] = {
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "StartSession",
	    .action = "ssm:StartSession",
	    .resource = "node:{Target} document:{DocumentName?}",
	    .input =
		"{ Target*: string{1..400}; DocumentName: "
		"string{/^[a-zA-Z0-9_\\-.:/]{3,128}$/}; Reason: string{1..256 "
		"/^.{1,256}$/}; Parameters: map<string{1..255},list[string{1..65535}]> }",
	    .permit = permit_start,
	    .run = start_session,
	    .response = start_response,
	},
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "ResumeSession",
	    .action = "ssm:ResumeSession",
	    .resource = "session:{SessionId}",
	    .input = SESSION_ID_INPUT,
	    .run = resume_session,
	    .response = resume_response,
	},
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "TerminateSession",
	    .action = "ssm:TerminateSession",
	    .resource = "session:{SessionId}",
	    .input = SESSION_ID_INPUT,
	    .run = terminate_session,
	    .response = terminate_response,
	},
	{
	    .service = API_SSM,
	    .access = API_READ,
	    .name = "GetConnectionStatus",
	    .action = "ssm:GetConnectionStatus",
	    .resource = "node:{Target}",
	    .input = "{ Target*: string{1..400} }",
	    .run = get_connection_status,
	},
	{
	    .service = API_SSM,
	    .access = API_READ,
	    .name = "DescribeSessions",
	    .action = "ssm:DescribeSessions",
	    .resource = "*",
	    .input = "{ State*: string{Active|History}; MaxResults: integer{1..200}; "
		     "NextToken: "
		     "string; Filters: list{1..6}[struct { key*: "
		     "string{InvokedAfter|InvokedBefore|Target|Owner|Status|SessionId|"
		     "AccessType}; "
		     "value*: string{1..400} }] }",
	    .run = describe_sessions,
	},
	{ 0 },
};
