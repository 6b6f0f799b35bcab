/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts and messages of the message gateway: writing and strict reading.
 */
#include "proto/control.h"

#include "base/text.h"
#include "codec/jsonw.h"
#include "codec/xmlw.h"
#include "proto/ids.h"
#include "proto/member.h"

enum { SHELL_CONTENT_MAX = 384 * 1024, OWNER_MAX = 2048, KEY_MAX = 2048 };

/* --- common ---------------------------------------------------------------------- */

/* How a text says which schema it follows. */
enum form_schema { SCHEMA_NONE, SCHEMA_TEXT, SCHEMA_NUMBER };

/* What all texts of one kind have in common. */
struct form {
	const char *what; /* its name in a fault */
	size_t max;
	enum form_schema schema;
};

struct field {
	const char **out;
	const char *key;
	size_t max;
	const char *fallback; /* NULL: required, not empty */
};

static int
read_fields(struct arena *mem, const json_t *o, const struct field *t, size_t n,
    const char *what, struct fault *f)
{
	for (size_t i = 0; i < n; i++) {
		int r = member_str(t[i].out, mem, o, t[i].key, t[i].max, t[i].fallback);

		if (r == 0 && t[i].fallback == NULL && **t[i].out == '\0')
			r = ERR_INVALID;
		if (r != 0)
			return fault_set(f, r, "%s: %s is %s", what, t[i].key,
			    r == ERR_LIMIT ? "too long" : "missing or not a string");
	}
	return 0;
}

/* The gateway's texts carry their version as a string, control messages as a number. */
static int
check_schema(const json_t *o, const struct form *form, struct fault *f)
{
	const json_t *v;

	if (form->schema == SCHEMA_NUMBER && !json_is_integer(member(o, "SchemaVersion")))
		return fault_set(
		    f, ERR_INVALID, "%s: SchemaVersion is not a number", form->what);
	if (form->schema != SCHEMA_TEXT)
		return 0;
	v = member(o, "MessageSchemaVersion");
	if (!json_is_string(v) || strcmp(json_string_value(v), "1.0") != 0)
		return fault_set(
		    f, ERR_INVALID, "%s: MessageSchemaVersion is not 1.0", form->what);
	return 0;
}

/* The object of a text of this form, and those of its fields that are strings. */
static int
read_form(json_t **o, const struct form *form, struct span json, struct arena *mem,
    const struct field *t, size_t n, struct fault *f)
{
	int r;

	if ((r = member_object(o, json, form->max, form->what, f)) != 0 ||
	    (r = check_schema(*o, form, f)) != 0)
		return r;
	return read_fields(mem, *o, t, n, form->what, f);
}

static int
check_session_id(const char *id, const char *what, struct fault *f)
{
	if (!id_session_valid(span_str(id)))
		return fault_set(f, ERR_INVALID, "%s: not a session id", what);
	return 0;
}

static void
build_message(struct buf *out, const char *type, const struct control_head *h,
    const struct buf *payload, uint64_t flags)
{
	struct agentmsg m = {
		.created_ms = h->created_ms > 0 ? h->created_ms : 1,
		.flags = flags,
		.payload = buf_span(payload),
	};

	if (buf_check(payload) != 0) {
		if (out->err == 0)
			out->err = payload->err;
		return;
	}
	memcpy(m.id, h->id, sizeof(m.id));
	snprintf(m.type, sizeof(m.type), "%s", type);
	agentmsg_encode(out, &m);
}

static const char *
text_or_empty(const char *s)
{
	return s != NULL ? s : "";
}

/* --- opening text frames ------------------------------------------------------------ */

void
control_open_control_build(struct buf *out, const struct control_open_control *o)
{
	struct jsonw w;

	jw_init(&w, out);
	jw_open(&w, '{');
	jw_key(&w, "Cookie");
	jw_null(&w);
	jw_field_str(&w, "MessageSchemaVersion", "1.0");
	jw_field_str(&w, "RequestId", o->request_id);
	jw_field_str(&w, "TokenValue", o->token);
	jw_field_str(&w, "AgentVersion", text_or_empty(o->agent_version));
	jw_field_str(&w, "PlatformType", text_or_empty(o->platform_type));
	jw_close(&w, '}');
}

static const struct form open_control = {
	"OpenControlChannel",
	CONTROL_OPEN_MAX,
	SCHEMA_TEXT,
};

int
control_open_control_parse(
    struct control_open_control *o, struct arena *mem, struct span text, struct fault *f)
{
	const struct field t[] = {
		{ &o->request_id, "RequestId", CONTROL_NAME_MAX, NULL },
		{ &o->token, "TokenValue", CONTROL_TOKEN_MAX, NULL },
		{ &o->agent_version, "AgentVersion", CONTROL_NAME_MAX, "" },
		{ &o->platform_type, "PlatformType", CONTROL_NAME_MAX, "" },
	};
	auto_json *j = NULL;

	*o = (struct control_open_control){ 0 };
	return read_form(&j, &open_control, text, mem, t, ARRAY_LEN(t), f);
}

void
control_open_data_build(struct buf *out, const struct control_open_data *o)
{
	struct jsonw w;

	jw_init(&w, out);
	jw_open(&w, '{');
	jw_field_str(&w, "MessageSchemaVersion", "1.0");
	jw_field_str(&w, "RequestId", o->request_id);
	jw_field_str(&w, "TokenValue", o->token);
	if (o->client_instance_id != NULL) {
		jw_field_str(&w, "ClientInstanceId", o->client_instance_id);
		jw_field_str(&w, "ClientId", text_or_empty(o->client_id));
	} else {
		jw_field_str(&w, "ClientId", text_or_empty(o->client_id));
		jw_field_str(&w, "ClientVersion", text_or_empty(o->client_version));
	}
	if (o->resumes)
		jw_field_bool(&w, "SallyportResume", true);
	jw_close(&w, '}');
}

static const struct form open_data = {
	"OpenDataChannel",
	CONTROL_OPEN_MAX,
	SCHEMA_TEXT,
};

int
control_open_data_parse(
    struct control_open_data *o, struct arena *mem, struct span text, struct fault *f)
{
	const struct field t[] = {
		{ &o->request_id, "RequestId", CONTROL_NAME_MAX, NULL },
		{ &o->token, "TokenValue", CONTROL_TOKEN_MAX, NULL },
		{ &o->client_id, "ClientId", CONTROL_NAME_MAX, "" },
		{ &o->client_version, "ClientVersion", CONTROL_NAME_MAX, "" },
	};
	const struct field instance[] = {
		{ &o->client_instance_id, "ClientInstanceId", CONTROL_NAME_MAX, NULL },
	};
	auto_json *j = NULL;
	int r;

	*o = (struct control_open_data){ 0 };
	if ((r = read_form(&j, &open_data, text, mem, t, ARRAY_LEN(t), f)) != 0)
		return r;
	if (member(j, "ClientInstanceId") != NULL)
		return read_fields(mem, j, instance, 1, open_data.what, f);
	o->resumes = json_get_bool(j, "SallyportResume", false);
	return 0;
}

/* --- CreateControlChannel, CreateDataChannel -----------------------------------------
 */

void
control_create_build(struct buf *out, const struct control_create *c)
{
	struct jsonw w;

	jw_init(&w, out);
	jw_open(&w, '{');
	jw_field_str(&w, "MessageSchemaVersion", "1.0");
	jw_field_str(&w, "RequestId", c->request_id);
	if (c->data)
		jw_field_str(&w, "ClientId", text_or_empty(c->client_id));
	jw_close(&w, '}');
}

static const struct form create = { "the request", CONTROL_CREATE_MAX, SCHEMA_TEXT };

int
control_create_parse(
    struct control_create *c, struct arena *mem, struct span json, struct fault *f)
{
	const struct field t[] = {
		{ &c->request_id, "RequestId", CONTROL_NAME_MAX, NULL },
		{ &c->client_id, "ClientId", CONTROL_NAME_MAX, "" },
	};
	auto_json *j = NULL;
	int r;

	*c = (struct control_create){ 0 };
	r = read_form(&j, &create, json, mem, t, ARRAY_LEN(t), f);
	c->data = r == 0 && member(j, "ClientId") != NULL;
	return r;
}

void
control_created_build(struct buf *out, bool data, const char *token)
{
	const char *root =
	    data ? "CreateDataChannelResponse" : "CreateControlChannelResponse";

	xw_open(out, root);
	xw_elem(out, "MessageSchemaVersion", "1.0");
	xw_elem(out, "TokenValue", token);
	xw_close(out, root);
}

int
control_created_parse(const char **token, struct arena *mem, struct span xml)
{
	char text[CONTROL_TOKEN_MAX + 1];
	int r;

	*token = NULL;
	if ((r = xml_find_text(text, sizeof(text), xml, "TokenValue")) != 0)
		return r;
	if (text[0] == '\0')
		return ERR_INVALID;
	*token = arena_strdup(mem, text);
	explicit_bzero(text, sizeof(text));
	return 0;
}

/* --- interactive_shell ----------------------------------------------------------------
 */

void
control_shell_build(
    struct buf *out, const struct control_head *h, const struct control_shell *s)
{
	auto_buf content, payload;
	struct jsonw w;

	buf_init(&content, SHELL_CONTENT_MAX);
	buf_init(&payload, CONTROL_MESSAGE_MAX);
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
	payload.err = content.err;

	jw_init(&w, &payload);
	jw_open(&w, '{');
	jw_key(&w, "Content");
	jw_span(&w, buf_span(&content));
	jw_field_str(&w, "TaskId", s->session_id);
	jw_field_str(&w, "Topic", "aws.ssm.startSession");
	jw_field_int(&w, "SchemaVersion", 1);
	jw_close(&w, '}');
	build_message(out, MSG_INTERACTIVE_SHELL, h, &payload, 0);
}

static const struct form shell = {
	"interactive_shell",
	CONTROL_MESSAGE_MAX,
	SCHEMA_NUMBER,
};
static const struct form shell_content = { "Content", SHELL_CONTENT_MAX, SCHEMA_NONE };

static int
parse_shell_content(
    struct control_shell *s, struct arena *mem, const char *content, struct fault *f)
{
	const struct field t[] = {
		{ &s->document_name, "DocumentName", ID_DOCUMENT_MAX, "" },
		{ &s->session_id, "SessionId", ID_SESSION_MAX, NULL },
		{ &s->run_as_user, "RunAsUser", CONTROL_NAME_MAX, "" },
		{ &s->session_owner, "SessionOwner", OWNER_MAX, "" },
	};
	auto_json *o = NULL;
	const json_t *doc, *params;
	int r;

	r = read_form(&o, &shell_content, span_str(content), mem, t, ARRAY_LEN(t), f);
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
	if ((r = read_form(&o, &shell, payload, mem, NULL, 0, f)) != 0)
		return r;
	content = member(o, "Content");
	if (!json_is_string(content))
		return fault_set(
		    f, ERR_INVALID, "interactive_shell: Content is not a string");
	return parse_shell_content(s, mem, json_string_value(content), f);
}

/* --- channel_closed
 * --------------------------------------------------------------------- */

void
control_closed_build(
    struct buf *out, const struct control_head *h, const struct control_closed *c)
{
	char id[37], when[TIME_ISO_LEN + 1];
	auto_buf payload;
	struct jsonw w;

	agentmsg_id_format(id, h->id);
	time_iso(when, (int64_t)h->created_ms);
	buf_init(&payload, CONTROL_MESSAGE_MAX);
	jw_init(&w, &payload);
	jw_open(&w, '{');
	jw_field_str(&w, "MessageType", MSG_CHANNEL_CLOSED);
	jw_field_str(&w, "MessageId", id);
	jw_field_str(&w, "DestinationId", text_or_empty(c->destination_id));
	jw_field_str(&w, "SessionId", c->session_id);
	jw_field_int(&w, "SchemaVersion", 1);
	jw_field_str(&w, "CreatedDate", when);
	jw_field_opt(&w, "Output", c->output);
	jw_close(&w, '}');
	build_message(
	    out, MSG_CHANNEL_CLOSED, h, &payload, AGENTMSG_FLAG_SYN | AGENTMSG_FLAG_FIN);
}

static const struct form closed = {
	MSG_CHANNEL_CLOSED,
	CONTROL_MESSAGE_MAX,
	SCHEMA_NUMBER,
};

int
control_closed_parse(
    struct control_closed *c, struct arena *mem, struct span payload, struct fault *f)
{
	const struct field t[] = {
		{ &c->destination_id, "DestinationId", CONTROL_NAME_MAX, "" },
		{ &c->session_id, "SessionId", ID_SESSION_MAX, "" },
		{ &c->output, "Output", CONTROL_OUTPUT_MAX, "" },
	};
	auto_json *o = NULL;

	*c = (struct control_closed){ 0 };
	return read_form(&o, &closed, payload, mem, t, ARRAY_LEN(t), f);
}

/* --- small messages
 * ------------------------------------------------------------------------ */

void
control_publication_build(struct buf *out, const struct control_head *h, bool pause)
{
	auto_buf payload;

	buf_init(&payload, 16);
	buf_add_str(&payload, "{}"); /* stock encoders cannot make an empty one */
	build_message(out, pause ? MSG_PAUSE : MSG_START, h, &payload,
	    AGENTMSG_FLAG_SYN | AGENTMSG_FLAG_FIN);
}

void
control_task_ack_build(
    struct buf *out, const struct control_head *h, const struct control_task_ack *a)
{
	auto_buf payload;
	struct jsonw w;

	buf_init(&payload, CONTROL_MESSAGE_MAX);
	jw_init(&w, &payload);
	jw_open(&w, '{');
	jw_field_int(&w, "SchemaVersion", 1);
	jw_field_str(&w, "MessageId", a->message_id);
	jw_field_str(&w, "TaskId", a->task_id);
	jw_field_str(&w, "Topic", MSG_TASK_COMPLETE);
	jw_close(&w, '}');
	build_message(out, MSG_TASK_ACKNOWLEDGE, h, &payload, 0);
}

static const struct form task_ack = {
	MSG_TASK_ACKNOWLEDGE,
	CONTROL_MESSAGE_MAX,
	SCHEMA_NONE,
};

int
control_task_ack_parse(
    struct control_task_ack *a, struct arena *mem, struct span payload, struct fault *f)
{
	const struct field t[] = {
		{ &a->message_id, "MessageId", CONTROL_NAME_MAX, NULL },
		{ &a->task_id, "TaskId", CONTROL_NAME_MAX, "" },
	};
	auto_json *o = NULL;

	*a = (struct control_task_ack){ 0 };
	return read_form(&o, &task_ack, payload, mem, t, ARRAY_LEN(t), f);
}

void
control_task_complete_build(
    struct buf *out, const struct control_head *h, const struct control_task_complete *t)
{
	auto_buf payload;
	struct jsonw w;

	buf_init(&payload, CONTROL_MESSAGE_MAX);
	jw_init(&w, &payload);
	jw_open(&w, '{');
	jw_field_int(&w, "SchemaVersion", 1);
	jw_field_str(&w, "TaskId", t->task_id);
	jw_field_str(&w, "Topic", MSG_TASK_COMPLETE);
	jw_field_str(&w, "FinalTaskStatus", t->status);
	jw_field_bool(&w, "IsRoutingFailure", t->routing_failure);
	jw_field_str(&w, "AwsAccountId", "");
	jw_field_str(&w, "InstanceId", text_or_empty(t->instance_id));
	jw_field_str(&w, "Output", text_or_empty(t->output));
	jw_field_str(&w, "S3Bucket", text_or_empty(t->s3_bucket));
	jw_field_str(&w, "S3UrlSuffix", text_or_empty(t->s3_suffix));
	jw_field_str(&w, "CwlGroup", text_or_empty(t->log_group));
	jw_field_str(&w, "CwlStream", text_or_empty(t->log_stream));
	jw_field_int(&w, "RetryNumber", t->retry_number);
	jw_close(&w, '}');
	build_message(out, MSG_TASK_COMPLETE, h, &payload, 0);
}

static const struct form task_complete = {
	MSG_TASK_COMPLETE,
	CONTROL_MESSAGE_MAX,
	SCHEMA_NONE,
};

int
control_task_complete_parse(struct control_task_complete *t, struct arena *mem,
    struct span payload, struct fault *f)
{
	const struct field fields[] = {
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
	r = read_form(&o, &task_complete, payload, mem, fields, ARRAY_LEN(fields), f);
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
	auto_buf payload;
	struct jsonw w;

	buf_init(&payload, CONTROL_MESSAGE_MAX);
	jw_init(&w, &payload);
	jw_open(&w, '{');
	jw_field_int(&w, "SchemaVersion", 1);
	jw_field_str(&w, "SessionState", s->terminating ? "Terminating" : "Connected");
	jw_field_str(&w, "SessionId", s->session_id);
	jw_close(&w, '}');
	build_message(
	    out, MSG_SESSION_STATE, h, &payload, AGENTMSG_FLAG_SYN | AGENTMSG_FLAG_FIN);
}

static const struct form session_state = {
	MSG_SESSION_STATE,
	CONTROL_MESSAGE_MAX,
	SCHEMA_NONE,
};

int
control_state_parse(
    struct control_state *s, struct arena *mem, struct span payload, struct fault *f)
{
	const char *state;
	const struct field t[] = {
		{ &s->session_id, "SessionId", ID_SESSION_MAX, NULL },
		{ &state, "SessionState", CONTROL_NAME_MAX, NULL },
	};
	auto_json *o = NULL;
	int r;

	*s = (struct control_state){ 0 };
	if ((r = read_form(&o, &session_state, payload, mem, t, ARRAY_LEN(t), f)) != 0)
		return r;
	s->terminating = strcmp(state, "Terminating") == 0;
	if (!s->terminating && strcmp(state, "Connected") != 0)
		return fault_set(f, ERR_INVALID, "%s: unknown state", MSG_SESSION_STATE);
	return check_session_id(s->session_id, MSG_SESSION_STATE, f);
}
