/* SPDX-License-Identifier: Apache-2.0 */
/* See resume.h. */
#include "client/session/resume.h"

#include "base/log.h"
#include "codec/json.h"
#include "codec/jsonw.h"

static void
session_body(const struct resume *r, struct buf *out)
{
	struct jsonw w;

	jw_init(&w, out);
	jw_open(&w, '{');
	jw_field_str(&w, "SessionId", r->session_id);
	jw_close(&w, '}');
}

static void
say_refusal(struct resume *r, const char *code, const char *message)
{
	char text[400];

	if (strcmp(r->refusal, code) == 0)
		return; /* once is enough */
	snprintf(r->refusal, sizeof(r->refusal), "%s", code);
	snprintf(text, sizeof(text), "the session cannot be resumed yet (%s: %s)", code,
	    message);
	r->notice(r->arg, text);
}

static void
on_resumed(void *arg, const struct aws_answer *a)
{
	struct resume *r = arg;
	const char *token, *url;

	r->call = NULL;
	if (a->err != 0) {
		client_session_resumed(r->session, NULL, NULL, a->err, a->message);
	} else if (a->status == 200) {
		token = json_get_str(a->out, "TokenValue");
		url = json_get_str(a->out, "StreamUrl");
		if (token != NULL && token[0] == '\0')
			token = NULL;
		client_session_resumed(r->session, token, url, 0, "");
	} else if (strcmp(a->code, "DoesNotExistException") == 0) {
		client_session_resumed(r->session, NULL, NULL, 0, "");
	} else {
		say_refusal(r, a->code, a->message);
		client_session_resumed(r->session, NULL, NULL, ERR_DENIED, a->message);
	}
}

void
resume_ask(struct resume *r)
{
	auto_buf body = { .max = 1024 };
	struct fault f = { 0 };

	/* Credentials may have been renewed while we were connected. */
	if (aws_settings_keys(r->settings, &f) != 0) {
		say_refusal(r, "credentials", fault_text(&f));
		client_session_resumed(
		    r->session, NULL, NULL, ERR_DENIED, fault_text(&f));
		return;
	}
	session_body(r, &body);
	r->call = aws_ssm(r->api, "ResumeSession", buf_span(&body), 0, on_resumed, r);
}

void
resume_back(struct resume *r)
{
	r->refusal[0] = '\0';
}

void
resume_terminate(struct resume *r, uint64_t wait_ms, aws_done *done, void *arg)
{
	auto_buf body = { .max = 1024 };
	struct fault f = { 0 };

	resume_cancel(r);
	/* The plugin began with the token alone; without keys the call says so itself. */
	if (aws_settings_keys(r->settings, &f) != 0)
		log_debug("credentials", "why=%s", log_q(fault_text(&f)));
	session_body(r, &body);
	r->call =
	    aws_ssm(r->api, "TerminateSession", buf_span(&body), wait_ms, done, arg);
}

void
resume_cancel(struct resume *r)
{
	if (r->call != NULL)
		aws_call_cancel(STEAL(r->call));
}
