/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See net_test.h.
 */
#include "net_test.h"

#include <time.h>
#include <unistd.h>

#include "crypto/crypto.h"

void
world_real(struct world *w)
{
	*w = (struct world){ 0 };
	w->server = w->client = ev_loop_new();
}

void
world_sim(struct world *w, const struct sim_options *o)
{
	*w = (struct world){ 0 };
	w->sim = sim_new(o);
	w->server = sim_host(w->sim, "server");
	w->client = sim_host(w->sim, "client");
}

struct waiting {
	struct ev_loop *loop;
	struct ev_timer timer;
	const bool *flag;
	uint64_t end_ms;
	bool ok;
};

static void
look(void *arg)
{
	struct waiting *x = arg;

	x->ok = x->flag != NULL && *x->flag;
	if (x->ok || ev_now_ms(x->loop) >= x->end_ms)
		ev_stop(x->loop);
	else
		ev_timer_set(x->loop, &x->timer, 1, look, x);
}

bool
world_until(struct world *w, const bool *flag, uint64_t ms)
{
	struct waiting x = { .loop = w->server, .flag = flag };

	if (w->sim != NULL)
		return sim_run_until(w->sim, flag, ms);
	x.end_ms = ev_now_ms(w->server) + ms;
	ev_timer_set(w->server, &x.timer, 0, look, &x);
	ev_run(w->server);
	ev_timer_clear(&x.timer);
	return x.ok;
}

void
world_run(struct world *w, uint64_t ms)
{
	if (w->sim != NULL)
		sim_run_for(w->sim, ms);
	else
		(void)world_until(w, NULL, ms);
}

void
world_fini(struct world *w)
{
	ev_loop_free(w->server);
	if (w->sim != NULL) {
		ev_loop_free(w->client);
		sim_free(w->sim);
	}
}

const char *
world_host(const struct world *w)
{
	return w->sim != NULL ? "server" : "localhost";
}

/* --- certificates ------------------------------------------------------------ */

static void
put_file(const char *path, struct buf *b)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(b->p, 1, b->len, f), b->len);
	assert_int_equal(fclose(f), 0);
}

struct ca {
	struct buf cert, key;
};

static void
make_ca(struct ca *ca, const char *name, const char *path)
{
	int64_t now = time(NULL);

	buf_init(&ca->cert, 65536);
	buf_init(&ca->key, 65536);
	assert_int_equal(
	    x509_make_ca(&ca->cert, &ca->key, name, now - 3600, now + 86400, NULL), 0);
	put_file(path, &ca->cert);
}

static void
make_cert(const struct ca *ca, const char *const *names, size_t n, int64_t from,
    int64_t to, const char *cert_path, const char *key_path)
{
	auto_buf cert = { 0 }, key = { 0 };
	int64_t now = time(NULL);

	buf_init(&cert, 65536);
	buf_init(&key, 65536);
	assert_int_equal(x509_make_server(&cert, &key, buf_span(&ca->cert),
			     buf_span(&ca->key), names, n, now + from, now + to, NULL),
	    0);
	put_file(cert_path, &cert);
	put_file(key_path, &key);
}

static void
path(char out[96], const struct certs *c, const char *name)
{
	(void)snprintf(out, 96, "%s/%s", c->dir, name);
}

void
certs_init(struct certs *c)
{
	static const char *const here[] = { "localhost", "127.0.0.1", "server" };
	static const char *const there[] = { "example.org" };
	struct ca ca, other;

	crypto_init();
	(void)snprintf(c->dir, sizeof(c->dir), "/tmp/sallyport-net-XXXXXX");
	assert_non_null(mkdtemp(c->dir));
	path(c->ca, c, "ca.pem");
	path(c->other_ca, c, "other-ca.pem");
	path(c->cert, c, "cert.pem");
	path(c->key, c, "key.pem");
	path(c->expired_cert, c, "expired-cert.pem");
	path(c->expired_key, c, "expired-key.pem");
	path(c->wrong_cert, c, "wrong-cert.pem");
	path(c->wrong_key, c, "wrong-key.pem");
	make_ca(&ca, "test CA", c->ca);
	make_ca(&other, "other CA", c->other_ca);
	make_cert(&ca, here, 3, -3600, 3600, c->cert, c->key);
	make_cert(&ca, here, 3, -3600, -60, c->expired_cert, c->expired_key);
	make_cert(&ca, there, 1, -3600, 3600, c->wrong_cert, c->wrong_key);
	buf_fini(&ca.cert);
	buf_fini(&ca.key);
	buf_fini(&other.cert);
	buf_fini(&other.key);
}

void
certs_fini(struct certs *c)
{
	const char *files[] = { c->ca, c->other_ca, c->cert, c->key, c->expired_cert,
		c->expired_key, c->wrong_cert, c->wrong_key };

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		(void)unlink(files[i]);
	(void)rmdir(c->dir);
}

/* --- the raw peer ------------------------------------------------------------ */

static void
raw_write(void *arg)
{
	struct raw *r = arg;

	while (r->s != NULL && r->sent < r->out.len) {
		size_t n = r->out.len - r->sent, put = 0;
		int e;

		if (r->step != 0)
			n = MIN(n, r->step);
		e = ev_write(r->s, r->out.p + r->sent, n, &put);
		if (e == ERR_AGAIN)
			break;
		if (e != 0) {
			r->failed = true;
			break;
		}
		r->sent += put;
		if (r->step != 0)
			break;
	}
	if (r->s != NULL)
		ev_stream_want(r->s, !r->eof, !r->failed && r->sent < r->out.len);
}

static void
raw_read(void *arg)
{
	struct raw *r = arg;
	uint8_t data[4096];
	size_t got = 0;
	int e;

	while ((e = ev_read(r->s, data, sizeof(data), &got)) == 0)
		buf_add(&r->in, span_of(data, got));
	if (e != ERR_AGAIN) {
		r->eof = true;
		ev_stream_want(r->s, false, false);
	}
}

static const struct ev_stream_ops raw_ops = { raw_read, raw_write };

static void
raw_opened(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct raw *r = arg;

	(void)why;
	r->dial = NULL;
	if (err != 0) {
		r->failed = r->eof = true;
		return;
	}
	r->s = s;
	r->open = true;
	ev_stream_set(s, &raw_ops, r);
	raw_write(r);
}

void
raw_connect(struct raw *r, struct world *w, uint16_t port)
{
	*r = (struct raw){ .loop = w->client, .step = r->step };
	buf_init(&r->in, 64 << 20);
	buf_init(&r->out, 64 << 20);
	r->dial = ev_connect(w->client, w->sim != NULL ? "server" : "127.0.0.1", port,
	    5000, raw_opened, r);
}

void
raw_say(struct raw *r, struct span s)
{
	buf_add(&r->out, s);
	raw_write(r);
}

bool
raw_heard(const struct raw *r, const char *what)
{
	size_t n = strlen(what);

	return n == 0 || (r->in.len >= n && memmem(r->in.p, r->in.len, what, n) != NULL);
}

void
raw_close(struct raw *r)
{
	ev_connect_cancel(r->dial);
	ev_close(r->s);
	r->dial = NULL;
	r->s = NULL;
	buf_fini(&r->in);
	buf_fini(&r->out);
}
