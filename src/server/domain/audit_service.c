/* SPDX-License-Identifier: Apache-2.0 */
/* See audit_service.h. */
#include "server/domain/audit_service.h"

#include "codec/jsonw.h"
#include "ev/ev.h"
#include "proto/arn.h"
#include "proto/document.h"
#include "server/domain/session_priv.h"

enum {
	DETAILS_MAX = 16 * 1024,
	REPORT_MAX = 64 * 1024, /* a path of 4095 bytes may need six times as much */
	WORDS_MAX = 1024,
};

#define SOURCE_SSM      "ssm.amazonaws.com"
#define SOURCE_MESSAGES "ssmmessages.amazonaws.com"

/* Cut to what an event holds of somebody's words. */
static void
field_words(struct jsonw *w, const char *name, const char *text)
{
	jw_key(w, name);
	jw_span(w, span_sub(span_str(text), 0, WORDS_MAX));
}

static const char *
known(const char *text)
{
	return *text != '\0' ? text : NULL;
}

/* --- sessions ------------------------------------------------------------------------- */

/* What every event of a session says; arns and what they point at live as long as e. */
static void
of_session(struct audit_event *e, struct arena *mem, const struct store_session *row,
    const char *arns[2])
{
	e->region = row->region[0] != '\0' ? row->region : e->region;
	e->source_ip = row->source_ip;
	e->who = (struct audit_identity){
		.arn = row->owner_arn,
		.user_id = row->owner_user_id,
		.access_key = row->access_key,
	};
	arns[0] = arn_session(mem, e->region, e->account, row->id);
	arns[1] = arn_node(mem, e->region, e->account, row->target);
	e->resources = arns;
	e->nresources = 2;
}

static struct audit_event
session_event(struct audit *a, struct arena *mem, const struct session *se,
    const char *name, const char *arns[2])
{
	struct audit_event e = audit_event_new(a, SOURCE_SSM, name);

	of_session(&e, mem, &se->row, arns);
	return e;
}

static void
open_details(struct jsonw *w, struct buf *b, const struct store_session *row)
{
	jw_init(w, b);
	jw_open(w, '{');
	jw_field_str(w, "sessionId", row->id);
	jw_field_str(w, "target", row->target);
	jw_field_str(w, "documentName", row->document);
}

static void
end_details(struct jsonw *w, const struct store_session *row)
{
	jw_field_str(w, "status", row->status);
	field_words(w, "reason", row->details);
	jw_field_int(w, "durationSeconds", (row->end_ms - row->start_ms) / 1000);
}

static const char *
event_of(const struct session *se, enum session_state from)
{
	if (se->state == SESSION_TERMINATED || se->state == SESSION_FAILED)
		return "SessionEnded";
	if (se->state != SESSION_CONNECTED)
		return NULL;
	return from == SESSION_CONNECTING ? "SessionOpened" : "SessionResumed";
}

bool
audit_session_moved(struct audit *a, struct audit_record *out, struct arena *mem,
    const struct session *se, enum session_state from)
{
	auto_buf details = { .max = DETAILS_MAX };
	const char *name = event_of(se, from), *arns[2];
	struct audit_event e;
	uint64_t left_out = 0;
	struct jsonw w;

	/* A node that comes and goes does so at its own pace. */
	if (a == NULL || name == NULL ||
	    (from == SESSION_DISCONNECTED && se->state == SESSION_CONNECTED &&
		!audit_admit(a, AUDIT_NODE, se->row.target, &left_out)))
		return false;
	e = session_event(a, mem, se, name, arns);
	e.left_out = left_out;
	open_details(&w, &details, &se->row);
	if (se->row.end_ms != 0) {
		end_details(&w, &se->row);
		jw_field_int(&w, "bytesFromClient", (int64_t)se->bytes[SESSION_CLIENT]);
		jw_field_int(&w, "bytesFromNode", (int64_t)se->bytes[SESSION_AGENT]);
	}
	jw_close(&w, '}');
	e.details = buf_span(&details);
	audit_record_make(out, mem, &e);
	return true;
}

struct audit_event
audit_session_losing(struct audit *a)
{
	return audit_event_new(a, SOURCE_SSM, "SessionEnded");
}

void
audit_session_lost(struct audit_record *out, struct arena *mem, struct audit_event e,
    const struct store_session *row)
{
	auto_buf details = { .max = DETAILS_MAX };
	const char *arns[2];
	struct jsonw w;

	of_session(&e, mem, row, arns);
	open_details(&w, &details, row);
	end_details(&w, row);
	jw_close(&w, '}');
	e.details = buf_span(&details);
	audit_record_make(out, mem, &e);
}

bool
audit_session_port(struct audit *a, struct audit_record *out, struct arena *mem,
    const struct session *se)
{
	auto_buf details = { .max = DETAILS_MAX };
	struct session_document d;
	const char *arns[2];
	struct audit_event e;
	struct jsonw w;

	if (a == NULL ||
	    document_resolve(&d, NULL, mem, span_str(se->row.content_json), NULL, NULL) !=
		0 ||
	    d.type != DOCUMENT_PORT)
		return false;
	e = session_event(a, mem, se, "PortOpened", arns);
	open_details(&w, &details, &se->row);
	jw_field_opt(&w, "host", known(d.host));
	jw_field_opt(&w, "portNumber", known(d.port));
	jw_field_opt(&w, "socket", known(d.remote_socket));
	jw_close(&w, '}');
	e.details = buf_span(&details);
	audit_record_make(out, mem, &e);
	return true;
}

/* Whoever has the secret of a session and may not come back can try all day. */
bool
audit_resume_denied(struct audit *a, const struct session *se, const char *why,
    const char *source_ip, audit_done_fn *done, void *arg)
{
	auto_buf details = { .max = DETAILS_MAX };
	auto_arena mem = { 0 };
	const char *arns[2];
	struct audit_event e;
	uint64_t left_out;
	struct jsonw w;

	if (!audit_admit(a, AUDIT_NODE, se->row.id, &left_out))
		return false;
	e = session_event(a, &mem, se, "SessionResumeDenied", arns);
	e.source_ip = source_ip;
	e.error = "AccessDenied";
	e.message = why;
	e.left_out = left_out;
	open_details(&w, &details, &se->row);
	jw_close(&w, '}');
	e.details = buf_span(&details);
	audit_commit(a, &e, done, arg);
	return true;
}

/* --- what our agent reports ------------------------------------------------------------ */

bool
audit_report_begin(struct audit *a, struct audit_event *out, const char *node_id)
{
	uint64_t left_out;

	if (a == NULL || !audit_admit(a, AUDIT_REPORT, node_id, &left_out))
		return false;
	*out = audit_event_new(a, SOURCE_SSM, "");
	out->left_out = left_out;
	return true;
}

static void
port_details(struct jsonw *w, const struct own_event *what)
{
	char port[8];

	jw_field_opt(w, "host", known(what->host));
	jw_field_opt(w, "address", known(what->address));
	if (what->port != 0) { /* a text, as in a document */
		snprintf(port, sizeof(port), "%d", (int)what->port);
		jw_field_str(w, "portNumber", port);
	}
	jw_field_opt(w, "socket", known(what->socket));
}

static void
file_details(struct jsonw *w, const struct own_event *what)
{
	jw_field_opt(w, "path", known(what->path));
	jw_field_str(w, "direction", what->to_node ? "to-node" : "from-node");
	if (*what->error == '\0')
		jw_field_int(w, "bytes", what->bytes);
	jw_field_opt(w, "sha256", known(what->sha256));
}

void
audit_report_make(struct audit_record *out, struct arena *mem,
    const struct audit_event *begun, const struct store_session *row,
    const struct own_event *what)
{
	auto_buf details = { .max = REPORT_MAX };
	struct audit_event e = *begun;
	const char *arns[2];
	struct jsonw w;

	e.name = what->kind == OWN_EVENT_PORT ? "PortOpened" : "FileCopied";
	of_session(&e, mem, row, arns);
	if (*what->error != '\0') {
		e.error = what->error;
		e.message = what->message;
	}
	open_details(&w, &details, row);
	if (what->kind == OWN_EVENT_PORT)
		port_details(&w, what);
	else
		file_details(&w, what);
	jw_close(&w, '}');
	if (buf_check(&details) == 0)
		e.details = buf_span(&details);
	audit_record_make(out, mem, &e);
}

/* --- nodes ---------------------------------------------------------------------------- */

bool
audit_node_moved(struct audit *a, struct audit_record *out, struct arena *mem,
    const char *node_id, const char *event, const char *why)
{
	auto_buf details = { .max = DETAILS_MAX };
	struct audit_event e;
	const char *arn;
	uint64_t left_out;
	struct jsonw w;

	if (a == NULL || !audit_admit(a, AUDIT_NODE, node_id, &left_out))
		return false;
	e = audit_event_new(a, SOURCE_MESSAGES, event);
	arn = arn_node(mem, e.region, e.account, node_id);
	e.resources = &arn;
	e.nresources = 1;
	e.left_out = left_out;
	jw_init(&w, &details);
	jw_open(&w, '{');
	jw_field_str(&w, "instanceId", node_id);
	if (why[0] != '\0')
		field_words(&w, "reason", why);
	jw_close(&w, '}');
	e.details = buf_span(&details);
	audit_record_make(out, mem, &e);
	return true;
}

/* --- channels ------------------------------------------------------------------------- */

bool
audit_refused(struct audit *a, const struct audit_refusal *r, audit_done_fn *done, void *arg)
{
	const char *colon = strchr(r->action, ':');
	bool known = r->who.arn != NULL;
	struct audit_event e;
	uint64_t left_out;

	if (!audit_admit(a, known ? AUDIT_NODE : AUDIT_STRANGER,
		known ? r->who.arn : r->source_ip, &left_out))
		return false;
	e = audit_event_new(a, SOURCE_MESSAGES, colon != NULL ? colon + 1 : r->action);
	e.service = false;
	e.region = r->region != NULL ? r->region : e.region;
	e.source_ip = r->source_ip;
	e.user_agent = r->user_agent;
	e.tls = r->tls;
	e.error = r->error;
	e.message = r->message;
	e.left_out = left_out;
	e.resources = &r->arn;
	e.nresources = r->arn != NULL ? 1 : 0;
	e.who = r->who;
	audit_commit(a, &e, done, arg);
	return true;
}
