/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many idle agents: each registers, fetches credentials, opens the control channel and
 * stays, with a node id and a TLS connection of its own; nothing of the protocol is left out.
 *
 *	load_agents ENDPOINT CA_FILE REGION COUNT SECONDS {ACTIVATION_ID ACTIVATION_CODE}...
 *
 * One activation for each thousand.  Prints "online N" when all are there, holds them for
 * SECONDS and prints how many are still connected.  All nodes share one RSA key: making ten
 * thousand would measure something else.
 */
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "codec/json.h"
#include "codec/jsonw.h"
#include "crypto/crypto.h"
#include "net/http_client.h"
#include "proto/control.h"
#include "proto/sigv4.h"

enum { AT_ONCE = 32, PING_MS = 54 * 1000, REGISTRATIONS = 1000 /* of an activation */ };

struct load {
	struct ev_loop *loop;
	struct http_client *http;
	struct rsa_key *key;
	const char *endpoint, *region;
	char **activations; /* id, code, id, code ... */
	char host[300];
	struct buf public_key;
	struct node *nodes;
	size_t count, started, online, lost, failed;
	uint64_t hold_ms, began_ms;
	struct ev_timer hold;
};

struct node {
	struct load *l;
	char id[24];
	char *access_key, *secret, *token;
	struct wsconn *ws;
};

static void next_node(struct load *l);

/* --- signed posts ------------------------------------------------------------------ */

struct post {
	const char *path, *target, *service; /* service NULL: the node's key signs */
	struct span body;
	bool is_signed;
};

static void
post(struct node *n, const struct post *p, http_done_cb *cb)
{
	struct load *l = n->l;
	auto_arena mem = { 0 };
	char date[TIME_AMZ_LEN + 1];
	char *authorization = NULL;
	struct sigv4_header sh[3] = { { SPAN("Host"), span_str(l->host) },
		{ SPAN("Content-Type"), SPAN("application/x-amz-json-1.1") },
		{ SPAN("X-Amz-Target"), span_str(p->target) } };
	struct sigv4_request r = { .method = "POST",
		.path = span_str(p->path),
		.headers = sh,
		.nheaders = p->target != NULL ? 3 : 2,
		.body = p->body };
	struct sigv4_credentials c = { n->access_key, n->secret, n->token };
	struct http_header h[5] = { { "Content-Type", "application/x-amz-json-1.1" } };
	size_t nh = 1;
	int err = 0;

	time_amz(date, ev_wall_ms(l->loop));
	if (p->target != NULL)
		h[nh++] = (struct http_header){ "X-Amz-Target", p->target };
	if (p->is_signed) {
		err = p->service != NULL ? sigv4_sign(&authorization, &r, &c, l->region,
					       p->service, date, &mem)
					 : sigv4_sign_rsa(&authorization, &r, n->id,
					       l->key, l->region, date, &mem);
		h[nh++] = (struct http_header){ "X-Amz-Date", date };
		h[nh++] = (struct http_header){ "Authorization", authorization };
		if (p->service != NULL)
			h[nh++] =
			    (struct http_header){ "X-Amz-Security-Token", n->token };
	}
	assert(err == 0);
	http_call(l->http,
	    &(struct http_request){
		.method = "POST",
		.url = arena_printf(&mem, "%s%s", l->endpoint, p->path),
		.headers = h,
		.nheaders = nh,
		.body = p->body,
		.timeout_ms = 60 * 1000,
	    },
	    cb, n);
}

static void
give_up(struct node *n, const char *step, const struct http_response *r, const char *why)
{
	if (n->l->failed++ == 0)
		fprintf(stderr, "%s failed: %d %s %.*s\n", step,
		    r != NULL ? r->status : 0, why,
		    r != NULL ? (int)MIN(r->body.n, 300) : 0,
		    r != NULL ? (char *)r->body.p : "");
	next_node(n->l);
}

/* --- the control channel --------------------------------------------------------------
 */

static void
report(void *arg)
{
	struct load *l = arg;

	printf("still %zu\n", l->online - l->lost);
	fflush(stdout);
	ev_stop(l->loop);
}

static void
all_there(struct load *l)
{
	printf("online %zu failed %zu seconds %.1f\n", l->online, l->failed,
	    (double)(ev_now_ms(l->loop) - l->began_ms) / 1000);
	fflush(stdout);
	ev_timer_set(l->loop, &l->hold, l->hold_ms, report, l);
}

static void
on_message(void *arg, uint8_t op, struct span body)
{
	(void)arg;
	(void)op;
	(void)body;
}

static void
on_close(void *arg, int err, uint16_t code)
{
	struct node *n = arg;

	(void)code;
	if (n->l->lost++ == 0)
		fprintf(stderr, "first channel lost: %s\n", err_text(err));
	wsconn_close(STEAL(n->ws), 0);
}

static const struct wsconn_handler handler = { .on_message = on_message,
	.on_close = on_close };

static void
on_upgraded(void *arg, struct wsconn *ws, int err, int status, const char *why)
{
	struct node *n = arg;
	auto_buf text = { .max = CONTROL_OPEN_MAX };

	if (err != 0) {
		fprintf(stderr, "upgrade failed: %d %s\n", status, why);
		n->l->failed++;
		next_node(n->l);
		return;
	}
	n->ws = ws;
	wsconn_set_handler(ws, &handler, n);
	control_open_control_build(&text,
	    &(struct control_open_control){
		.request_id = "00000000-0000-4000-8000-000000000000",
		.token = n->token,
		.agent_version = "3.3.987.0",
		.platform_type = "linux" });
	if (wsconn_send(ws, WS_TEXT, buf_span(&text)) != 0)
		n->l->failed++;
	else
		n->l->online++;
	next_node(n->l);
}

static void
open_channel(struct node *n, const char *channel_token)
{
	static const struct wsconn_options o = { .message_max = 1 << 20,
		.ping_ms = PING_MS };
	struct load *l = n->l;
	auto_arena mem = { 0 };
	char date[TIME_AMZ_LEN + 1];
	char *authorization;
	struct sigv4_header sh[1] = { { SPAN("Host"), span_str(l->host) } };
	const char *path = arena_printf(&mem, "/v1/control-channel/%s", n->id);
	struct sigv4_request r = { .method = "GET",
		.path = span_str(path),
		.query = SPAN("role=subscribe&stream=input"),
		.headers = sh,
		.nheaders = 1 };
	struct sigv4_credentials c = { n->access_key, n->secret, n->token };
	int err;

	time_amz(date, ev_wall_ms(l->loop));
	err = sigv4_sign(&authorization, &r, &c, l->region, "ssmmessages", date, &mem);
	assert(err == 0);
	ws_open(l->http,
	    &(struct http_request){
		.method = "GET",
		.url = arena_printf(
		    &mem, "%s%s?role=subscribe&stream=input", l->endpoint, path),
		.headers = (struct http_header[]){ { "X-Amz-Date", date },
		    { "Authorization", authorization },
		    { "X-Amz-Security-Token", n->token } },
		.nheaders = 3,
		.timeout_ms = 60 * 1000,
	    },
	    &o, on_upgraded, n);
	free(n->token);
	n->token = xstrdup(channel_token);
}

static void
on_channel(void *arg, const struct http_response *r, int err, const char *why)
{
	struct node *n = arg;
	auto_arena mem = { 0 };
	const char *token;

	if (err != 0 || r->status != 201 ||
	    control_created_parse(&token, &mem, r->body) != 0)
		give_up(n, "CreateControlChannel", r, why);
	else
		open_channel(n, token);
}

/* --- registration
 * ------------------------------------------------------------------------ */

static void
on_role_token(void *arg, const struct http_response *r, int err, const char *why)
{
	struct node *n = arg;
	auto_json *o = NULL;
	auto_arena mem = { 0 };
	auto_buf body = { .max = 4096 };

	if (err != 0 || r->status != 200 || json_read(&o, r->body, NULL) != 0) {
		give_up(n, "RequestManagedInstanceRoleToken", r, why);
		return;
	}
	n->access_key = xstrdup(json_get_str(o, "AccessKeyId"));
	n->secret = xstrdup(json_get_str(o, "SecretAccessKey"));
	n->token = xstrdup(json_get_str(o, "SessionToken"));
	control_create_build(&body,
	    &(struct control_create){
		.request_id = "00000000-0000-4000-8000-000000000000" });
	post(n,
	    &(struct post){ .path = arena_printf(&mem, "/v1/control-channel/%s", n->id),
		.service = "ssmmessages",
		.body = buf_span(&body),
		.is_signed = true },
	    on_channel);
}

static void
on_registered(void *arg, const struct http_response *r, int err, const char *why)
{
	struct node *n = arg;
	auto_json *o = NULL;
	const char *id;

	if (err != 0 || r->status != 200 || json_read(&o, r->body, NULL) != 0 ||
	    (id = json_get_str(o, "InstanceId")) == NULL ||
	    str_copy(n->id, sizeof(n->id), id) != 0) {
		give_up(n, "RegisterManagedInstance", r, why);
		return;
	}
	post(n,
	    &(struct post){ .path = "/",
		.target = "AmazonSSM.RequestManagedInstanceRoleToken",
		.body = SPAN("{\"Fingerprint\":\"load\"}"),
		.is_signed = true },
	    on_role_token);
}

static void
next_node(struct load *l)
{
	auto_buf body = { .max = 4096 };
	struct jsonw w;
	struct node *n;
	char **activation;

	if (l->online + l->failed == l->count)
		all_there(l);
	if (l->started == l->count)
		return;
	activation = l->activations + l->started / REGISTRATIONS * 2;
	n = &l->nodes[l->started++];
	n->l = l;
	jw_init(&w, &body);
	jw_open(&w, '{');
	jw_field_str(&w, "ActivationCode", activation[1]);
	jw_field_str(&w, "ActivationId", activation[0]);
	jw_field_str(&w, "Fingerprint", "load");
	jw_key(&w, "PublicKey");
	jw_span(&w, buf_span(&l->public_key));
	jw_field_str(&w, "PublicKeyType", "Rsa");
	jw_close(&w, '}');
	post(n,
	    &(struct post){ .path = "/",
		.target = "AmazonSSM.RegisterManagedInstance",
		.body = buf_span(&body) },
	    on_registered);
}

int
main(int argc, char **argv)
{
	struct load l = { 0 };
	struct tls_ctx *tls;
	struct fault f = { 0 };
	struct rlimit lim;
	int64_t count, seconds;

	if (argc < 8 || num_parse(span_str(argv[4]), 1, 100000, &count) != 0 ||
	    num_parse(span_str(argv[5]), 0, 86400, &seconds) != 0 ||
	    count > (argc - 6) / 2 * REGISTRATIONS) {
		fprintf(stderr,
		    "usage: load_agents ENDPOINT CA_FILE REGION COUNT SECONDS "
		    "{ACTIVATION_ID ACTIVATION_CODE}...\n"
		    "one activation for each thousand\n");
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
	}
	crypto_init();
	log_setup(LOG_WARN, LOG_FORMAT_TEXT, "load_agents");
	l = (struct load){ .loop = ev_loop_new(),
		.endpoint = argv[1],
		.region = argv[3],
		.activations = argv + 6,
		.count = (size_t)count,
		.hold_ms = (uint64_t)seconds * 1000 };
	buf_init(&l.public_key, 4096);
	if (tls_client_new(&tls, argv[2], &f) != 0 || rsa_generate(&l.key, &f) != 0 ||
	    http_host_of(l.host, sizeof(l.host), l.endpoint, &f) != 0) {
		fprintf(stderr, "%s\n", fault_text(&f));
		return 1;
	}
	rsa_store_public(l.key, &l.public_key);
	l.http = http_client_new(l.loop, tls, NULL, NULL);
	l.nodes = xcalloc(l.count, sizeof(*l.nodes));
	l.began_ms = ev_now_ms(l.loop);
	for (size_t i = 0; i < MIN(l.count, AT_ONCE); i++)
		next_node(&l);
	ev_run(l.loop);
	return l.failed == 0 ? 0 : 1;
}
