/* SPDX-License-Identifier: Apache-2.0 */
/* TLS over the real loop: whom a client accepts, and what it says otherwise. */
#include "net_test.h"

#include "crypto/crypto.h"

static struct certs certs;

static void
say_hello(void *arg, struct http_req *r)
{
	(void)arg;
	http_reply(r, 200, "text/plain", SPAN("hello\n"));
}

struct outcome {
	bool done;
	int err, status;
	char why[300];
	size_t body_len;
};

static void
on_done(void *arg, const struct http_response *r, int err, const char *why)
{
	struct outcome *o = arg;

	o->done = true;
	o->err = err;
	(void)snprintf(o->why, sizeof(o->why), "%s", why != NULL ? why : "");
	if (r != NULL) {
		o->status = r->status;
		o->body_len = r->body.n;
	}
}

static void
call(struct world *w, struct http_client *c, const char *host, uint16_t port,
    struct outcome *o)
{
	char url[128];

	*o = (struct outcome){ 0 };
	(void)snprintf(url, sizeof(url), "https://%s:%u/x?y=1", host, port);
	http_call(c,
	    &(struct http_request){ .method = "GET", .url = url, .timeout_ms = 5000 },
	    on_done, o);
	assert_true(world_until(w, &o->done, 6000));
}

static void
t_whom_a_client_trusts(void **state)
{
	const struct {
		const char *what, *cert, *key, *ca, *host;
		int err;
		const char *why;
	} t[] = {
		{ "by name", certs.cert, certs.key, certs.ca, "localhost", 0, "" },
		{ "by address", certs.cert, certs.key, certs.ca, "127.0.0.1", 0, "" },
		{ "unknown CA", certs.cert, certs.key, certs.other_ca, "localhost",
		    ERR_TLS,
		    "certificate signed by unknown authority: set SSL_CERT_FILE or "
		    "--ca-file" },
		{ "wrong name", certs.wrong_cert, certs.wrong_key, certs.ca, "localhost",
		    ERR_TLS, "certificate is not for localhost" },
		{ "wrong address", certs.wrong_cert, certs.wrong_key, certs.ca,
		    "127.0.0.1", ERR_TLS, "certificate is not for 127.0.0.1" },
		{ "expired", certs.expired_cert, certs.expired_key, certs.ca, "localhost",
		    ERR_TLS, "certificate has expired" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct world w;
		struct tls_ctx *st, *ct;
		struct http_server *s;
		struct http_client *c;
		struct outcome o;

		print_message("  %s\n", t[i].what);
		world_real(&w);
		assert_int_equal(tls_server_new(&st, t[i].cert, t[i].key, NULL), 0);
		assert_int_equal(tls_client_new(&ct, t[i].ca, NULL), 0);
		assert_int_equal(http_server_new(&s, w.server, "127.0.0.1", 0, st, NULL,
				     say_hello, NULL, NULL),
		    0);
		c = http_client_new(w.client, ct, NULL, NULL);
		call(&w, c, t[i].host, http_server_port(s), &o);
		assert_int_equal(o.err, t[i].err);
		if (strstr(o.why, t[i].why) == NULL)
			fail_msg("why: %s", o.why);
		if (o.err == 0) {
			assert_int_equal(o.status, 200);
			call(&w, c, t[i].host, http_server_port(s), &o); /* kept alive */
			assert_int_equal(o.status, 200);
			assert_int_equal(http_server_connections(s), 1);
		}
		http_client_free(c);
		http_server_free(s);
		tls_ctx_free(ct);
		tls_ctx_free(st);
		world_fini(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_whom_a_client_trusts),
	};
	int r;

	certs_init(&certs);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	certs_fini(&certs);
	return r;
}
