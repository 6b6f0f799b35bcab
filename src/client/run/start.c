/* SPDX-License-Identifier: Apache-2.0 */
/* See start.h. */
#include "client/run/start.h"

#include "client/run/run.h"
#include "codec/json.h"
#include "codec/jsonw.h"

int
start_failure(int r)
{
	return r == CLI_FAILED ? RUN_EXIT_LOST : r;
}

void
start_body(struct buf *out, const struct starting *s)
{
	auto_buf params = { .max = START_BODY_MAX };
	struct jsonw w;

	jw_init(&w, out);
	jw_open(&w, '{');
	jw_field_str(&w, "Target", s->target);
	jw_field_opt(&w, "DocumentName", s->document);
	jw_field_opt(&w, "Reason", s->reason);
	if (s->parameters != NULL) {
		json_dump(&params, s->parameters);
		jw_key(&w, "Parameters");
		jw_raw(&w, buf_span(&params));
	}
	jw_close(&w, '}');
}

static int
not_started(const struct starting *s, const struct fault *f)
{
	if (cli_is_error(f, "TargetNotConnected"))
		cli_say("%s: is sallyport-agent running there?", fault_text(f));
	else if (cli_is_error(f, "InvalidDocument") && s->document != NULL)
		cli_say("%s: this server has no document %s that could be used",
		    fault_text(f), s->document);
	else
		cli_say("%s", fault_text(f));
	return RUN_EXIT_LOST;
}

int
start_and_run(struct cli *c, const struct starting *s)
{
	auto_buf body = { .max = START_BODY_MAX };
	auto_json *answer = NULL;
	struct fault f = { 0 };
	const char *id, *url, *token;

	start_body(&body, s);
	if (buf_check(&body) != 0) {
		cli_say("the parameters are too long: send a file instead");
		return RUN_EXIT_LOST;
	}
	if (cli_ssm(c, "StartSession", buf_span(&body), &answer, &f) != 0)
		return not_started(s, &f);
	id = json_get_str(answer, "SessionId");
	url = json_get_str(answer, "StreamUrl");
	token = json_get_str(answer, "TokenValue");
	if (id == NULL || url == NULL || token == NULL) {
		cli_say("the answer to StartSession is incomplete: is this endpoint a "
			"sallyportd?");
		return RUN_EXIT_LOST;
	}
	return run_session(c->loop, c->api, &c->settings,
	    &(struct run_options){
		.style = RUN_OWN,
		.leave_stdin = s->leave_stdin,
		.session_id = id,
		.stream_url = url,
		.token = token,
	    });
}
