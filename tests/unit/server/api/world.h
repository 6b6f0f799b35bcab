/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole server in a simulated world and a client that signs: one call is one line.
 *
 *	world_up(&w);
 *	call(&w, "AmazonSSM.DescribeSessions", "{\"State\":\"Active\"}");
 *	expect_error(&w, "InvalidNextToken", NULL);
 *	world_down(&w);
 */
#pragma once

#include "unit/check.h"

#include "base/text.h"
#include "codec/http1.h"
#include "codec/json.h"
#include "codec/uri.h"
#include "codec/xmlw.h"
#include "crypto/crypto.h"
#include "ev/sim.h"
#include "net/http_client.h"
#include "proto/sigv4.h"
#include "server/authn.h"
#include "server/domain/identity.h"
#include "server/domain/session.h"
#include "server/env.h"
#include "server/server.h"

#define REGION "eu-north-1"
#define HOST   "server:8443"

/* Whose credentials sign; access_key NULL: nobody's. */
struct signer {
	const char *access_key, *secret, *token;
	const char *node_id; /* with key: the RSA variant */
	struct rsa_key *key;
};

struct world {
	struct sim_world *sim;
	struct ev_loop *server_loop, *client_loop;
	struct store *store;
	struct config config;
	struct server *server;
	struct http_client *http;
	struct account_made account;
	struct signer admin;
	struct node_link links[8];
	size_t nlinks;
	struct arena mem; /* of the whole test */

	/* the last answer */
	int status;
	json_t *json; /* NULL when it is none */
	char *body;
	char *error_type; /* x-amzn-ErrorType, or NULL */
	char *request_id;
	bool done;
	int err;
};

static inline void
server_start(struct world *w)
{
	struct fault f = { 0 };

	if (server_new(&w->server, w->server_loop, w->store, &w->config, &f) != 0)
		fail_msg("server_new: %s", f.text);
}

static inline void
world_up(struct world *w)
{
	struct sim_options o = { .seed = 1, .wall_start_ms = 1795225285000 };
	struct fault f = { 0 };

	crypto_init();
	*w = (struct world){ 0 };
	log_setup(LOG_ERROR, LOG_FORMAT_TEXT, "test");
	arena_init(&w->mem);
	w->sim = sim_new(&o);
	w->server_loop = sim_host(w->sim, "server");
	w->client_loop = sim_host(w->sim, "client");
	config_init(&w->config);
	w->config.tls = false;
	assert_int_equal(store_open(&w->store, w->server_loop, ":memory:", &f), 0);
	account_draw(w->server_loop, &w->account);
	assert_int_equal(account_init(w->store, w->server_loop, &w->account, &f), 0);
	server_start(w);
	w->http = http_client_new(w->client_loop, NULL, NULL, NULL);
	w->admin = (struct signer){ .access_key = w->account.access_key,
		.secret = w->account.secret };
}

static inline void
answer_clear(struct world *w)
{
	json_decref(w->json);
	free(w->body);
	free(w->error_type);
	free(w->request_id);
	w->json = NULL;
	w->body = w->error_type = w->request_id = NULL;
	w->done = false;
	w->status = w->err = 0;
}

static inline void
world_down(struct world *w)
{
	answer_clear(w);
	http_client_free(w->http);
	server_close(w->server);
	store_close(w->store);
	server_free(w->server);
	config_fini(&w->config);
	ev_loop_free(w->client_loop);
	ev_loop_free(w->server_loop);
	sim_free(w->sim);
	arena_fini(&w->mem);
}

static inline char *
header_dup(const struct http_response *r, const char *name)
{
	struct span s = http1_get(r->head, name);

	return s.p != NULL ? span_dup(s) : NULL;
}

static inline void
on_answer(void *arg, const struct http_response *r, int err, const char *why)
{
	struct world *w = arg;

	w->done = true;
	w->err = err;
	if (err != 0) {
		print_error("call failed: %s\n", why);
		return;
	}
	w->status = r->status;
	w->body = span_dup(r->body);
	w->error_type = header_dup(r, "x-amzn-ErrorType");
	w->request_id = header_dup(r, "x-amzn-RequestId");
	w->json = json_loadb((const char *)r->body.p, r->body.n, JSON_DECODE_ANY, NULL);
}

/* One request as it is; at most 12 headers. */
struct raw {
	const char *method, *target;
	struct http_header headers[12];
	size_t nheaders;
	const char *body;
};

static inline void
raw_header(struct raw *q, const char *name, const char *value)
{
	assert_true(q->nheaders < ARRAY_LEN(q->headers));
	q->headers[q->nheaders++] = (struct http_header){ name, value };
}

static inline void
send_only(struct world *w, const struct raw *q)
{
	struct http_request r = {
		.method = q->method,
		.url = arena_printf(&w->mem, "http://" HOST "%s", q->target),
		.headers = q->headers,
		.nheaders = q->nheaders,
		.body = span_str(q->body),
		.timeout_ms = 60000,
	};

	answer_clear(w);
	http_call(w->http, &r, on_answer, w);
}

static inline void
send_raw(struct world *w, const struct raw *q)
{
	send_only(w, q);
	if (!sim_run_until(w->sim, &w->done, 60000))
		fail_msg("no answer");
	assert_int_equal(w->err, 0);
}

/* Adds the date, the token and the signature for a service. */
static inline void
sign(struct world *w, struct raw *q, const struct signer *s, const char *service)
{
	struct sigv4_header h[ARRAY_LEN(q->headers) + 1] = { { SPAN("Host"),
	    SPAN(HOST) } };
	struct sigv4_credentials c = { s->access_key, s->secret, s->token };
	struct sigv4_request r = {
		.method = q->method, .headers = h, .body = span_str(q->body)
	};
	char *date = arena_alloc(&w->mem, TIME_AMZ_LEN + 1), *authorization;

	time_amz(date, ev_wall_ms(w->client_loop));
	for (size_t i = 0; i < q->nheaders; i++)
		h[i + 1] = (struct sigv4_header){ span_str(q->headers[i].name),
			span_str(q->headers[i].value) };
	r.nheaders = q->nheaders + 1;
	uri_split_target(span_str(q->target), &r.path, &r.query);
	if (s->key != NULL)
		assert_int_equal(sigv4_sign_rsa(&authorization, &r, s->node_id, s->key,
				     REGION, date, &w->mem),
		    0);
	else
		assert_int_equal(
		    sigv4_sign(&authorization, &r, &c, REGION, service, date, &w->mem),
		    0);
	raw_header(q, "X-Amz-Date", date);
	if (s->token != NULL)
		raw_header(q, "X-Amz-Security-Token", s->token);
	raw_header(q, "Authorization", authorization);
}

static inline const char *
service_of(const char *target)
{
	if (strncmp(target, "Sallyport.", 10) == 0)
		return "sallyport";
	return strncmp(target, "EC2Windows", 10) == 0 ? "ec2messages" : "ssm";
}

/* A JSON call without waiting. */
static inline void
call_only(struct world *w, const struct signer *s, const char *target, const char *body)
{
	struct raw q = { .method = "POST", .target = "/", .body = body };

	raw_header(&q, "Content-Type", "application/x-amz-json-1.1");
	raw_header(&q, "X-Amz-Target", target);
	if (s != NULL)
		sign(w, &q, s, service_of(target));
	send_only(w, &q);
}

static inline void
call_as(struct world *w, const struct signer *s, const char *target, const char *body)
{
	call_only(w, s, target, body);
	if (!sim_run_until(w->sim, &w->done, 60000))
		fail_msg("no answer to %s", target);
	assert_int_equal(w->err, 0);
}

static inline void
ssm(struct world *w, const char *op, const char *body)
{
	call_as(w, &w->admin, arena_printf(&w->mem, "AmazonSSM.%s", op), body);
}

/* A Query call: form is what follows Action and Version. */
static inline void
query_as(struct world *w, const struct signer *s, const char *service,
    const char *version, const char *op, const char *form)
{
	struct raw q = { .method = "POST", .target = "/" };

	q.body = arena_printf(&w->mem, "Action=%s&Version=%s%s%s", op, version,
	    form[0] != '\0' ? "&" : "", form);
	raw_header(
	    &q, "Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
	if (s != NULL)
		sign(w, &q, s, service);
	send_raw(w, &q);
}

static inline void
ec2(struct world *w, const char *op, const char *form)
{
	query_as(w, &w->admin, "ec2", "2016-11-15", op, form);
}

static inline void
iam_as(struct world *w, const struct signer *s, const char *op, const char *form)
{
	query_as(w, s, "iam", "2010-05-08", op, form);
}

static inline void
iam(struct world *w, const char *op, const char *form)
{
	iam_as(w, &w->admin, op, form);
}

/* ---- looking at answers ---- */

static inline void
expect_ok(struct world *w)
{
	if (w->status != 200)
		fail_msg("status %d: %s", w->status, w->body);
	assert_non_null(w->request_id);
}

/* A JSON error; message NULL: any. */
static inline void
expect_error(struct world *w, const char *code, const char *message)
{
	const char *got = json_get_str(w->json, "__type");

	if (got == NULL || strcmp(got, code) != 0)
		fail_msg("wanted %s, got %d %s", code, w->status, w->body);
	assert_int_equal(w->status, strcmp(code, "InternalServerError") == 0 ? 500 : 400);
	assert_string_equal(w->error_type, code);
	if (message != NULL)
		check_text(span_str(json_get_str(w->json, "message")), message);
}

static inline bool
body_has(const struct world *w, const char *text)
{
	return strstr(w->body, text) != NULL;
}

/* An XML error: status, code, and message unless NULL. */
static inline void
expect_xml_error(struct world *w, int status, const char *code, const char *message)
{
	if (w->status != status ||
	    !body_has(w, arena_printf(&w->mem, "<Code>%s</Code>", code)))
		fail_msg("wanted %d %s, got %d %s", status, code, w->status, w->body);
	if (message != NULL &&
	    !body_has(w, arena_printf(&w->mem, "<Message>%s</Message>", message)))
		fail_msg("wanted \"%s\", got %s", message, w->body);
}

/* The text of the first element of an XML answer with this name. */
static inline const char *
element(struct world *w, const char *name)
{
	char text[8192];

	if (xml_find_text(text, sizeof(text), span_str(w->body), name) != 0)
		fail_msg("no %s in %s", name, w->body);
	return arena_strdup(&w->mem, text);
}

/* A text as a form carries it. */
static inline const char *
form_encoded(struct world *w, const char *text)
{
	auto_buf b;

	buf_init(&b, 3 * strlen(text) + 1);
	uri_encode(&b, span_str(text), false);
	return arena_strdup(&w->mem, buf_cstr(&b));
}

/* An element for a form: a Marker for the next page. */
static inline const char *
element_encoded(struct world *w, const char *name)
{
	return form_encoded(w, element(w, name));
}

static inline const char *
str(struct world *w, const char *member)
{
	const char *s = json_get_str(w->json, member);

	if (s == NULL)
		fail_msg("no %s in %s", member, w->body);
	return arena_strdup(&w->mem, s);
}

/* The members called "member" of all elements of a list, joined by commas. */
static inline const char *
each(struct world *w, const char *list, const char *member)
{
	json_t *a = json_get_arr(w->json, list), *e;
	const char *text = "";
	size_t i;

	assert_non_null(a);
	json_array_foreach(a, i, e)
	{
		const char *s = json_get_str(e, member);

		text = arena_printf(
		    &w->mem, "%s%s%s", text, i > 0 ? "," : "", s != NULL ? s : "-");
	}
	return text;
}

/* A TagList as key=value, joined by commas. */
static inline const char *
w_tags(struct world *w)
{
	json_t *a = json_get_arr(w->json, "TagList"), *e;
	const char *text = "";
	size_t i;

	json_array_foreach(a, i, e)
	{
		text = arena_printf(&w->mem, "%s%s%s=%s", text, i > 0 ? "," : "",
		    json_get_str(e, "Key"), json_get_str(e, "Value"));
	}
	return text;
}

/* ---- nodes ---- */

struct node {
	struct signer rsa; /* the node's own key */
	struct signer keys;
	const char *id;
};

static inline int
link_send(struct node_link *l, struct span msg)
{
	(void)l;
	(void)msg;
	return 0;
}

static inline void
link_drop(struct node_link *l, const char *why)
{
	(void)why;
	l->node_id[0] = '\0';
}

/* As if the node's control channel were open. */
static inline struct node_link *
node_connect(struct world *w, const char *id)
{
	struct node_link *l = &w->links[w->nlinks++];

	assert_true(w->nlinks <= ARRAY_LEN(w->links));
	*l = (struct node_link){ .send = link_send, .drop = link_drop };
	assert_int_equal(str_copy(l->node_id, sizeof(l->node_id), id), 0);
	node_attach(server_env(w->server)->nodes, l);
	return l;
}

/* An activation with these extra members (JSON, beginning with a comma, or ""). */
static inline void
activate(struct world *w, const char *more, const char **id, const char **code)
{
	ssm(w, "CreateActivation",
	    arena_printf(&w->mem, "{\"IamRole\":\"SallyportNode\"%s}", more));
	expect_ok(w);
	*id = str(w, "ActivationId");
	*code = str(w, "ActivationCode");
}

static inline const char *
public_key(struct world *w, const struct rsa_key *k)
{
	auto_buf b;

	buf_init(&b, 8192);
	rsa_store_public(k, &b);
	return arena_strdup(&w->mem, buf_cstr(&b));
}

/* RSA keys are slow to make: all nodes of a test share one. */
static inline struct rsa_key *
node_rsa_key(void)
{
	static struct rsa_key *k;

	if (k == NULL)
		assert_int_equal(rsa_generate(&k, NULL), 0);
	return k;
}

static inline void
register_with(struct world *w, const char *id, const char *code, const char *fingerprint)
{
	call_as(w, NULL, "AmazonSSM.RegisterManagedInstance",
	    arena_printf(&w->mem,
		"{\"ActivationId\":\"%s\",\"ActivationCode\":\"%s\",\"Fingerprint\":\"%"
		"s\","
		"\"PublicKey\":\"%s\",\"PublicKeyType\":\"Rsa\"}",
		id, code, fingerprint, public_key(w, node_rsa_key())));
}

static inline void
node_token(struct world *w, struct node *n, const char *fingerprint)
{
	call_as(w, &n->rsa, "AmazonSSM.RequestManagedInstanceRoleToken",
	    arena_printf(&w->mem, "{\"Fingerprint\":\"%s\"}", fingerprint));
	if (w->status != 200)
		return;
	n->keys = (struct signer){
		.access_key = str(w, "AccessKeyId"),
		.secret = str(w, "SecretAccessKey"),
		.token = str(w, "SessionToken"),
	};
}

/* Registers a node and fetches its keys; more as in activate(). */
static inline void
node_make(struct world *w, struct node *n, const char *more)
{
	const char *id, *code;

	activate(w, more, &id, &code);
	register_with(w, id, code, "finger");
	expect_ok(w);
	n->id = str(w, "InstanceId");
	n->rsa = (struct signer){ .node_id = n->id, .key = node_rsa_key() };
	node_token(w, n, "finger");
	expect_ok(w);
}

static inline void
node_ping(struct world *w, struct node *n, const char *more)
{
	call_as(w, &n->keys, "AmazonSSM.UpdateInstanceInformation",
	    arena_printf(&w->mem,
		"{\"InstanceId\":\"%s\",\"AgentName\":\"amazon-ssm-agent\"%s}", n->id,
		more));
	expect_ok(w);
}
