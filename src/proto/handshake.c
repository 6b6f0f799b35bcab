/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handshake messages of a data channel: writing and reading.  What the version strings
 * and the small payloads mean is in handshake_small.c.
 */
#include "proto/handshake.h"

#include "codec/jsonw.h"
#include "proto/agentmsg.h"
#include "proto/document.h"
#include "proto/member.h"

enum {
	NAME_MAX_LEN = 256,
	KEY_ID_MAX = 2048,
	CHALLENGE_MAX = 4096,
	WINDOW_LEAST = 16 * 1024
};

#define EXT_KEY "Sallyport"

/* --- extension ----------------------------------------------------------------- */

struct handshake_ext
handshake_ext_ours(uint32_t max_payload, uint32_t window)
{
	return (struct handshake_ext){
		.present = true,
		.version = HANDSHAKE_EXT_VERSION,
		.exit_status = true,
		.no_digest = true,
		.attached = true,
		.max_payload = max_payload,
		.window = window,
	};
}

static void
build_ext(struct jsonw *w, const struct handshake_ext *e)
{
	if (!e->present)
		return;
	jw_key(w, EXT_KEY);
	jw_open(w, '{');
	jw_field_int(w, "Version", e->version);
	jw_field_bool(w, "ExitStatus", e->exit_status);
	if (e->input)
		jw_field_bool(w, "Input", true);
	jw_field_bool(w, "NoDigest", e->no_digest);
	if (e->attached)
		jw_field_bool(w, "Attached", true);
	jw_field_int(w, "MaxPayload", e->max_payload);
	jw_field_int(w, "Window", e->window);
	jw_close(w, '}');
}

/* What is odd about it makes it absent: the session then runs as with a stock peer. */
static void
parse_ext(struct handshake_ext *e, const json_t *o)
{
	const json_t *x = json_get_obj(o, EXT_KEY);
	int64_t version = json_get_int(x, "Version", 0);
	int64_t payload = json_get_int(x, "MaxPayload", 0);
	int64_t window = json_get_int(x, "Window", 0);

	*e = (struct handshake_ext){ 0 };
	if (x == NULL || version < 1 || version > UINT32_MAX || payload < 1024 ||
	    window < WINDOW_LEAST)
		return;
	e->present = true;
	e->version = (uint32_t)version;
	e->exit_status = json_get_bool(x, "ExitStatus", false);
	e->input = json_get_bool(x, "Input", false);
	e->no_digest = json_get_bool(x, "NoDigest", false);
	e->attached = json_get_bool(x, "Attached", false);
	e->max_payload = (uint32_t)MIN(payload, (int64_t)HANDSHAKE_EXT_PAYLOAD_MAX);
	e->window = (uint32_t)MIN(window, (int64_t)HANDSHAKE_EXT_WINDOW_MAX);
}

/* --- request ---------------------------------------------------------------------- */

static void
raw_or_null(struct jsonw *w, struct span json)
{
	if (json.n > 0)
		jw_raw(w, json);
	else
		jw_null(w);
}

static void
build_action(struct jsonw *w, const struct handshake_action *a)
{
	jw_open(w, '{');
	jw_field_str(w, "ActionType", a->type);
	jw_key(w, "ActionParameters");
	if (strcmp(a->type, ACTION_SESSION_TYPE) == 0) {
		jw_open(w, '{');
		jw_field_str(w, "SessionType", a->session_type);
		jw_key(w, "Properties");
		raw_or_null(w, a->properties);
		jw_close(w, '}');
	} else if (strcmp(a->type, ACTION_KMS) == 0) {
		jw_open(w, '{');
		jw_field_str(w, "KMSKeyId", a->kms_key_id);
		jw_field_opt(w, "Challenge", a->challenge);
		jw_close(w, '}');
	} else {
		jw_null(w);
	}
	jw_close(w, '}');
}

void
handshake_request_build(struct buf *out, const struct handshake_request *r)
{
	struct jsonw w;

	jw_init(&w, out);
	jw_open(&w, '{');
	jw_field_str(&w, "AgentVersion", r->agent_version);
	jw_key(&w, "RequestedClientActions");
	jw_open(&w, '[');
	for (size_t i = 0; i < r->nactions; i++)
		build_action(&w, &r->actions[i]);
	jw_close(&w, ']');
	build_ext(&w, &r->ext);
	jw_close(&w, '}');
}

static int
parse_action(struct handshake_action *a, struct arena *mem, const json_t *o)
{
	const json_t *p = member(o, "ActionParameters");
	int r;

	*a = (struct handshake_action){ 0 };
	if ((r = member_str(&a->type, mem, o, "ActionType", NAME_MAX_LEN, NULL)) != 0)
		return r;
	if (strcmp(a->type, ACTION_SESSION_TYPE) == 0) {
		a->properties =
		    member_text(mem, member(p, "Properties"), HANDSHAKE_TEXT_MAX);
		return member_str(
		    &a->session_type, mem, p, "SessionType", NAME_MAX_LEN, NULL);
	}
	if (strcmp(a->type, ACTION_KMS) == 0) {
		r = member_str(&a->kms_key_id, mem, p, "KMSKeyId", KEY_ID_MAX, NULL);
		if (r == 0 && member(p, "Challenge") != NULL)
			r = member_str(
			    &a->challenge, mem, p, "Challenge", CHALLENGE_MAX, NULL);
	}
	return r;
}

int
handshake_request_parse(
    struct handshake_request *r, struct arena *mem, struct span json, struct fault *f)
{
	auto_json *o = NULL;
	json_t *actions, *it;
	size_t i;
	int err;

	*r = (struct handshake_request){ 0 };
	if ((err = member_object(&o, json, HANDSHAKE_TEXT_MAX, "HandshakeRequest", f)) !=
	    0)
		return err;
	if ((err = member_str(
		 &r->agent_version, mem, o, "AgentVersion", NAME_MAX_LEN, "")) != 0)
		return fault_set(f, err, "HandshakeRequest: AgentVersion");
	actions = member(o, "RequestedClientActions");
	if (actions != NULL && !json_is_array(actions))
		return fault_set(f, ERR_INVALID, "HandshakeRequest: actions are no list");
	if (json_array_size(actions) > HANDSHAKE_ACTIONS_MAX)
		return fault_set(f, ERR_LIMIT, "HandshakeRequest: too many actions");
	json_array_foreach(actions, i, it)
	{
		if ((err = parse_action(&r->actions[i], mem, it)) != 0)
			return fault_set(f, err, "HandshakeRequest: action %zu", i);
		r->nactions = i + 1;
	}
	parse_ext(&r->ext, o);
	return 0;
}

const struct handshake_action *
handshake_request_find(const struct handshake_request *r, const char *type)
{
	for (size_t i = 0; i < r->nactions; i++) {
		if (strcmp(r->actions[i].type, type) == 0)
			return &r->actions[i];
	}
	return NULL;
}

/* --- response ---------------------------------------------------------------------- */

static void
build_result(struct jsonw *w, const struct handshake_result *res)
{
	jw_open(w, '{');
	jw_field_str(w, "ActionType", res->type);
	jw_field_int(w, "ActionStatus", res->status);
	jw_key(w, "ActionResult");
	raw_or_null(w, res->result);
	jw_field_str(w, "Error", res->error != NULL ? res->error : "");
	jw_close(w, '}');
}

void
handshake_response_build(struct buf *out, const struct handshake_response *r)
{
	struct jsonw w;

	jw_init(&w, out);
	jw_open(&w, '{');
	jw_field_str(&w, "ClientVersion", r->client_version);
	jw_key(&w, "ProcessedClientActions");
	jw_open(&w, '[');
	for (size_t i = 0; i < r->nresults; i++)
		build_result(&w, &r->results[i]);
	jw_close(&w, ']');
	jw_key(&w, "Errors");
	if (r->nerrors == 0) {
		jw_null(&w);
	} else {
		jw_open(&w, '[');
		for (size_t i = 0; i < r->nerrors; i++)
			jw_str(&w, r->errors[i]);
		jw_close(&w, ']');
	}
	build_ext(&w, &r->ext);
	jw_close(&w, '}');
}

static int
parse_result(struct handshake_result *res, struct arena *mem, const json_t *o)
{
	const json_t *status = member(o, "ActionStatus");
	int r;

	*res = (struct handshake_result){ 0 };
	if ((r = member_str(&res->type, mem, o, "ActionType", NAME_MAX_LEN, NULL)) != 0)
		return r;
	if (!json_is_integer(status) || json_integer_value(status) < 0 ||
	    json_integer_value(status) > INT16_MAX)
		return ERR_INVALID;
	res->status = (int)json_integer_value(status);
	res->result = member_text(mem, member(o, "ActionResult"), HANDSHAKE_TEXT_MAX);
	return member_str(&res->error, mem, o, "Error", HANDSHAKE_TEXT_MAX, "");
}

static int
parse_results(
    struct handshake_response *r, struct arena *mem, const json_t *o, struct fault *f)
{
	json_t *list = member(o, "ProcessedClientActions"), *it;
	size_t i;
	int err;

	if (list != NULL && !json_is_array(list))
		return fault_set(
		    f, ERR_INVALID, "HandshakeResponse: actions are no list");
	if (json_array_size(list) > HANDSHAKE_ACTIONS_MAX)
		return fault_set(f, ERR_LIMIT, "HandshakeResponse: too many actions");
	json_array_foreach(list, i, it)
	{
		if ((err = parse_result(&r->results[i], mem, it)) != 0)
			return fault_set(f, err, "HandshakeResponse: action %zu", i);
		r->nresults = i + 1;
	}
	return 0;
}

int
handshake_response_parse(
    struct handshake_response *r, struct arena *mem, struct span json, struct fault *f)
{
	auto_json *o = NULL;
	json_t *it;
	size_t i;
	int err;

	*r = (struct handshake_response){ 0 };
	if ((err = member_object(&o, json, HANDSHAKE_TEXT_MAX, "HandshakeResponse", f)) !=
	    0)
		return err;
	err = member_str(&r->client_version, mem, o, "ClientVersion", NAME_MAX_LEN, "");
	if (err != 0)
		return fault_set(f, err, "HandshakeResponse: ClientVersion");
	if ((err = parse_results(r, mem, o, f)) != 0)
		return err;
	json_array_foreach(member(o, "Errors"), i, it)
	{
		if (json_is_string(it) && r->nerrors < HANDSHAKE_ERRORS_MAX)
			r->errors[r->nerrors++] =
			    arena_strdup(mem, json_string_value(it));
	}
	parse_ext(&r->ext, o);
	return 0;
}

static void
fail_action(struct handshake_response *out, struct handshake_result *res,
    struct arena *mem, int status, const char *why)
{
	res->status = status;
	res->error = arena_printf(mem, "Failed to process action %s: %s", res->type, why);
	out->errors[out->nerrors++] = arena_strdup(mem, why);
}

int
handshake_answer(struct handshake_response *out, const struct handshake_action **session,
    const struct handshake_request *in, struct arena *mem, struct fault *f)
{
	enum document_type type;

	*session = NULL;
	*out = (struct handshake_response){ .client_version = HANDSHAKE_CLIENT_VERSION };
	for (size_t i = 0; i < in->nactions; i++) {
		const struct handshake_action *a = &in->actions[i];
		struct handshake_result *res = &out->results[out->nresults++];

		res->type = a->type;
		res->status = HANDSHAKE_SUCCESS;
		res->error = "";
		if (strcmp(a->type, ACTION_SESSION_TYPE) == 0) {
			if (document_type_parse(&type, span_str(a->session_type)) == 0)
				*session = a;
			else
				fail_action(out, res, mem, HANDSHAKE_FAILED,
				    "Unknown session type");
		} else if (strcmp(a->type, ACTION_KMS) == 0) {
			fail_action(out, res, mem, HANDSHAKE_FAILED,
			    "this client does not support KMS encryption");
		} else {
			fail_action(
			    out, res, mem, HANDSHAKE_UNSUPPORTED, "Unsupported action");
		}
	}
	if (*session == NULL)
		return fault_set(f, ERR_UNSUPPORTED, "unable to determine SessionType");
	return 0;
}

static bool
is_known(const char *type)
{
	return strcmp(type, ACTION_SESSION_TYPE) == 0 || strcmp(type, ACTION_KMS) == 0;
}

int
handshake_check(const struct handshake_request *asked,
    const struct handshake_response *answer, struct fault *f)
{
	for (size_t i = 0; i < asked->nactions; i++) {
		const char *type = asked->actions[i].type;
		const struct handshake_result *res = NULL;

		for (size_t k = 0; k < answer->nresults && res == NULL; k++) {
			if (strcmp(answer->results[k].type, type) == 0)
				res = &answer->results[k];
		}
		if (!is_known(type))
			continue; /* stock clients say 0, others 3 */
		if (res == NULL)
			return fault_set(
			    f, ERR_DENIED, "the client did not process %s", type);
		if (res->status != HANDSHAKE_SUCCESS)
			return fault_set(f, ERR_DENIED,
			    "%s failed on client with status %d error: %s", type,
			    res->status, res->error);
	}
	return 0;
}

/* --- the rest ------------------------------------------------------------------------
 */

void
handshake_complete_build(struct buf *out, const struct handshake_complete *c)
{
	struct jsonw w;

	jw_init(&w, out);
	jw_open(&w, '{');
	jw_field_int(&w, "HandshakeTimeToComplete", c->elapsed_ns);
	jw_field_str(&w, "CustomerMessage", c->customer_message);
	jw_close(&w, '}');
}

int
handshake_complete_parse(
    struct handshake_complete *c, struct arena *mem, struct span json, struct fault *f)
{
	auto_json *o = NULL;
	const json_t *ns;
	int r;

	*c = (struct handshake_complete){ .customer_message = "" };
	if ((r = member_object(&o, json, HANDSHAKE_TEXT_MAX, "HandshakeComplete", f)) !=
	    0)
		return r;
	ns = member(o, "HandshakeTimeToComplete");
	c->elapsed_ns = json_is_integer(ns) ? json_integer_value(ns) : 0;
	r = member_str(
	    &c->customer_message, mem, o, "CustomerMessage", HANDSHAKE_TEXT_MAX, "");
	return r == 0 ? 0 : fault_set(f, r, "HandshakeComplete: CustomerMessage");
}

void
handshake_challenge_build(struct buf *out, const char *challenge)
{
	struct jsonw w;

	jw_init(&w, out);
	jw_open(&w, '{');
	jw_field_str(&w, "Challenge", challenge);
	jw_close(&w, '}');
}

int
handshake_challenge_parse(
    const char **challenge, struct arena *mem, struct span json, struct fault *f)
{
	auto_json *o = NULL;
	int r;

	*challenge = NULL;
	if ((r = member_object(&o, json, HANDSHAKE_TEXT_MAX, "challenge", f)) != 0)
		return r;
	r = member_str(challenge, mem, o, "Challenge", CHALLENGE_MAX, NULL);
	return r == 0 ? 0 : fault_set(f, r, "the challenge is missing or too long");
}
