/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control messages: writing and strict reading.
 */
#include "proto/control.h"

#include "codec/jsonw.h"
#include "proto/control_form.h"
#include "proto/ids.h"

enum { SHELL_CONTENT_MAX = 384 * 1024, OWNER_MAX = 2048, KEY_MAX = 2048 };

/* --- common ---------------------------------------------------------------------- */

static int
check_session_id(const char *id, const char *what, struct fault *f)
{
	if (!id_session_valid(span_str(id)))
		return fault_set(f, ERR_INVALID, "%s: not a session id", what);
	return 0;
}

/* A message whose payload is a JSON object, while its members are written. */
struct message {
	struct buf payload;
	struct jsonw w;
};

static void
message_begin(struct message *m)
{
	buf_init(&m->payload, CONTROL_MESSAGE_MAX);
	jw_init(&m->w, &m->payload);
	jw_open(&m->w, '{');
}

static void
message_end(struct message *m, struct buf *out, const char *type,
    const struct control_head *h, uint64_t flags)
{
	struct agentmsg a = {
		.created_ms = h->created_ms > 0 ? h->created_ms : 1,
		.flags = flags,
	};
	int r;

	jw_close(&m->w, '}');
	a.payload = buf_span(&m->payload);
	memcpy(a.id, h->id, sizeof(a.id));
	snprintf(a.type, sizeof(a.type), "%s", type);
	if ((r = buf_check(&m->payload)) == 0)
		agentmsg_encode(out, &a);
	else if (out->err == 0)
		out->err = r;
	buf_fini(&m->payload);
}

/* --- interactive_shell -------------------------------------------------------------- */

void
control_shell_build(
    struct buf *out, const struct control_head *h, const struct control_shell *s)
{
	auto_buf content = { .max = SHELL_CONTENT_MAX };
	struct message m;
	struct jsonw w;

	jw_init(&w, &content);
	jw_open(&w, '{');
	jw_field_str(&w, "DocumentName", s->document_name);
	jw_key(&w, "DocumentContent");
	jw_raw(&w, s->document_content);
	jw_field_str(&w, "SessionId", s->session_id);
	jw_key(&w, "Parameters");
	jw_raw(&w, s->parameters.n > 0 ? s->parameters : SPAN("{}"));
	jw_field_str(&w, "RunAsUser", text_or_empty(s->run_as_user));
	jw_field_str(&w, "SessionOwner", text_or_empty(s->session_owner));
	jw_close(&w, '}');

	message_begin(&m);
	m.payload.err = content.err;
	jw_key(&m.w, "Content");
	jw_span(&m.w, buf_span(&content));
	jw_field_str(&m.w, "TaskId", s->session_id);
	jw_field_str(&m.w, "Topic", "aws.ssm.startSession");
	jw_field_int(&m.w, "SchemaVersion", 1);
	message_end(&m, out, MSG_INTERACTIVE_SHELL, h, 0);
}

static const struct control_form shell = {
	"interactive_shell",
	CONTROL_MESSAGE_MAX,
	SCHEMA_NUMBER,
};
static const struct control_form shell_content = { "Content", SHELL_CONTENT_MAX, SCHEMA_NONE };

static int
parse_shell_content(
    struct control_shell *s, struct arena *mem, const char *content, struct fault *f)
{
	const struct control_field t[] = {
		{ &s->document_name, "DocumentName", ID_DOCUMENT_MAX, "" },
		{ &s->session_id, "SessionId", ID_SESSION_MAX, NULL },
		{ &s->run_as_user, "RunAsUser", CONTROL_NAME_MAX, "" },
		{ &s->session_owner, "SessionOwner", OWNER_MAX, "" },
	};
	auto_json *o = NULL;
	const json_t *doc, *params;
	int r;

	r = control_read_form(&o, &shell_content, span_str(content), mem, t, ARRAY_LEN(t), f);
	if (r != 0)
		return r;
	doc = member(o, "DocumentContent");
	params = member(o, "Parameters");
	if (!json_is_object(doc) || (params != NULL && !json_is_object(params)))
		return fault_set(f, ERR_INVALID, "Content: DocumentContent is no object");
	s->document_content = member_text(mem, doc, SHELL_CONTENT_MAX);
	s->parameters =
	    params != NULL ? member_text(mem, params, SHELL_CONTENT_MAX) : SPAN("{}");
	return check_session_id(s->session_id, "Content", f);
}

int
control_shell_parse(
    struct control_shell *s, struct arena *mem, struct span payload, struct fault *f)
{
	auto_json *o = NULL;
	const json_t *content;
	int r;

	*s = (struct control_shell){ 0 };
	if ((r = control_read_form(&o, &shell, payload, mem, NULL, 0, f)) != 0)
		return r;
	content = member(o, "Content");
	if (!json_is_string(content))
		return fault_set(
		    f, ERR_INVALID, "interactive_shell: Content is not a string");
	return parse_shell_content(s, mem, json_string_value(content), f);
}

/* --- channel_closed ----------------------------------------------------------------- */

void
control_closed_build(
    struct buf *out, const struct control_head *h, const struct control_closed *c)
{
	char id[37], when[TIME_ISO_LEN + 1];
	struct message m;

	agentmsg_id_format(id, h->id);
	time_iso(when, (int64_t)h->created_ms);
	message_begin(&m);
	jw_field_str(&m.w, "MessageType", MSG_CHANNEL_CLOSED);
	jw_field_str(&m.w, "MessageId", id);
	jw_field_str(&m.w, "DestinationId", text_or_empty(c->destination_id));
	jw_field_str(&m.w, "SessionId", c->session_id);
	jw_field_int(&m.w, "SchemaVersion", 1);
	jw_field_str(&m.w, "CreatedDate", when);
	jw_field_opt(&m.w, "Output", c->output);
	message_end(&m, out, MSG_CHANNEL_CLOSED, h, AGENTMSG_FLAG_SYN | AGENTMSG_FLAG_FIN);
}

static const struct control_form closed = {
	MSG_CHANNEL_CLOSED,
	CONTROL_MESSAGE_MAX,
	SCHEMA_NUMBER,
};

int
control_closed_parse(
    struct control_closed *c, struct arena *mem, struct span payload, struct fault *f)
{
	const struct control_field t[] = {
		{ &c->destination_id, "DestinationId", CONTROL_NAME_MAX, "" },
		{ &c->session_id, "SessionId", ID_SESSION_MAX, "" },
		{ &c->output, "Output", CONTROL_OUTPUT_MAX, "" },
	};
	auto_json *o = NULL;

	*c = (struct control_closed){ 0 };
	return control_read_form(&o, &closed, payload, mem, t, ARRAY_LEN(t), f);
}

/* --- small messages ----------------------------------------------------------------- */

void
control_publication_build(struct buf *out, const struct control_head *h, bool pause)
{
	struct message m;

	message_begin(&m); /* {}: stock encoders cannot make an empty payload */
	message_end(&m, out, pause ? MSG_PAUSE : MSG_START, h,
	    AGENTMSG_FLAG_SYN | AGENTMSG_FLAG_FIN);
}

void
control_task_ack_build(
    struct buf *out, const struct control_head *h, const struct control_task_ack *a)
{
	struct message m;

	message_begin(&m);
	jw_field_int(&m.w, "SchemaVersion", 1);
	jw_field_str(&m.w, "MessageId", a->message_id);
	jw_field_str(&m.w, "TaskId", a->task_id);
	jw_field_str(&m.w, "Topic", MSG_TASK_COMPLETE);
	message_end(&m, out, MSG_TASK_ACKNOWLEDGE, h, 0);
}

static const struct control_form task_ack = {
	MSG_TASK_ACKNOWLEDGE,
	CONTROL_MESSAGE_MAX,
	SCHEMA_NONE,
};

int
control_task_ack_parse(
    struct control_task_ack *a, struct arena *mem, struct span payload, struct fault *f)
{
	const struct control_field t[] = {
		{ &a->message_id, "MessageId", CONTROL_NAME_MAX, NULL },
		{ &a->task_id, "TaskId", CONTROL_NAME_MAX, "" },
	};
	auto_json *o = NULL;

	*a = (struct control_task_ack){ 0 };
	return control_read_form(&o, &task_ack, payload, mem, t, ARRAY_LEN(t), f);
}

void
control_task_complete_build(
    struct buf *out, const struct control_head *h, const struct control_task_complete *t)
{
	struct message m;

	message_begin(&m);
	jw_field_int(&m.w, "SchemaVersion", 1);
	jw_field_str(&m.w, "TaskId", t->task_id);
	jw_field_str(&m.w, "Topic", MSG_TASK_COMPLETE);
	jw_field_str(&m.w, "FinalTaskStatus", t->status);
	jw_field_bool(&m.w, "IsRoutingFailure", t->routing_failure);
	jw_field_str(&m.w, "AwsAccountId", "");
	jw_field_str(&m.w, "InstanceId", text_or_empty(t->instance_id));
	jw_field_str(&m.w, "Output", text_or_empty(t->output));
	jw_field_str(&m.w, "S3Bucket", text_or_empty(t->s3_bucket));
	jw_field_str(&m.w, "S3UrlSuffix", text_or_empty(t->s3_suffix));
	jw_field_str(&m.w, "CwlGroup", text_or_empty(t->log_group));
	jw_field_str(&m.w, "CwlStream", text_or_empty(t->log_stream));
	jw_field_int(&m.w, "RetryNumber", t->retry_number);
	message_end(&m, out, MSG_TASK_COMPLETE, h, 0);
}

static const struct control_form task_complete = {
	MSG_TASK_COMPLETE,
	CONTROL_MESSAGE_MAX,
	SCHEMA_NONE,
};

int
control_task_complete_parse(struct control_task_complete *t, struct arena *mem,
    struct span payload, struct fault *f)
{
	const struct control_field fields[] = {
		{ &t->task_id, "TaskId", CONTROL_NAME_MAX, NULL },
		{ &t->status, "FinalTaskStatus", CONTROL_NAME_MAX, NULL },
		{ &t->instance_id, "InstanceId", CONTROL_NAME_MAX, "" },
		{ &t->output, "Output", CONTROL_MESSAGE_MAX, "" },
		{ &t->s3_bucket, "S3Bucket", CONTROL_NAME_MAX, "" },
		{ &t->s3_suffix, "S3UrlSuffix", KEY_MAX, "" },
		{ &t->log_group, "CwlGroup", KEY_MAX, "" },
		{ &t->log_stream, "CwlStream", KEY_MAX, "" },
	};
	auto_json *o = NULL;
	const json_t *v;
	int r;

	*t = (struct control_task_complete){ 0 };
	r = control_read_form(&o, &task_complete, payload, mem, fields, ARRAY_LEN(fields), f);
	if (r != 0)
		return r;
	v = member(o, "RetryNumber");
	t->retry_number = json_is_integer(v) ? json_integer_value(v) : 0;
	t->routing_failure = json_is_true(member(o, "IsRoutingFailure"));
	return check_session_id(t->task_id, MSG_TASK_COMPLETE, f);
}

void
control_state_build(
    struct buf *out, const struct control_head *h, const struct control_state *s)
{
	struct message m;

	message_begin(&m);
	jw_field_int(&m.w, "SchemaVersion", 1);
	jw_field_str(&m.w, "SessionState", s->terminating ? "Terminating" : "Connected");
	jw_field_str(&m.w, "SessionId", s->session_id);
	message_end(&m, out, MSG_SESSION_STATE, h, AGENTMSG_FLAG_SYN | AGENTMSG_FLAG_FIN);
}

static const struct control_form session_state = {
	MSG_SESSION_STATE,
	CONTROL_MESSAGE_MAX,
	SCHEMA_NONE,
};

int
control_state_parse(
    struct control_state *s, struct arena *mem, struct span payload, struct fault *f)
{
	const char *state;
	const struct control_field t[] = {
		{ &s->session_id, "SessionId", ID_SESSION_MAX, NULL },
		{ &state, "SessionState", CONTROL_NAME_MAX, NULL },
	};
	auto_json *o = NULL;
	int r;

	*s = (struct control_state){ 0 };
	if ((r = control_read_form(&o, &session_state, payload, mem, t, ARRAY_LEN(t), f)) != 0)
		return r;
	s->terminating = strcmp(state, "Terminating") == 0;
	if (!s->terminating && strcmp(state, "Connected") != 0)
		return fault_set(f, ERR_INVALID, "%s: unknown state", MSG_SESSION_STATE);
	return check_session_id(s->session_id, MSG_SESSION_STATE, f);
}
