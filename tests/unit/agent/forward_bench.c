/* SPDX-License-Identifier: Apache-2.0 */
/* See forward_bench.h. */
#include "forward_bench.h"

/* --- the service ------------------------------------------------------------------- */

static uint8_t
byte_at(size_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

void
pattern(struct buf *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_add_u8(out, byte_at(i));
}

bool
is_pattern(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != byte_at(i))
			return false;
	return true;
}

void
peer_close(struct peer *p)
{
	if (p->s != NULL)
		ev_close(STEAL(p->s));
}

void
peer_go(struct peer *p)
{
	uint8_t chunk[4096];
	size_t n = 1, put;

	while (p->said < p->say) {
		for (n = 0; n < sizeof(chunk) && p->said + n < p->say; n++)
			chunk[n] = byte_at(p->said + n);
		if (ev_write(p->s, chunk, n, &put) != 0)
			break;
		p->said += put;
	}
	if (p->said == p->say && p->leaves) {
		peer_close(p);
		return;
	}
	ev_stream_want(p->s, !p->deaf && !p->eof, p->said < p->say);
}

static void
peer_readable(void *arg)
{
	struct peer *p = arg;
	uint8_t in[8192];
	size_t got;
	int r;

	while ((r = ev_read(p->s, in, sizeof(in), &got)) == 0)
		buf_add(&p->in, span_of(in, got));
	if (r != ERR_AGAIN) {
		p->eof = true;
		p->say += p->answers ? 6 : 0;
		p->leaves = p->answers;
	}
	peer_go(p);
}

static void
peer_writable(void *arg)
{
	peer_go(arg);
}

static void
on_accept(void *arg, struct ev_stream *s)
{
	static const struct ev_stream_ops ops = { peer_readable, peer_writable };
	struct service *v = arg;
	struct peer *p = &v->peers[v->npeers++];

	assert_true(v->npeers <= PEERS);
	*p = v->manner;
	p->s = s;
	buf_init(&p->in, 16 << 20);
	ev_stream_set(s, &ops, p);
	peer_go(p);
}

void
service_listen(struct service *v)
{
	assert_int_equal(
	    ev_listen(&v->listener, v->loop, "", PORT, on_accept, v, NULL), 0);
}

void
service_init(struct service *v, struct sim_world *sim)
{
	*v = (struct service){ .loop = sim_host(sim, "db.internal") };
	v->peers = xcalloc(PEERS, sizeof(*v->peers));
	service_listen(v);
}

void
service_fini(struct service *v)
{
	for (size_t i = 0; i < v->npeers; i++) {
		peer_close(&v->peers[i]);
		buf_fini(&v->peers[i].in);
	}
	ev_listener_close(v->listener);
	ev_loop_free(v->loop);
	free(v->peers);
}

/* --- the client ---------------------------------------------------------------------- */

static size_t
on_room(void *arg)
{
	struct bench *b = arg;

	return b->room;
}

static void
on_send(void *arg, uint32_t type, struct span payload)
{
	struct bench *b = arg;
	uint32_t flag;

	assert_in_range(payload.n, 1, b->room);
	if (type == PAYLOAD_FLAG) {
		assert_int_equal(flag_decode(&flag, payload), 0);
		buf_addf(&b->flags, "%u;", flag);
		return;
	}
	assert_int_equal(type, PAYLOAD_OUTPUT);
	buf_add(&b->out, payload);
}

static void
on_input_ready(void *arg)
{
	struct bench *b = arg;

	b->ready++;
}

static void
on_report(void *arg, const struct own_event *e)
{
	struct bench *b = arg;

	assert_false(b->shut);
	buf_addf(&b->reports, "%s:%lld %s;", e->host, (long long)e->port,
	    e->error != NULL ? e->error : e->address);
}

static bool
may_open(void *arg)
{
	return !((struct bench *)arg)->shut;
}

static void
on_ended(void *arg)
{
	struct bench *b = arg;

	assert_false(b->ended || b->failed);
	b->ended = true;
}

static void
on_failed(void *arg, const char *why)
{
	struct bench *b = arg;

	assert_false(b->ended || b->failed);
	b->failed = true;
	(void)snprintf(b->why, sizeof(b->why), "%s", why);
}

void
bench_init(struct bench *b)
{
	*b = (struct bench){ .room = PIECE };
	b->sim = sim_new(
	    &(struct sim_options){ .seed = 5, .latency_max_ms = 2, .buffer = SOCKET });
	b->node = sim_host(b->sim, "node");
	service_init(&b->db, b->sim);
	buf_init(&b->out, 16 << 20);
	buf_init(&b->flags, 16 << 10);
	buf_init(&b->reports, 16 << 20);
	assert_int_equal(dial_policy_parse(&b->policy, "", NULL), 0);
}

void
bench_start(struct bench *b, const char *version, bool is_ssh, const char *host)
{
	static const struct agent_forward_ops ops = {
		.room = on_room,
		.send = on_send,
		.input_ready = on_input_ready,
		.report = on_report,
		.may_open = may_open,
		.ended = on_ended,
		.failed = on_failed,
	};
	struct fault f = { 0 };

	b->doc = (struct session_document){ .type = DOCUMENT_PORT,
		.remote_socket = "",
		.port = "5432",
		.host = host,
		.forward_type = is_ssh ? "" : "LocalPortForwarding" };
	assert_int_equal(agent_forward_check(&b->doc, &f), 0);
	b->w = agent_forward_start(b->node,
	    &(struct agent_forward_options){ .doc = &b->doc,
		.policy = &b->policy,
		.client_version = version != NULL ? version : HANDSHAKE_CLIENT_VERSION,
		.own = version == NULL },
	    &ops, b);
}

void
bench_fini(struct bench *b)
{
	agent_forward_close(b->w);
	ev_loop_free(b->node);
	service_fini(&b->db);
	sim_free(b->sim);
	buf_fini(&b->out);
	buf_fini(&b->flags);
	buf_fini(&b->reports);
}

bool
give(struct bench *b, struct span payload, uint64_t ms)
{
	for (uint64_t end = sim_now_ms(b->sim) + ms;;) {
		unsigned ready = b->ready;
		int r = agent_forward_input(b->w, payload);

		if (r == 0)
			return true;
		assert_int_equal(r, ERR_AGAIN);
		while (b->ready == ready) { /* not asked again before it says so */
			if (sim_now_ms(b->sim) >= end)
				return false;
			sim_run_for(b->sim, STEP_MS);
		}
	}
}

void
check_flags(struct bench *b, const char *want)
{
	check_text(buf_span(&b->flags), want);
}
