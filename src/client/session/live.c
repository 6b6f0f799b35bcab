/* SPDX-License-Identifier: Apache-2.0 */
/* See live.h. */
#include "client/session/live.h"

#include "base/text.h"
#include "client/session/resume.h"
#include "codec/json.h"

struct live {
	struct ev_loop *loop;
	struct aws_api *api;
	struct aws_settings *settings;
	const struct live_ops *ops;
	void *arg;
	struct aws_call *starting;
	struct ev_timer patience; /* with "starting", once it is to end */
	char *id;
	struct client_session *session;
	struct resume resume;
	bool ending;
};

/* --- the session ----------------------------------------------------------------------- */

static void
on_ready(void *arg, const struct session_info *info)
{
	struct live *l = arg;

	l->ops->on_ready(l->arg, info);
}

static int
on_data(void *arg, uint32_t payload_type, struct span data)
{
	struct live *l = arg;

	return l->ending ? 0 : l->ops->on_data(l->arg, payload_type, data);
}

static void
on_writable(void *arg)
{
	struct live *l = arg;

	l->ops->on_writable(l->arg);
}

static void
on_lost(void *arg, bool lost, const char *why)
{
	struct live *l = arg;

	if (!lost)
		resume_back(&l->resume);
	if (!l->ending)
		l->ops->on_lost(l->arg, lost, why);
}

static void
on_over(void *arg, enum session_why why, const char *text)
{
	struct live *l = arg;

	if (l->ending)
		return; /* TerminateSession answers as well */
	if (why == SESSION_TIMED_OUT)
		text = "it was over when the connection came back";
	l->ops->on_end(l->arg, text);
}

static void
on_resume(void *arg)
{
	struct live *l = arg;

	if (!l->ending)
		resume_ask(&l->resume);
}

static void
on_notice(void *arg, const char *text)
{
	struct live *l = arg;

	l->ops->on_notice(l->arg, text);
}

static const struct client_session_ops session_ops = {
	.on_ready = on_ready,
	.on_data = on_data,
	.on_writable = on_writable,
	.on_lost = on_lost,
	.on_end = on_over,
	.on_notice = on_notice,
	.resume = on_resume,
};

/* --- the calls around it ----------------------------------------------------------------- */

static void
open_session(struct live *l, const char *url, const char *token)
{
	char client_id[UUID_LEN + 1];
	uint8_t raw[16];

	ev_random(l->loop, raw, sizeof(raw));
	uuid_format(client_id, raw);
	l->session = client_session_new(l->loop, aws_api_http(l->api),
	    &(struct client_session_options){
		.session_id = l->id,
		.stream_url = url,
		.token = token,
		.client_id = client_id,
		.client_version = HANDSHAKE_CLIENT_VERSION,
	    },
	    &session_ops, l);
	l->resume = (struct resume){ .api = l->api,
		.settings = l->settings,
		.session = l->session,
		.session_id = l->id,
		.notice = on_notice,
		.arg = l };
}

static void
on_terminated(void *arg, const struct aws_answer *a)
{
	struct live *l = arg;

	(void)a;
	l->resume.call = NULL;
	l->ops->on_end(l->arg, "");
}

static void
on_started(void *arg, const struct aws_answer *a)
{
	struct live *l = arg;
	const char *id, *url, *token;
	char text[500];

	l->starting = NULL;
	ev_timer_clear(&l->patience);
	if (a->err != 0 || a->status != 200) {
		snprintf(text, sizeof(text), "%s%s%s", a->err == 0 ? a->code : "",
		    a->err == 0 ? ": " : "", a->message);
		l->ops->on_end(l->arg, text);
		return;
	}
	id = json_get_str(a->out, "SessionId");
	url = json_get_str(a->out, "StreamUrl");
	token = json_get_str(a->out, "TokenValue");
	if (id == NULL || url == NULL || token == NULL) {
		l->ops->on_end(l->arg, "the answer to StartSession is incomplete");
		return;
	}
	l->id = xstrdup(id);
	open_session(l, url, token);
	if (l->ending) /* asked for while the call was under way */
		resume_terminate(&l->resume, LIVE_TERMINATE_MS, on_terminated, l);
}

struct live *
live_start(struct ev_loop *loop, struct aws_api *api, struct aws_settings *settings,
    struct span body, const struct live_ops *ops, void *arg)
{
	struct live *l = xcalloc(1, sizeof(*l));

	l->loop = loop;
	l->api = api;
	l->settings = settings;
	l->ops = ops;
	l->arg = arg;
	l->starting = aws_ssm(api, "StartSession", body, 0, on_started, l);
	return l;
}

/* No answer to StartSession: if there is a session, the service ends it when nobody comes. */
static void
on_impatient(void *arg)
{
	struct live *l = arg;

	aws_call_cancel(STEAL(l->starting));
	l->ops->on_end(l->arg, "");
}

void
live_terminate(struct live *l)
{
	if (l->ending)
		return;
	l->ending = true;
	if (l->session != NULL)
		resume_terminate(&l->resume, LIVE_TERMINATE_MS, on_terminated, l);
	else if (l->starting != NULL)
		ev_timer_set(l->loop, &l->patience, LIVE_TERMINATE_MS, on_impatient, l);
}

struct client_session *
live_session(const struct live *l)
{
	return l->session;
}

void
live_free(struct live *l)
{
	if (l == NULL)
		return;
	ev_timer_clear(&l->patience);
	if (l->starting != NULL)
		aws_call_cancel(l->starting);
	resume_cancel(&l->resume);
	client_session_free(l->session);
	free(l->id);
	free(l);
}
