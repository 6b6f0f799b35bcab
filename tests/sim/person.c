/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody with a session: StartSession (again when the node is away), a few lines into
 * the shell, and an end according to plan.  What the shell says is compared byte by byte.
 */
#include "fleet.h"

#include "agent/aws.h"
#include "base/text.h"
#include "codec/json.h"
#include "codec/jsonw.h"

enum {
	STARTS_MAX = 60,
	START_WINDOW_MS = 120 * 1000,
	TYPED_MAX = 4096,
	EXPECTED_MAX = 1 << 22,
};

static void start(void *arg);
static void type(void *arg);
static void terminate(void *arg);

const char *
person_plan_name(enum person_plan p)
{
	static const char *const name[] = { "exits", "terminates", "vanishes", "sleeps",
		"forwards" };

	return name[p];
}

static uint32_t
draw(struct person *p, uint32_t n)
{
	return ev_random_below(p->place.loop, n);
}

static void
later(struct person *p, uint32_t min_ms, uint32_t span_ms, ev_cb *cb)
{
	ev_timer_set(p->place.loop, &p->timer, min_ms + draw(p, span_ms), cb, p);
}

static void
ssm(struct person *p, const char *target, struct span body, agent_answer_cb *cb)
{
	assert(p->call == NULL);
	p->call = agent_aws_post(p->aws,
	    &(struct agent_request){
		.service = "ssm",
		.path = "/",
		.target = target,
		.body = body,
		.auth = AGENT_AUTH_KEYS,
	    },
	    cb, p);
}

/* A call about the session that there is. */
static void
ssm_session(struct person *p, const char *target, agent_answer_cb *cb)
{
	auto_buf body = { .max = 1024 };
	struct jsonw w;

	jw_init(&w, &body);
	jw_open(&w, '{');
	jw_field_str(&w, "SessionId", p->session_id);
	jw_close(&w, '}');
	assert(buf_check(&body) == 0);
	ssm(p, target, buf_span(&body), cb);
}

/* --- typing ----------------------------------------------------------------------- */

static void
flush(struct person *p)
{
	struct span rest = buf_span(&p->typed);
	size_t n = MIN(rest.n, client_session_room(p->session));

	if (n == 0)
		return;
	/* Keystrokes come singly or in lumps. */
	n = MIN(n, 1 + draw(p, (uint32_t)n));
	if (client_session_send(p->session, PAYLOAD_OUTPUT, span_of(rest.p, n)) == 0)
		buf_consume(&p->typed, n);
}

static void
resize(struct person *p)
{
	auto_buf json = { .max = 64 };
	struct term_size size = { .cols = (uint16_t)(20 + draw(p, 200)),
		.rows = (uint16_t)(5 + draw(p, 90)) };

	term_size_build(&json, size);
	if (client_session_send(p->session, PAYLOAD_SIZE, buf_span(&json)) != 0)
		return; /* no room now; there will be other sizes */
}

static void
compose(struct person *p)
{
	char line[32];
	int n;

	if (p->lines > 1 || p->plan != PERSON_EXITS) {
		n = snprintf(
		    line, sizeof(line), "%u", draw(p, draw(p, 8) == 0 ? 30000 : 300));
	} else {
		p->want_status = (int)draw(p, 200);
		p->said_exit = true;
		n = snprintf(line, sizeof(line), "exit %d", p->want_status);
	}
	p->lines--;
	(void)shell_answer(&p->expected, p->salt, &p->pos,
	    span_of((const uint8_t *)line, (size_t)n), &(int){ 0 });
	buf_addf(&p->typed, "%s\n", line);
	assert(buf_check(&p->typed) == 0 && buf_check(&p->expected) == 0);
}

static void
end_by_plan(struct person *p)
{
	if (p->plan == PERSON_VANISHES)
		p->wants_crash = true;
	else if (p->plan == PERSON_TERMINATES)
		terminate(p);
}

static void
type(void *arg)
{
	struct person *p = arg;

	if (p->typed.len > 0)
		flush(p);
	else if (draw(p, 10) == 0)
		resize(p);
	else if (p->lines > 0)
		compose(p);
	else {
		end_by_plan(p);
		return;
	}
	later(p, 10, p->typed.len > 0 ? 300 : 3000, type);
}

/* --- the session's callbacks -------------------------------------------------------- */

static void
on_ready(void *arg, const struct session_info *info)
{
	struct person *p = arg;

	if (!info->own_peer)
		fleet_fail(p->place.fleet, "person %u: not our own agent", p->index);
	p->ready = true;
	if (p->plan == PERSON_FORWARDS) {
		p->ports = ports_new(p, info);
		return;
	}
	resize(p);
	later(p, 0, 2000, type);
}

static void
on_read_again(void *arg)
{
	struct person *p = arg;

	p->refuses = false;
	if (p->session != NULL)
		client_session_pump(p->session);
}

static int
on_data(void *arg, uint32_t payload_type, struct span data)
{
	struct person *p = arg;

	if (p->ports != NULL)
		return ports_data(p->ports, payload_type, data);
	if (payload_type == PAYLOAD_EXIT_CODE) {
		if (exit_code_parse(&p->exit_status, data) != 0)
			p->differs = true;
		return 0;
	}
	if (!p->refuses && draw(p, 50) == 0) {
		p->refuses = true;
		ev_timer_set(
		    p->place.loop, &p->slow_reader, draw(p, 2000), on_read_again, p);
	}
	if (p->refuses)
		return ERR_AGAIN;
	if (payload_type != PAYLOAD_OUTPUT || data.n > p->expected.len - p->received ||
	    memcmp(data.p, p->expected.p + p->received, data.n) != 0)
		p->differs = true;
	else
		p->received += data.n;
	return 0;
}

static void
on_writable(void *arg)
{
	struct person *p = arg;

	if (p->ports != NULL) /* in a shell the next keystroke tries again */
		ports_go(p->ports);
}

static void
on_lost(void *arg, bool lost, const char *why)
{
	struct person *p = arg;

	(void)why;
	p->losses += lost;
}

static void
hang_up(void *arg)
{
	struct person *p = arg;

	if (p->ports != NULL)
		ports_close(p->ports);
	client_session_free(STEAL(p->session));
}

static void
on_end(void *arg, enum session_why why, const char *text)
{
	struct person *p = arg;

	p->ended = true;
	p->why = why;
	(void)snprintf(p->text, sizeof(p->text), "%s", text);
	ev_timer_set(p->place.loop, &p->timer, 0, hang_up, p);
}

static void
on_resumed(void *arg, const struct agent_answer *a)
{
	struct person *p = arg;
	auto_json *v = NULL;
	bool over = strcmp(a->code, "DoesNotExistException") == 0;

	p->call = NULL;
	if (p->session == NULL)
		return;
	if (a->err == 0 && a->status == 200 && json_read(&v, a->body, NULL) == 0)
		client_session_resumed(p->session, json_get_str(v, "TokenValue"),
		    json_get_str(v, "StreamUrl"), 0, "");
	else
		client_session_resumed(p->session, NULL, NULL, over ? 0 : ERR_IO, a->why);
}

static void
on_resume(void *arg)
{
	struct person *p = arg;

	if (p->call != NULL) { /* TerminateSession is under way */
		client_session_resumed(p->session, NULL, NULL, ERR_AGAIN, "busy");
		return;
	}
	ssm_session(p, "AmazonSSM.ResumeSession", on_resumed);
}

static const struct client_session_ops session_ops = {
	.on_ready = on_ready,
	.on_data = on_data,
	.on_writable = on_writable,
	.on_lost = on_lost,
	.on_end = on_end,
	.resume = on_resume,
};

/* --- calls -------------------------------------------------------------------------- */

static void
on_terminated(void *arg, const struct agent_answer *a)
{
	struct person *p = arg;

	p->call = NULL;
	if (a->err != 0 || a->status != 200)
		later(p, 500, 2000, terminate);
}

static void
terminate(void *arg)
{
	struct person *p = arg;

	if (p->call != NULL)
		later(p, 100, 100, terminate);
	else
		ssm_session(p, "AmazonSSM.TerminateSession", on_terminated);
}

static void
open_session(struct person *p, const char *url, const char *token)
{
	p->salt = shell_salt(p->session_id);
	shell_hello(&p->expected);
	p->session = client_session_new(p->place.loop, p->http,
	    &(struct client_session_options){
		.session_id = p->session_id,
		.stream_url = url,
		.token = token,
		.client_id = "00000000-0000-4000-8000-000000000001",
		.client_version = HANDSHAKE_CLIENT_VERSION,
	    },
	    &session_ops, p);
}

static void
on_started(void *arg, const struct agent_answer *a)
{
	struct person *p = arg;
	auto_json *v = NULL;
	const char *id, *token, *url;

	p->call = NULL;
	if (a->err != 0 || a->status != 200) {
		if (a->err == 0 && strcmp(a->code, "TargetNotConnected") != 0)
			fleet_fail(p->place.fleet, "person %u: StartSession: %d %s",
			    p->index, a->status, a->why);
		if (p->starts < STARTS_MAX)
			later(p, 1000, 4000, start);
		else
			p->ended = true;
		return;
	}
	if (json_read(&v, a->body, NULL) != 0 ||
	    (id = json_get_str(v, "SessionId")) == NULL ||
	    (token = json_get_str(v, "TokenValue")) == NULL ||
	    (url = json_get_str(v, "StreamUrl")) == NULL ||
	    str_copy(p->session_id, sizeof(p->session_id), id) != 0) {
		fleet_fail(
		    p->place.fleet, "person %u: no answer of StartSession", p->index);
		return;
	}
	open_session(p, url, token);
}

static void
start(void *arg)
{
	struct person *p = arg;

	const struct sim_node *n = &p->place.fleet->nodes[p->node];
	auto_buf body = { .max = 1024 };

	p->starts++;
	p->node_crashes = n->place.crashes;
	if (p->plan == PERSON_FORWARDS)
		buf_addf(&body,
		    "{\"Target\":\"%s\",\"DocumentName\":\"AWS-"
		    "StartPortForwardingSession\","
		    "\"Parameters\":{\"portNumber\":[\"%d\"],\"localPortNumber\":[\"0\"]}"
		    "}",
		    n->id, FLEET_SERVICE_PORT);
	else
		buf_addf(&body, "{\"Target\":\"%s\"}", n->id);
	assert(buf_check(&body) == 0);
	ssm(p, "AmazonSSM.StartSession", buf_span(&body), on_started);
}

/* By a flag to the agent, or by a call. */
void
person_ports_over(struct person *p)
{
	uint8_t flag[4];

	flag_encode(flag, FLAG_TERMINATE_SESSION);
	if (draw(p, 2) == 0 ||
	    client_session_send(p->session, PAYLOAD_FLAG, span_of(flag, sizeof(flag))) !=
		0)
		later(p, 0, 2000, terminate);
}

/* --- life --------------------------------------------------------------------------- */

void
person_init(struct fleet *f, unsigned i)
{
	struct person *p = &f->people[i];
	uint32_t plan = sim_random_below(f->sim, 100);

	place_init(&p->place, f, "desk", i);
	p->index = i;
	p->node = sim_random_below(f->sim, f->nnodes);
	p->lines = 1 + sim_random_below(f->sim, 40);
	p->plan = plan < 40 ? PERSON_EXITS
	    : plan < 70     ? PERSON_FORWARDS
	    : plan < 80     ? PERSON_TERMINATES
	    : plan < 90     ? PERSON_VANISHES
			    : PERSON_SLEEPS;
	p->exit_status = -1;
	buf_init(&p->typed, TYPED_MAX);
	buf_init(&p->expected, EXPECTED_MAX);
}

void
person_up(struct person *p)
{
	p->place.loop = sim_host(p->place.fleet->sim, p->place.name);
	p->http = http_client_new(p->place.loop, NULL, NULL, NULL);
	p->aws = agent_aws_new(p->place.loop,
	    &(struct agent_aws_options){
		.endpoint = FLEET_ENDPOINT, .region = FLEET_REGION, .node_id = "" });
	agent_aws_set_keys(p->aws, &p->place.fleet->admin);
	later(p, 0, START_WINDOW_MS, start);
}

void
person_down(struct person *p, bool crash)
{
	if (p->place.loop == NULL)
		return;
	if (crash) {
		p->place.crashes++;
		sim_crash(p->place.loop);
	}
	ev_timer_clear(&p->timer);
	ev_timer_clear(&p->slow_reader);
	if (p->ports != NULL)
		ports_close(p->ports);
	client_session_free(STEAL(p->session));
	agent_call_cancel(STEAL(p->call));
	agent_aws_free(STEAL(p->aws));
	http_client_free(STEAL(p->http));
	ev_loop_free(STEAL(p->place.loop));
}

void
person_fini(struct person *p)
{
	buf_fini(&p->typed);
	buf_fini(&p->expected);
	free(STEAL(p->ports));
}
