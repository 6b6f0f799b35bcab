/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See call_audit.h.  Parameters are written from the checked input along its shape, so that
 * only what the operation knows gets into an event, and members marked secret never do.
 */
#include "server/api/call_audit.h"

static void write_value(struct jsonw *w, const struct shape *s, const json_t *v);

static void
write_struct(struct jsonw *w, const struct shape *s, const json_t *v)
{
	jw_open(w, '{');
	for (size_t i = 0; i < s->nmembers; i++) {
		const struct shape_member *m = &s->members[i];
		const json_t *one = json_object_get(v, m->name);

		if (one == NULL)
			continue;
		jw_key(w, m->label);
		if (m->secret)
			jw_str(w, AUDIT_HIDDEN);
		else
			write_value(w, &m->shape, one);
	}
	jw_close(w, '}');
}

static void
write_map(struct jsonw *w, const struct shape *s, const json_t *v)
{
	const char *key;
	json_t *one;

	jw_open(w, '{');
	json_object_foreach((json_t *)(uintptr_t)v, key, one)
	{
		jw_key(w, key);
		write_value(w, s->item, one);
	}
	jw_close(w, '}');
}

static void
write_list(struct jsonw *w, const struct shape *s, const json_t *v)
{
	const json_t *one;
	size_t i;

	jw_open(w, '[');
	json_array_foreach(v, i, one) write_value(w, s->item, one);
	jw_close(w, ']');
}

static void
write_number(struct jsonw *w, const struct shape *s, const json_t *v)
{
	char text[TIME_ISO_LEN + 1];

	if (s->kind == SHAPE_TIMESTAMP) {
		time_iso(text,
		    (int64_t)MAX(MIN(json_number_value(v), 253402300799.0), 0) * 1000);
		jw_str(w, text);
	} else if (json_is_integer(v)) {
		jw_int(w, json_integer_value(v));
	} else {
		snprintf(text, sizeof(text), "%.9g", json_real_value(v));
		jw_raw(w, span_str(text));
	}
}

static void
write_value(struct jsonw *w, const struct shape *s, const json_t *v)
{
	if (json_is_object(v) && s->kind == SHAPE_STRUCT)
		write_struct(w, s, v);
	else if (json_is_object(v) && s->kind == SHAPE_MAP)
		write_map(w, s, v);
	else if (json_is_array(v) && s->kind == SHAPE_LIST)
		write_list(w, s, v);
	else if (json_is_string(v))
		jw_span(w, span_of(json_string_value(v), json_string_length(v)));
	else if (json_is_number(v))
		write_number(w, s, v);
	else if (json_is_boolean(v))
		jw_bool(w, json_is_true(v));
	else
		jw_null(w);
}

/* Nothing at all for an operation without parameters, as CloudTrail. */
static void
write_request(struct buf *out, const struct api_call *c)
{
	struct jsonw w;

	if (!c->readable || json_object_size(c->in) == 0)
		return;
	jw_init(&w, out);
	write_struct(&w, c->entry->input, c->in);
	if (buf_check(out) != 0) {
		buf_reset(out);
		buf_add_str(out, "{\"omitted\":\"too large\"}");
	}
}

static void
write_response(struct buf *out, struct api_call *c)
{
	struct jsonw w;

	if (c->error != NULL || c->op->response == NULL)
		return;
	jw_init(&w, out);
	jw_open(&w, '{');
	c->op->response(c, &w);
	jw_close(&w, '}');
	if (buf_check(out) != 0)
		buf_reset(out);
}

bool
call_audit_is_poll(const struct api_call *c)
{
	return c->op->poll && c->auth.who.kind == PRINCIPAL_NODE;
}

bool
call_audit_wanted(struct api_call *c)
{
	const struct principal *who = &c->auth.who;

	if (c->op == NULL) /* not a call: nothing was asked for that exists */
		return false;
	if (c->result == 0)
		return !c->recorded && !call_audit_is_poll(c);
	if (who->kind == PRINCIPAL_NONE)
		return audit_admit(
		    c->env->audit, AUDIT_STRANGER, c->source_ip, &c->left_out);
	if (who->kind == PRINCIPAL_NODE)
		return audit_admit(c->env->audit, AUDIT_NODE, who->name, &c->left_out);
	return true;
}

int
call_audit_append(struct store_tx *tx, struct api_call *c)
{
	const struct principal *who = &c->auth.who;
	auto_buf request = { .max = AUDIT_PARAMETERS_MAX };
	auto_buf response = { .max = AUDIT_PARAMETERS_MAX };
	struct audit_record record;
	struct audit_event e = {
		.name = c->op->name,
		.source = arena_printf(
		    &c->mem, "%s.amazonaws.com", api_services[c->service].name),
		.region = c->region,
		.account = c->env->account,
		.request_id = c->request_id,
		.source_ip = c->source_ip,
		.user_agent = c->user_agent,
		.time_ms = c->event_ms,
		.read_only = c->op->access == API_READ,
		.tls = { c->tls_version, c->tls_cipher, c->host },
		.who = audit_identity_of(who, c->auth.claimed),
		.error = c->error,
		.message = c->message,
		.resources = c->resources,
		.nresources = c->nresources,
		.left_out = c->left_out,
	};

	memcpy(e.id, c->event_id, sizeof(e.id));
	write_request(&request, c);
	write_response(&response, c);
	e.request = buf_span(&request);
	e.response = buf_span(&response);
	audit_record_make(&record, &c->mem, &e);
	return audit_record_append(tx, &record);
}
