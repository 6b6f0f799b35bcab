/* SPDX-License-Identifier: Apache-2.0 */
/* What a session reports: before its outcome, again until it is recorded, and to nobody who
 * does not understand. */
#include "agent/report.h"

#include "crypto/crypto.h"
#include "world.h"

enum { SERVICE_PORT = 7000 };

static const struct world_options plain = { .seed = 21 };

static const char port_document[] =
    "{\"schemaVersion\":\"1.0\",\"sessionType\":\"Port\",\"parameters\":{},"
    "\"properties\":{\"portNumber\":\"7000\",\"type\":\"LocalPortForwarding\"}}";

static void
on_accept(void *arg, struct ev_stream *s)
{
	(void)arg;
	ev_close(s);
}

/* A port session between our own ends, up to its first stream. */
static struct talk *
forwarding(struct world *w, bool records)
{
	struct talk *t;

	world_init(w, &plain);
	w->records = records;
	assert_true(world_online(w));
	t = world_talk(w, "alice-1");
	t->own = true;
	world_order(w, "alice-1", port_document);
	world_run(w, 1000);
	assert_true(t->complete);
	return t;
}

/* A SYN of smux, version 2: the client opens a stream. */
static void
open_stream(struct talk *t, uint8_t id)
{
	const uint8_t syn[] = { 2, 0, 0, 0, id, 0, 0, 0 };

	assert_int_equal(channel_send(t->ch, ev_now_ms(t->w->server), PAYLOAD_OUTPUT,
			     span_of(syn, sizeof(syn))),
	    0);
	world_run(t->w, 500);
}

/* The event of this number stands before the next message of the stream. */
static bool
leads(struct talk *t, const char *event)
{
	const char *at = strstr(buf_cstr(&t->log), event);

	return at != NULL && strncmp(at + strlen(event), "data ", 5) == 0;
}

static void
t_before_the_outcome(void **state)
{
	struct ev_listener *ln = NULL;
	struct world w;
	struct talk *t;

	(void)state;
	t = forwarding(&w, true);
	open_stream(t, 3);
	assert_string_equal(buf_cstr(&t->reports), ":7000 ConnectionRefused;");
	assert_true(leads(t, "event 1+1;"));
	assert_int_equal(
	    ev_listen(&ln, w.node, "127.0.0.1", SERVICE_PORT, on_accept, NULL, NULL), 0);
	open_stream(t, 5);
	assert_string_equal(
	    buf_cstr(&t->reports), ":7000 ConnectionRefused;127.0.0.1:7000 ;");
	assert_true(leads(t, "event 2+1;"));
	ev_listener_close(ln);
	world_fini(&w);
}

/* The server of AWS, or an older one of ours. */
static void
t_not_understood(void **state)
{
	struct world w;
	struct talk *t;

	(void)state;
	t = forwarding(&w, false);
	open_stream(t, 3);
	assert_string_equal(buf_cstr(&t->reports), "");
	world_fini(&w);
}

/* Until the server says that it has them, they come first on each new connection. */
static void
t_again(void **state)
{
	struct world w;
	struct talk *t;

	(void)state;
	t = forwarding(&w, true);
	open_stream(t, 3);
	t->forgets = true;
	open_stream(t, 5);
	open_stream(t, 7);
	buf_reset(&t->log);
	talk_cut(t);
	world_run(&w, 15000);
	assert_non_null(strstr(buf_cstr(&t->log), "open;event 2+2;"));
	row("recorded while the connection was lost: the greeting says so");
	t->recorded = 3;
	buf_reset(&t->log);
	talk_cut(t);
	world_run(&w, 15000);
	talk_cut(t);
	buf_reset(&t->log);
	world_run(&w, 15000);
	assert_non_null(strstr(buf_cstr(&t->log), "open;"));
	assert_null(strstr(buf_cstr(&t->log), "event"));
	row("and the next one has the next number");
	t->forgets = false;
	open_stream(t, 9);
	assert_non_null(strstr(buf_cstr(&t->log), "event 4+1;"));
	world_fini(&w);
}

static void
t_bounds(void **state)
{
	static const struct own_event e = { .kind = OWN_EVENT_PORT, .port = 1 };
	const struct control_head head = { .created_ms = 1 };
	struct sim_world *sim = sim_new(&(struct sim_options){ .seed = 1 });
	struct ev_loop *l = sim_host(sim, "node");
	auto_buf msg = { .max = 4096 };
	struct agent_report p;
	struct agentmsg m;

	(void)state;
	agent_report_init(&p, l, "s");
	for (size_t i = 0; i < REPORT_EVENTS; i++)
		agent_report_add(&p, &e);
	row("nobody understands: nothing is kept");
	assert_int_equal(p.n, 0);
	p.heard = true;
	for (size_t i = 0; i < REPORT_EVENTS; i++) {
		assert_false(agent_report_is_full(&p));
		agent_report_add(&p, &e);
	}
	assert_true(agent_report_is_full(&p));
	row("some were recorded");
	own_recorded_build(&msg, &head, "s", 10);
	assert_int_equal(agentmsg_decode(&m, buf_span(&msg)), 0);
	agent_report_recorded(&p, m.payload);
	assert_int_equal(p.n, REPORT_EVENTS - 10);
	assert_false(agent_report_is_full(&p));
	row("the server knows of more than we said: we go on behind it");
	buf_reset(&msg);
	own_recorded_build(&msg, &head, "s", 5000);
	assert_int_equal(agentmsg_decode(&m, buf_span(&msg)), 0);
	agent_report_recorded(&p, m.payload);
	assert_int_equal(p.n, 0);
	agent_report_add(&p, &e);
	assert_int_equal(p.next, 5002);
	assert_int_equal(p.sent, 5000);
	agent_report_fini(&p);
	ev_loop_free(l);
	sim_free(sim);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_before_the_outcome),
		cmocka_unit_test(t_not_understood),
		cmocka_unit_test(t_again),
		cmocka_unit_test(t_bounds),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
