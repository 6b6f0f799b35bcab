/* SPDX-License-Identifier: Apache-2.0 */
/* See world.h. */
#include "world_int.h"

#include "agent/files.h"
#include "codec/json.h"
#include "codec/jsonw.h"
#include "crypto/crypto.h"
#include "proto/sigv4.h"

#define NODE_ID "mi-0123456789abcdef0"

const char world_document[] =
    "{\"schemaVersion\":\"1.0\",\"sessionType\":\"Standard_Stream\",\"inputs\":{}}";

/* --- the control channel ---------------------------------------------------- */

static struct control_head
new_head(struct world *w)
{
	struct control_head h = { .created_ms = (uint64_t)ev_wall_ms(w->server) };

	ev_random(w->server, h.id, sizeof(h.id));
	return h;
}

static void
on_task(struct world *w, const struct agentmsg *m)
{
	struct control_head head = new_head(w);
	struct control_task_complete t;
	auto_arena mem = { 0 };
	auto_buf b = { 0 };
	char id[37];

	assert_int_equal(control_task_complete_parse(&t, &mem, m->payload, NULL), 0);
	w->tasks++;
	w->task_seen = true;
	memcpy(w->task_message, m->id, sizeof(w->task_message));
	(void)snprintf(w->task_id, sizeof(w->task_id), "%s", t.task_id);
	(void)snprintf(w->task_status, sizeof(w->task_status), "%s", t.status);
	(void)snprintf(w->task_output, sizeof(w->task_output), "%s", t.output);
	if (!w->ack_tasks)
		return;
	buf_init(&b, CONTROL_MESSAGE_MAX);
	agentmsg_id_format(id, m->id);
	control_task_ack_build(&b, &head,
	    &(struct control_task_ack){ .message_id = id, .task_id = t.task_id });
	assert_int_equal(wsconn_send(w->control, WS_BINARY, buf_span(&b)), 0);
}

static void
on_control_message(void *arg, uint8_t op, struct span body)
{
	struct world *w = arg;
	struct agentmsg m;

	if (op == WS_TEXT) {
		(void)snprintf(
		    w->open_frame, sizeof(w->open_frame), SPAN_FMT, SPAN_ARG(body));
		w->online = true;
		return;
	}
	assert_int_equal(agentmsg_decode(&m, body), 0);
	if (agentmsg_is(&m, MSG_TASK_COMPLETE))
		on_task(w, &m);
}

static void
on_control_close(void *arg, int err, uint16_t code)
{
	struct world *w = arg;

	(void)err;
	(void)code;
	wsconn_close(STEAL(w->control), 0);
	w->online = false;
}

static const struct wsconn_handler control_handler = {
	.on_message = on_control_message,
	.on_close = on_control_close,
};

static void
control_upgrade(struct world *w, struct http_req *r)
{
	if (w->control != NULL)
		wsconn_close(w->control, WS_CLOSE_GOING_AWAY);
	w->online = false;
	w->control = http_upgrade(r, &world_ws, &control_handler, w);
	assert_non_null(w->control);
	w->controls++;
}

void
world_send_control(struct world *w, const char *type, const char *payload)
{
	struct control_head h = new_head(w);
	struct agentmsg m = { .created_ms = h.created_ms, .payload = span_str(payload) };
	auto_buf b = { 0 };

	buf_init(&b, CONTROL_MESSAGE_MAX);
	memcpy(m.id, h.id, sizeof(m.id));
	(void)snprintf(m.type, sizeof(m.type), "%s", type);
	agentmsg_encode(&b, &m);
	assert_int_equal(wsconn_send(w->control, WS_BINARY, buf_span(&b)), 0);
}

void
world_order_raw(struct world *w, const char *id, const char *document,
    const char *parameters, const char *run_as)
{
	struct control_head head = new_head(w);
	auto_buf b = { 0 };

	buf_init(&b, CONTROL_MESSAGE_MAX);
	control_shell_build(&b, &head,
	    &(struct control_shell){
		.document_name = "SSM-SessionManagerRunShell",
		.document_content = span_str(document),
		.session_id = id,
		.parameters = span_str(parameters),
		.run_as_user = run_as,
		.session_owner = "arn:aws:iam::000000000000:user/alice",
	    });
	assert_int_equal(buf_check(&b), 0);
	assert_int_equal(wsconn_send(w->control, WS_BINARY, buf_span(&b)), 0);
}

struct talk *
world_order(struct world *w, const char *id, const char *document)
{
	struct talk *t = world_talk(w, id);

	t->size = (struct term_size){ .cols = 100, .rows = 30 };
	world_order_raw(w, id, document != NULL ? document : world_document, "{}", "");
	return t;
}

struct talk *
world_prompt(struct world *w, const char *id, bool own)
{
	struct talk *t = world_talk(w, id);

	t->own = own;
	world_order(w, id, NULL);
	assert_true(talk_expect(t, "$ ", 10000));
	return t;
}

void
world_close_session(struct world *w, const char *id)
{
	struct control_head head = new_head(w);
	auto_buf b = { 0 };

	buf_init(&b, CONTROL_MESSAGE_MAX);
	control_closed_build(&b, &head,
	    &(struct control_closed){ .destination_id = NODE_ID, .session_id = id });
	assert_int_equal(wsconn_send(w->control, WS_BINARY, buf_span(&b)), 0);
}

/* --- the API ---------------------------------------------------------------- */

static void
reply_json(struct http_req *r, int status, const char *body)
{
	http_reply(r, status, "application/x-amz-json-1.1", span_str(body));
}

static bool
signed_with_known_key(struct world *w, struct http_req *r)
{
	struct sigv4_header headers[HTTP1_HEADERS_MAX];
	struct sigv4_request q = { .method = "POST",
		.path = r->path,
		.headers = headers,
		.nheaders = r->head->nheaders,
		.body = r->body };
	enum sigv4_reason why;
	struct sigv4_auth a;
	struct rsa_key *key;
	bool good;

	for (size_t i = 0; i < q.nheaders; i++)
		headers[i] = (struct sigv4_header){ r->head->headers[i].name,
			r->head->headers[i].value };
	assert_int_equal(rsa_load_public(&key, buf_span(&w->known_key), NULL), 0);
	good = sigv4_parse(&a, &q, &r->mem, &why, NULL) == 0 &&
	    sigv4_verify_rsa(&a, &q, key, &r->mem, &why) == 0;
	rsa_free(key);
	return good;
}

static void
on_rotate(struct world *w, struct http_req *r)
{
	auto_json *v = NULL;

	assert_true(signed_with_known_key(w, r)); /* with the old one */
	assert_int_equal(json_read(&v, r->body, NULL), 0);
	w->rotations++;
	if (w->rotate_status == 0) {
		buf_reset(&w->known_key);
		buf_add_str(&w->known_key, json_get_str(v, "NewPublicKey"));
	}
	reply_json(r,
	    w->forget_answer            ? 500
		: w->rotate_status != 0 ? w->rotate_status
					: 200,
	    "{}");
}

static void
on_token(struct world *w, struct http_req *r)
{
	char body[400];

	if (w->check_key && !signed_with_known_key(w, r)) {
		reply_json(r, 400, "{\"__type\":\"InvalidSignatureException\"}");
		return;
	}
	w->tokens++;
	(void)snprintf(body, sizeof(body),
	    "{\"AccessKeyId\":\"ASIA%016u\",\"SecretAccessKey\":\"secret\","
	    "\"SessionToken\":\"token\",\"TokenExpirationDate\":%lld.0,"
	    "\"UpdateKeyPair\":%s}",
	    w->tokens, (long long)(ev_wall_ms(w->server) / 1000 + w->token_life_s),
	    w->want_new_key ? "true" : "false");
	w->want_new_key = false;
	reply_json(r, w->token_status != 0 ? w->token_status : 200,
	    w->token_body != NULL ? w->token_body : body);
}

static void
on_beat(struct world *w, struct http_req *r)
{
	struct buf *b = w->beats++ == 0 ? &w->first_beat : &w->last_beat;

	buf_reset(b);
	buf_add(b, r->body);
	reply_json(r, w->beat_status != 0 ? w->beat_status : 200, "{}");
}

static void
reply_token(struct http_req *r, bool data, int status, const char *body)
{
	auto_buf xml = { 0 };

	buf_init(&xml, 4096);
	control_created_build(&xml, data, "opaque");
	http_reply(r, status != 0 ? status : 201, "application/xml",
	    body != NULL ? span_str(body) : buf_span(&xml));
}

static void
on_post(struct world *w, struct http_req *r)
{
	struct span target = http1_get(r->head, "X-Amz-Target");

	/* agent-protocol 11: bodies without chunks; every call is signed. */
	assert_false(r->head->chunked);
	assert_true(
	    span_starts(http1_get(r->head, "Authorization"), "AWS4-HMAC-SHA256 "));
	if (span_eq_str(target, "AmazonSSM.RequestManagedInstanceRoleToken")) {
		on_token(w, r);
	} else if (span_eq_str(target, "AmazonSSM.UpdateManagedInstancePublicKey")) {
		on_rotate(w, r);
	} else if (span_eq_str(target, "AmazonSSM.UpdateInstanceInformation")) {
		on_beat(w, r);
	} else if (span_starts(r->path, "/v1/control-channel/")) {
		if (w->creates < WORLD_CALLS)
			w->call_ms[w->creates] = sim_now_ms(w->sim);
		w->creates++;
		reply_token(r, false, w->create_status, w->create_body);
	} else if (span_starts(r->path, "/v1/data-channel/")) {
		w->data_creates++;
		reply_token(r, true, w->data_status, w->data_body);
	} else {
		reply_json(r, 400, "{\"__type\":\"UnknownOperationException\"}");
	}
}

static void
on_request(void *arg, struct http_req *r)
{
	struct world *w = arg;
	struct span id;
	char text[97];

	if (strcmp(r->head->method, "POST") == 0) {
		on_post(w, r);
	} else if (span_starts(r->path, "/v1/control-channel/")) {
		assert_true(span_eq_str(r->query, "role=subscribe&stream=input"));
		control_upgrade(w, r);
	} else {
		assert_true(span_eq_str(r->query, "role=publish_subscribe"));
		id = span_sub(r->path, strlen("/v1/data-channel/"), r->path.n);
		assert_int_equal(span_copy(text, sizeof(text), id), 0);
		world_data_upgrade(w, r, text);
	}
}

/* --- life --------------------------------------------------------------------- */

static void
drop_channels(struct world *w)
{
	if (w->control != NULL)
		wsconn_close(STEAL(w->control), 0);
	w->online = false;
	for (size_t i = 0; i < w->ntalks; i++)
		if (w->talks[i].ws != NULL)
			talk_cut(&w->talks[i]);
}

void
world_server_up(struct world *w, bool up)
{
	struct fault f = { 0 };

	if (up == (w->http != NULL))
		return;
	if (up) {
		assert_int_equal(http_server_new(&w->http, w->server, "", WORLD_PORT,
				     NULL, &http_limits_default, on_request, w, &f),
		    0);
		return;
	}
	drop_channels(w);
	http_server_free(STEAL(w->http));
}

static void
fake_platform(struct agent_platform *p)
{
	*p = (struct agent_platform){ .name = "Debian GNU/Linux",
		.version = "12",
		.computer = "node.example",
		.ip = "192.0.2.7" };
}

/* One key pair for all tests: making one takes longer than most of them. */
static void
take_test_key(struct world *w)
{
	static char private[4096], public[1024];
	struct rsa_key *pair;

	if (private[0] == '\0') {
		auto_buf a = { 0 }, b = { 0 };

		buf_init(&a, sizeof(private) - 1);
		buf_init(&b, sizeof(public) - 1);
		assert_int_equal(rsa_generate(&pair, NULL), 0);
		rsa_store_private(pair, &a);
		rsa_store_public(pair, &b);
		rsa_free(pair);
		assert_int_equal(str_copy(private, sizeof(private), buf_cstr(&a)), 0);
		assert_int_equal(str_copy(public, sizeof(public), buf_cstr(&b)), 0);
	}
	buf_add_str(&w->saved_key, private);
	buf_add_str(&w->known_key, public);
}

static struct world_options options;

void
world_start_agent(struct world *w)
{
	static const struct agent_user_policy nobody = { false, "" };
	struct fault f = { 0 };
	struct agent_options o = {
		.node_id = NODE_ID,
		.endpoint = "http://server:8443",
		.region = "eu-north-1",
		.credentials = { .fingerprint = "41eab5d0-175f-45df-9358-cbc9fa356c94",
		    .access_key = "AKIA0000000000000000",
		    .secret_key = "secret",
		    .saved = buf_span(&w->saved) },
		.spawner = w->spawner,
		.policy = options.policy != NULL ? *options.policy : nobody,
		.platform = fake_platform,
	};

	if (options.activation) {
		o.credentials.access_key = "";
		o.credentials.key = buf_span(&w->saved_key);
		o.credentials.new_key = buf_span(&w->saved_new_key);
	}
	assert_int_equal(agent_new(&w->agent, w->node, &o, &f), 0);
}

void
world_stop_agent(struct world *w)
{
	agent_free(STEAL(w->agent));
}

/* What agents want kept stays in the world. */
static struct world *current;
static const struct spawner_ops *real_ops;
static struct spawner_ops ops;

static int
keep(struct spawner *sp, const char *name, struct span content, struct fault *f)
{
	(void)sp;
	(void)f;
	struct buf *b = NULL;

	if (strcmp(name, FILE_CREDENTIALS) == 0)
		b = &current->saved;
	if (strcmp(name, FILE_NODE_KEY) == 0)
		b = &current->saved_key;
	if (strcmp(name, FILE_NODE_KEY_NEW) == 0)
		b = &current->saved_new_key;
	if (b != NULL) {
		buf_reset(b);
		buf_add(b, content);
	}
	return 0;
}

void
world_init(struct world *w, const struct world_options *o)
{
	*w = (struct world){ .token_life_s = 3600, .ack_tasks = true };
	options = *o;
	current = w;
	crypto_init();
	buf_init(&w->first_beat, 16384);
	buf_init(&w->last_beat, 16384);
	buf_init(&w->saved, 16384);
	buf_init(&w->saved_key, 16384);
	buf_init(&w->saved_new_key, 16384);
	buf_init(&w->known_key, 16384);
	if (o->activation)
		take_test_key(w);
	w->sim = sim_new(&(struct sim_options){ .seed = o->seed,
	    .latency_min_ms = 1,
	    .latency_max_ms = 5,
	    .segment_max = o->segment_max,
	    .cut_per_million = o->cut_per_million,
	    .wall_start_ms = 1795226972537 });
	w->server = sim_host(w->sim, "server");
	w->node = sim_host(w->sim, "node");
	sim_register(w->sim, "/bin/toy", &world_toy);
	sim_register(w->sim, "/bin/sh", &world_toy);
	w->user =
	    (struct agent_user){ .name = "alice", .home = "/", .shell = "/bin/toy" };
	w->spawner = spawner_local_new(
	    w->node, &(struct spawner_local_options){ .user = &w->user });
	real_ops = w->spawner->ops;
	ops = *real_ops;
	ops.save = keep;
	w->spawner->ops = &ops;
	world_server_up(w, true);
}

void
world_fini(struct world *w)
{
	if (w->agent != NULL)
		world_stop_agent(w);
	spawner_free(w->spawner);
	world_server_up(w, false);
	for (size_t i = 0; i < w->ntalks; i++) {
		struct talk *t = &w->talks[i];

		ev_timer_clear(&t->tick);
		channel_free(t->ch);
		buf_fini(&t->out);
		buf_fini(&t->err);
		buf_fini(&t->log);
		buf_fini(&t->reports);
	}
	ev_loop_free(w->node);
	ev_loop_free(w->server);
	sim_free(w->sim);
	buf_fini(&w->first_beat);
	buf_fini(&w->last_beat);
	buf_fini(&w->saved);
	buf_fini(&w->saved_key);
	buf_fini(&w->saved_new_key);
	buf_fini(&w->known_key);
}

bool
world_until(struct world *w, const bool *flag, uint64_t ms)
{
	return sim_run_until(w->sim, flag, ms);
}

void
world_run(struct world *w, uint64_t ms)
{
	sim_run_for(w->sim, ms);
}

bool
world_online(struct world *w)
{
	world_start_agent(w);
	return world_until(w, &w->online, 60000);
}
