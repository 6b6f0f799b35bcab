/* SPDX-License-Identifier: Apache-2.0 */
/* How channels begin: the requests for one and the first text frame on it; see control.h. */
#include "codec/jsonw.h"
#include "codec/xmlw.h"
#include "proto/control_form.h"

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

static const struct control_form open_control = {
	"OpenControlChannel",
	CONTROL_OPEN_MAX,
	SCHEMA_TEXT,
};

int
control_open_control_parse(
    struct control_open_control *o, struct arena *mem, struct span text, struct fault *f)
{
	const struct control_field t[] = {
		{ &o->request_id, "RequestId", CONTROL_NAME_MAX, NULL },
		{ &o->token, "TokenValue", CONTROL_TOKEN_MAX, NULL },
		{ &o->agent_version, "AgentVersion", CONTROL_NAME_MAX, "" },
		{ &o->platform_type, "PlatformType", CONTROL_NAME_MAX, "" },
	};
	auto_json *j = NULL;

	*o = (struct control_open_control){ 0 };
	return control_read_form(&j, &open_control, text, mem, t, ARRAY_LEN(t), f);
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

static const struct control_form open_data = {
	"OpenDataChannel",
	CONTROL_OPEN_MAX,
	SCHEMA_TEXT,
};

int
control_open_data_parse(
    struct control_open_data *o, struct arena *mem, struct span text, struct fault *f)
{
	const struct control_field t[] = {
		{ &o->request_id, "RequestId", CONTROL_NAME_MAX, NULL },
		{ &o->token, "TokenValue", CONTROL_TOKEN_MAX, NULL },
		{ &o->client_id, "ClientId", CONTROL_NAME_MAX, "" },
		{ &o->client_version, "ClientVersion", CONTROL_NAME_MAX, "" },
	};
	const struct control_field instance[] = {
		{ &o->client_instance_id, "ClientInstanceId", CONTROL_NAME_MAX, NULL },
	};
	auto_json *j = NULL;
	int r;

	*o = (struct control_open_data){ 0 };
	if ((r = control_read_form(&j, &open_data, text, mem, t, ARRAY_LEN(t), f)) != 0)
		return r;
	if (member(j, "ClientInstanceId") != NULL)
		return control_read_fields(mem, j, instance, 1, open_data.what, f);
	o->resumes = json_get_bool(j, "SallyportResume", false);
	return 0;
}

/* --- CreateControlChannel, CreateDataChannel ----------------------------------------- */

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

static const struct control_form create = { "the request", CONTROL_CREATE_MAX, SCHEMA_TEXT };

int
control_create_parse(
    struct control_create *c, struct arena *mem, struct span json, struct fault *f)
{
	const struct control_field t[] = {
		{ &c->request_id, "RequestId", CONTROL_NAME_MAX, NULL },
		{ &c->client_id, "ClientId", CONTROL_NAME_MAX, "" },
	};
	auto_json *j = NULL;
	int r;

	*c = (struct control_create){ 0 };
	r = control_read_form(&j, &create, json, mem, t, ARRAY_LEN(t), f);
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
