/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay by itself: both ends of a few sessions, which send as fast as it takes messages.
 *
 *	load_relay ENDPOINT CA_FILE REGION SESSIONS BYTES SECONDS SERVER_PID
 *
 * The ends are a node with static credentials and a client, in one process, over TLS, with the
 * opening frames, tokens and acknowledgements of the real ones.  What they do not do is the work
 * that is not the relay's: a message is encoded once and then only numbered, and it is not hashed
 * when it arrives, so that this process keeps ahead of the server.  Messages go from the agent to
 * the client, acknowledgements back, one for all that came within ACK_MS, as our programs do.
 *
 * Prints, over SECONDS: payload bytes that arrived, milliseconds of processor time of the
 * server (user and kernel), and milliseconds that went by.
 */
#include <signal.h>
#include <unistd.h>

#include "agent/control.h"
#include "agent/heartbeat.h"
#include "base/log.h"
#include "base/text.h"
#include "codec/json.h"
#include "crypto/crypto.h"
#include "proto/ack.h"
#include "proto/control.h"
#include "proto/handshake.h"
#include "proto/ids.h"

enum {
	SESSIONS_MAX = 64,
	LIMIT_S = 120,
	WARM_UP_MS = 1000,
	ACK_MS = 2,
	BATCH = 64 * 1024, /* handed to the socket at once */
	SEQ_AT = 48,       /* of the sequence number: docs/protocol.md */
};

#define NODE "mi-0000000000000beef"

struct load {
	struct ev_loop *loop;
	struct agent_aws *aws;
	struct http_client *http;
	struct agent_heartbeat *heartbeat;
	struct agent_control *control;
	struct sigv4_credentials keys;
	struct pair *pairs;
	struct buf msg; /* what is sent again and again */
	size_t npairs, payload, ready;
	int64_t pid, seconds;
	uint64_t bytes, bytes0, cpu0_ms, began_us;
	struct ev_timer phase, ack;
};

struct pair {
	struct load *l;
	char id[ID_SESSION_MAX + 1];
	char *client_token, *agent_token;
	struct wsconn *agent, *client; /* NULL until open */
	int64_t sent, got;             /* next sequence numbers */
	int64_t acked;
};

static _Noreturn void
die(const char *what, const char *why)
{
	fprintf(stderr, "load_relay: %s: %s\n", what, why);
	exit(1);
}

/* --- the stream ------------------------------------------------------------------- */

static void
fill(struct pair *p)
{
	struct load *l = p->l;

	while (wsconn_queued(p->agent) < STREAM_HIGH) {
		wsconn_cork(p->agent);
		for (size_t n = 0; n < BATCH; n += l->msg.len) {
			put_be64(l->msg.p + SEQ_AT, (uint64_t)p->sent++);
			if (wsconn_send(p->agent, WS_BINARY, buf_span(&l->msg)) != 0)
				die("agent", "cannot send");
		}
		wsconn_uncork(p->agent);
	}
}

static void
on_room(void *arg)
{
	fill(arg);
}

static void
on_ack(void *arg, uint8_t op, struct span body)
{
	(void)arg, (void)op, (void)body;
}

static void
on_output(void *arg, uint8_t op, struct span body)
{
	struct pair *p = arg;
	struct agentmsg m;

	(void)op;
	if (agentmsg_decode(&m, body) != 0 || m.seq != p->got ||
	    m.payload.n != p->l->payload)
		die("client", "this is not the message that was sent");
	p->got++;
	p->l->bytes += m.payload.n;
}

static void
send_acks(void *arg)
{
	struct load *l = arg;
	uint8_t id[16];

	ev_random(l->loop, id, sizeof(id));
	for (struct pair *p = l->pairs; p < l->pairs + l->npairs; p++) {
		struct agentmsg m = { .type = MSG_OUTPUT_STREAM, .seq = p->got - 1 };
		auto_buf out = { .max = ACK_MESSAGE_MAX };

		if (p->acked == p->got)
			continue;
		p->acked = p->got;
		ack_build(&out, &m, (uint64_t)ev_wall_ms(l->loop), id);
		if (wsconn_send(p->client, WS_BINARY, buf_span(&out)) != 0)
			die("client", "cannot send");
	}
	ev_timer_set(l->loop, &l->ack, ACK_MS, send_acks, l);
}

/* --- the clock -------------------------------------------------------------------- */

static uint64_t
cpu_ms(int64_t pid)
{
	char path[64], text[1024], *at;
	unsigned long user, kernel;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
	if ((f = fopen(path, "r")) == NULL || fgets(text, sizeof(text), f) == NULL ||
	    (at = strrchr(text, ')')) == NULL ||
	    sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
		&kernel) != 2)
		die(path, "cannot be read");
	fclose(f);
	return (user + kernel) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

static void
on_end(void *arg)
{
	struct load *l = arg;

	printf("%llu %llu %llu\n", (unsigned long long)(l->bytes - l->bytes0),
	    (unsigned long long)(cpu_ms(l->pid) - l->cpu0_ms),
	    (unsigned long long)(ev_now_us(l->loop) - l->began_us) / 1000);
	exit(0);
}

static void
on_warm(void *arg)
{
	struct load *l = arg;

	l->bytes0 = l->bytes;
	l->cpu0_ms = cpu_ms(l->pid);
	l->began_us = ev_now_us(l->loop);
	ev_timer_set(l->loop, &l->phase, (uint64_t)l->seconds * 1000, on_end, l);
}

static void
end_is_open(struct load *l)
{
	if (++l->ready < 2 * l->npairs)
		return;
	for (struct pair *p = l->pairs; p < l->pairs + l->npairs; p++)
		fill(p);
	send_acks(l);
	ev_timer_set(l->loop, &l->phase, WARM_UP_MS, on_warm, l);
}

/* --- both ends -------------------------------------------------------------------- */

static void
on_close(void *arg, int err, uint16_t code)
{
	(void)arg, (void)code;
	die("connection lost", err_text(err));
}

static const struct wsconn_handler agent_handler = {
	.on_message = on_ack, .on_drain = on_room, .on_close = on_close
};
static const struct wsconn_handler client_handler = { .on_message = on_output,
	.on_close = on_close };

static const struct wsconn_options data_options = { .message_max = AGENTMSG_PAYLOAD_MAX +
	    AGENTMSG_HEAD };

static void
open_end(struct wsconn *ws, const char *token, const char *node)
{
	auto_buf text = { .max = CONTROL_OPEN_MAX };

	control_open_data_build(&text,
	    &(struct control_open_data){
		.request_id = "00000000-0000-4000-8000-000000000000",
		.token = token,
		.client_id = node != NULL ? "" : "00000000-0000-4000-8000-000000000001",
		.client_version = node != NULL ? "" : HANDSHAKE_CLIENT_VERSION,
		.client_instance_id = node });
	if (wsconn_send(ws, WS_TEXT, buf_span(&text)) != 0)
		die("data channel", "cannot be opened");
}

static void
on_client(void *arg, struct wsconn *ws, int err, int status, const char *why)
{
	struct pair *p = arg;

	(void)status;
	if (err != 0)
		die("the client's data channel", why);
	p->client = ws;
	wsconn_set_handler(ws, &client_handler, p);
	open_end(ws, p->client_token, NULL);
	end_is_open(p->l);
}

static void
on_agent(void *arg, struct wsconn *ws, int err, int status, const char *why)
{
	struct pair *p = arg;

	(void)status;
	if (err != 0)
		die("the agent's data channel", why);
	p->agent = ws;
	wsconn_set_handler(ws, &agent_handler, p);
	open_end(ws, p->agent_token, NODE);
	end_is_open(p->l);
}

static void
on_created(void *arg, const struct agent_answer *a)
{
	struct pair *p = arg;
	auto_arena mem = { 0 };
	const char *token;

	if (a->err != 0 || a->status != 201 ||
	    control_created_parse(&token, &mem, a->body) != 0)
		die("CreateDataChannel", a->why);
	p->agent_token = xstrdup(token);
	agent_aws_upgrade(p->l->aws,
	    &(struct agent_upgrade){
		.path = arena_printf(&mem, "/v1/data-channel/%s", p->id),
		.query = "role=publish_subscribe",
		.options = &data_options,
	    },
	    on_agent, p);
}

static void
on_started(void *arg, const struct agent_answer *a)
{
	struct pair *p = arg;
	auto_json *v = NULL;
	const char *url;

	if (a->err != 0 || a->status != 200 || json_read(&v, a->body, NULL) != 0 ||
	    (url = json_get_str(v, "StreamUrl")) == NULL)
		die("StartSession", a->why);
	p->client_token = xstrdup(json_get_str(v, "TokenValue"));
	ws_open(p->l->http,
	    &(struct http_request){ .method = "GET", .url = url, .timeout_ms = 20000 },
	    &data_options, on_client, p);
}

/* --- the node --------------------------------------------------------------------- */

/* The session's client and agent ends need not be of the same pair: all do the same. */
static void
on_order(void *arg, const struct agentmsg *m)
{
	struct load *l = arg;
	struct control_shell order;
	auto_arena mem = { 0 };
	auto_buf body = { .max = CONTROL_CREATE_MAX };
	struct pair *p = l->pairs;

	if (!agentmsg_is(m, MSG_INTERACTIVE_SHELL) ||
	    control_shell_parse(&order, &mem, m->payload, NULL) != 0)
		return;
	while (p->id[0] != '\0')
		p++;
	if (str_copy(p->id, sizeof(p->id), order.session_id) != 0)
		die(order.session_id, "is no session id");
	control_create_build(&body,
	    &(struct control_create){
		.request_id = "00000000-0000-4000-8000-000000000000",
		.client_id = "",
		.data = true });
	agent_aws_post(l->aws,
	    &(struct agent_request){ .service = "ssmmessages",
		.path = arena_printf(&mem, "/v1/data-channel/%s", p->id),
		.body = buf_span(&body),
		.auth = AGENT_AUTH_KEYS },
	    on_created, p);
}

static void
on_online(void *arg)
{
	struct load *l = arg;

	for (size_t i = 0; i < l->npairs; i++) {
		l->pairs[i].l = l;
		agent_aws_post(l->aws,
		    &(struct agent_request){ .service = "ssm",
			.path = "/",
			.target = "AmazonSSM.StartSession",
			.body = SPAN("{\"Target\":\"" NODE "\"}"),
			.auth = AGENT_AUTH_KEYS },
		    on_started, &l->pairs[i]);
	}
}

static void
on_offline(void *arg, const char *why, bool denied)
{
	(void)arg, (void)denied;
	die("control channel", why);
}

static void
on_heartbeat(void *arg, const char *why, bool denied)
{
	struct load *l = arg;

	(void)denied;
	if (*why != '\0')
		die("UpdateInstanceInformation", why);
	if (l->control != NULL)
		return;
	l->control = agent_control_new(l->loop, l->aws,
	    &(struct agent_control_options){ .node_id = NODE,
		.opened = on_online,
		.lost = on_offline,
		.message = on_order,
		.arg = l });
	agent_control_start(l->control);
}

static void
make_message(struct load *l)
{
	auto_free uint8_t *payload = xcalloc(1, l->payload);
	struct agentmsg m = { .type = MSG_OUTPUT_STREAM,
		.created_ms = (uint64_t)ev_wall_ms(l->loop),
		.payload_type = PAYLOAD_OUTPUT,
		.payload = span_of(payload, l->payload) };

	l->msg.max = AGENTMSG_HEAD + l->payload;
	agentmsg_encode(&l->msg, &m);
}

static void
run(struct load *l, const char *endpoint, const char *ca_file, const char *region)
{
	struct tls_ctx *tls;
	struct fault f = { 0 };

	if (tls_client_new(&tls, ca_file, &f) != 0)
		die(ca_file, fault_text(&f));
	l->loop = ev_loop_new();
	l->http = http_client_new(l->loop, tls, NULL, NULL);
	l->aws = agent_aws_new(l->loop,
	    &(struct agent_aws_options){
		.endpoint = endpoint, .region = region, .node_id = NODE, .tls = tls });
	agent_aws_set_keys(l->aws, &l->keys);
	l->pairs = xcalloc(l->npairs, sizeof(*l->pairs));
	make_message(l);
	l->heartbeat = agent_heartbeat_new(l->loop, l->aws,
	    &(struct agent_heartbeat_options){
		.node_id = NODE, .outcome = on_heartbeat, .arg = l });
	agent_heartbeat_start(l->heartbeat);
	ev_run(l->loop);
}

int
main(int argc, char **argv)
{
	struct load l = { .keys = { getenv("AWS_ACCESS_KEY_ID"),
			      getenv("AWS_SECRET_ACCESS_KEY"), NULL } };
	int64_t sessions, bytes;

	if (argc != 8 || l.keys.access_key == NULL || l.keys.secret == NULL ||
	    num_parse(span_str(argv[4]), 1, SESSIONS_MAX, &sessions) != 0 ||
	    num_parse(span_str(argv[5]), 1, 1 << 16, &bytes) != 0 ||
	    num_parse(span_str(argv[6]), 1, 60, &l.seconds) != 0 ||
	    num_parse(span_str(argv[7]), 1, INT32_MAX, &l.pid) != 0) {
		fprintf(stderr,
		    "usage: load_relay ENDPOINT CA_FILE REGION SESSIONS BYTES SECONDS "
		    "SERVER_PID\n"
		    "with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY\n");
		return 2;
	}
	l.npairs = (size_t)sessions;
	l.payload = (size_t)bytes;
	alarm(LIMIT_S);
	crypto_init();
	log_setup(LOG_WARN, LOG_FORMAT_TEXT, "load_relay");
	run(&l, argv[1], argv[2], argv[3]);
	return 1;
}
