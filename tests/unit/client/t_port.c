/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port sessions: what the handshake and the command line ask for, and connections one
 * after the other towards an old agent, in simulated time.
 */
#include "unit/check.h"

#include "client/forward/forward.h"
#include "client/port/port.h"
#include "ev/sim.h"

/* --- words ------------------------------------------------------------------------------ */

static void
t_wishes(void **state)
{
#define FORWARD "\"type\":\"LocalPortForwarding\""
	static const struct {
		const char *properties, *agent;
		enum port_mode mode;
		const char *port, *socket;
		bool is_unix, keepalive;
	} t[] = {
		{ "{\"portNumber\":\"22\"}", "3.3.987.0", PORT_STDIO, "", "", false,
		    false },
		{ "{\"type\":\"Other\"}", "3.3.987.0", PORT_STDIO, "", "", false, false },
		{ "null", "3.3.987.0", PORT_STDIO, "", "", false, false },
		{ "", "3.3.987.0", PORT_STDIO, "", "", false, false },
		{ "{" FORWARD ",\"localPortNumber\":\"0\"}", "3.3.987.0", PORT_MUX, "0",
		    "", false, false },
		{ "{" FORWARD "}", "3.0.197.0", PORT_MUX, "", "", false, true },
		{ "{" FORWARD "}", "3.0.196.0", PORT_BASIC, "", "", false, true },
		{ "{" FORWARD "}", "3.3.987", PORT_BASIC, "", "", false, true },
		{ "{" FORWARD
		  ",\"localConnectionType\":\"unix\",\"localUnixSocket\":\"/s\"}",
		    "3.3.987.0", PORT_MUX, "", "/s", true, false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct session_info info = { .type = DOCUMENT_PORT,
			.properties = span_str(t[i].properties),
			.agent_version = t[i].agent };
		struct port_wish w;

		row(t[i].properties);
		port_wish_read(&w, &info);
		assert_int_equal(w.mode, t[i].mode);
		assert_string_equal(w.local_port, t[i].port);
		assert_string_equal(w.local_socket, t[i].socket);
		assert_int_equal(w.is_unix, t[i].is_unix);
		assert_int_equal(w.keepalive, t[i].keepalive);
		port_wish_fini(&w);
	}
}

static void
t_specs(void **state)
{
	static const struct {
		const char *text;
		bool socks;
		int err;
		const char *bind;
		uint16_t port;
		const char *host; /* "": the node */
		uint16_t remote;
	} t[] = {
		{ "8080:80", false, 0, "127.0.0.1", 8080, "", 80 },
		{ "0:80", false, 0, "127.0.0.1", 0, "", 80 },
		{ "5432:db.internal:5432", false, 0, "127.0.0.1", 5432, "db.internal",
		    5432 },
		{ "10.0.0.1:8080:80", false, 0, "10.0.0.1", 8080, "", 80 },
		{ "localhost:8080:80", false, 0, "127.0.0.1", 8080, "", 80 },
		{ "*:8080:db:80", false, 0, "", 8080, "db", 80 },
		{ "[::1]:8080:[2001:db8::1]:80", false, 0, "::1", 8080, "2001:db8::1",
		    80 },
		{ "8080:[::1]:80", false, 0, "127.0.0.1", 8080, "::1", 80 },
		{ "/tmp/s:80", false, 0, "/tmp/s", 0, "", 80 },
		{ "/tmp/s:db:80", false, 0, "/tmp/s", 0, "db", 80 },
		{ "/tmp/s:/run/s", false, 0, "/tmp/s", 0, "/run/s", 0 },
		{ "8080:/run/s", false, 0, "127.0.0.1", 8080, "/run/s", 0 },
		{ "*:8080:/run/s", false, 0, "", 8080, "/run/s", 0 },
		{ "[::1]:8080:/run/s", false, 0, "::1", 8080, "/run/s", 0 },
		{ "8080:[/run/a:b]", false, 0, "127.0.0.1", 8080, "/run/a:b", 0 },
		{ "/run/s", false, ERR_INVALID, "", 0, "", 0 },
		{ "8080:run/s", false, ERR_INVALID, "", 0, "", 0 },
		{ "8080:@s", false, ERR_INVALID, "", 0, "", 0 },
		{ "8080:/run/s:80", false, ERR_INVALID, "", 0, "", 0 },
		{ "/tmp/s:8080:/run/s", false, ERR_INVALID, "", 0, "", 0 },
		{ "1080", true, 0, "127.0.0.1", 1080, "", 0 },
		{ "*:1080", true, 0, "", 1080, "", 0 },
		{ "80", false, ERR_INVALID, "", 0, "", 0 },
		{ "", false, ERR_INVALID, "", 0, "", 0 },
		{ "8080:0", false, ERR_INVALID, "", 0, "", 0 },
		{ "8080:65536", false, ERR_INVALID, "", 0, "", 0 },
		{ "65536:80", false, ERR_INVALID, "", 0, "", 0 },
		{ "8080::80", false, ERR_INVALID, "", 0, "", 0 },
		{ "a:b:c", false, ERR_INVALID, "", 0, "", 0 },
		{ "1:2:3:4:5", false, ERR_INVALID, "", 0, "", 0 },
		{ "1:2", true, ERR_INVALID, "", 0, "", 0 },
		{ "x", true, ERR_INVALID, "", 0, "", 0 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct forward_spec s;

		row(t[i].text);
		assert_int_equal(forward_spec_parse(&s, t[i].text, t[i].socks), t[i].err);
		if (t[i].err == 0) {
			assert_string_equal(s.bind, t[i].bind);
			assert_int_equal(s.port, t[i].port);
			assert_string_equal(s.host != NULL ? s.host : "", t[i].host);
			assert_int_equal(s.remote, t[i].remote);
			assert_int_equal(s.socks, t[i].socks);
		}
		forward_spec_fini(&s);
	}
}

/* --- one after the other ---------------------------------------------------------------------- */

/* The channel and the agent behind it, which keeps what it got. */
struct bench {
	struct sim_world *world;
	struct ev_loop *loop;
	struct ev_listener *listener;
	struct port *port;
	struct buf at_agent; /* bytes; each Flag 1 as '|' */
	bool undrained, no_room;
	int pumps;
	int answers, answer_why;
	struct ev_stream *conn[3];
	struct buf at_conn[3];
};

static size_t
bench_room(void *arg)
{
	struct bench *b = arg;

	return b->no_room ? 0 : 1000;
}

static int
bench_send(void *arg, uint32_t type, struct span data)
{
	struct bench *b = arg;
	uint32_t flag;

	if (type == PAYLOAD_FLAG) {
		assert_int_equal(flag_decode(&flag, data), 0);
		assert_int_equal(flag, FLAG_DISCONNECT_TO_PORT);
		data = SPAN("|");
	}
	buf_add(&b->at_agent, data);
	return 0;
}

static void
bench_pump(void *arg)
{
	struct bench *b = arg;

	b->pumps++;
}

static bool
bench_drained(void *arg)
{
	struct bench *b = arg;

	return !b->undrained;
}

static void
bench_answered(void *arg, void *asker, struct ev_stream *s, int why)
{
	struct bench *b = arg;

	assert_ptr_equal(asker, b);
	assert_non_null(s);
	b->answers++;
	b->answer_why = why;
}

static const struct port_ops bench_ops = { .answered = bench_answered };

static const struct port_wire_ops bench_wire = {
	.room = bench_room,
	.send = bench_send,
	.pump = bench_pump,
	.drained = bench_drained,
};

static void
bench_accept(void *arg, struct ev_stream *s)
{
	struct bench *b = arg;

	assert_int_equal(port_take(b->port, s), 0);
}

static void
bench_ask(void *arg, struct ev_stream *s)
{
	struct bench *b = arg;

	assert_int_equal(port_ask(b->port, s, b), 0);
}

struct dial {
	struct bench *b;
	int i;
};

static void
bench_connected(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct dial *d = arg;

	(void)why;
	assert_int_equal(err, 0);
	d->b->conn[d->i] = s;
	free(d);
}

static void
bench_dial(struct bench *b, int i)
{
	struct dial *d = xcalloc(1, sizeof(*d));

	d->b = b;
	d->i = i;
	(void)ev_connect(
	    b->loop, "near", ev_listener_port(b->listener), 1000, bench_connected, d);
	sim_run_for(b->world, 100);
	assert_non_null(b->conn[i]);
}

static void
bench_say(struct bench *b, int i, const char *text)
{
	size_t put;

	assert_int_equal(ev_write(b->conn[i], text, strlen(text), &put), 0);
	sim_run_for(b->world, 100);
}

/* What has come to a connection since the last look. */
static const char *
bench_hear(struct bench *b, int i)
{
	static char text[256];
	size_t got = 0;

	if (ev_read(b->conn[i], text, sizeof(text) - 1, &got) != 0)
		got = 0;
	text[got] = '\0';
	return text;
}

static void
t_one_after_the_other(void **state)
{
	struct port_wish wish = { .mode = PORT_BASIC };
	struct bench b = { .pumps = 0 };
	(void)state;

	b.world = sim_new(&(struct sim_options){ .seed = 7 });
	b.loop = sim_host(b.world, "near");
	buf_init(&b.at_agent, 10000);
	b.port = port_new(
	    b.loop, &wish, (struct port_wire){ &bench_wire, &b }, &bench_ops, &b);
	assert_int_equal(
	    ev_listen(&b.listener, b.loop, "", 0, bench_accept, &b, NULL), 0);

	/* A server that speaks first: kept until somebody is there. */
	assert_int_equal(port_data(b.port, PAYLOAD_OUTPUT, SPAN("220 hi\n")), ERR_AGAIN);
	bench_dial(&b, 0);
	assert_int_equal(b.pumps, 1);
	assert_int_equal(port_data(b.port, PAYLOAD_OUTPUT, SPAN("220 hi\n")), 0);
	sim_run_for(b.world, 100);
	assert_string_equal(bench_hear(&b, 0), "220 hi\n");
	assert_int_equal(port_data(b.port, PAYLOAD_FLAG, SPAN("\0\0\0\3")), 0);

	/* The second one waits; a single newline stays one. */
	bench_dial(&b, 1);
	bench_say(&b, 0, "\n");
	bench_say(&b, 1, "two");
	check_text(buf_span(&b.at_agent), "\n");
	assert_int_equal(port_connections(b.port), 2);

	/* The first ends; what the agent still had for it does not reach the second. */
	b.undrained = true;
	ev_close(STEAL(b.conn[0]));
	sim_run_for(b.world, 100);
	assert_int_equal(port_data(b.port, PAYLOAD_OUTPUT, SPAN("late")), 0);
	check_text(buf_span(&b.at_agent), "\n|");
	b.undrained = false;
	sim_run_for(b.world, 100);
	check_text(buf_span(&b.at_agent), "\n|two");
	assert_int_equal(port_data(b.port, PAYLOAD_OUTPUT, SPAN("answer")), 0);
	sim_run_for(b.world, 100);
	assert_string_equal(bench_hear(&b, 1), "answer");

	/* Nothing is read that the channel has no room for. */
	b.no_room = true;
	bench_say(&b, 1, "more");
	check_text(buf_span(&b.at_agent), "\n|two");
	b.no_room = false;
	port_go(b.port);
	sim_run_for(b.world, 100);
	check_text(buf_span(&b.at_agent), "\n|twomore");

	ev_close(b.conn[1]);
	port_free(b.port);
	buf_fini(&b.at_agent);
	ev_listener_close(b.listener);
	ev_loop_free(b.loop);
	sim_free(b.world);
}

/* --- who asks whether there is a connection --------------------------------------------- */

/* An agent that does not tell is believed at once; one that does is waited for. */
static void
t_asked(void **state)
{
	static const struct {
		const char *what;
		struct port_wish wish;
		int answers;
	} t[] = {
		{ "one after the other", { .mode = PORT_BASIC }, 1 },
		{ "a stock agent", { .mode = PORT_MUX }, 1 },
		{ "ours, from before that", { .mode = PORT_MUX, .own = true }, 1 },
		{ "ours", { .mode = PORT_MUX, .own = true, .tells_attached = true }, 0 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct bench b = { .answers = 0 };

		row(t[i].what);
		b.world = sim_new(&(struct sim_options){ .seed = 7 });
		b.loop = sim_host(b.world, "near");
		buf_init(&b.at_agent, 10000);
		b.port = port_new(b.loop, &t[i].wish, (struct port_wire){ &bench_wire, &b },
		    &bench_ops, &b);
		assert_int_equal(
		    ev_listen(&b.listener, b.loop, "", 0, bench_ask, &b, NULL), 0);
		bench_dial(&b, 0);
		assert_int_equal(port_connections(b.port), 1);
		assert_int_equal(b.answers, t[i].answers);
		port_free(b.port);
		assert_int_equal(b.answers, 1);
		assert_int_equal(b.answer_why, t[i].answers > 0 ? 0 : ERR_CLOSED);
		ev_close(b.conn[0]);
		buf_fini(&b.at_agent);
		ev_listener_close(b.listener);
		ev_loop_free(b.loop);
		sim_free(b.world);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_wishes),
		cmocka_unit_test(t_specs),
		cmocka_unit_test(t_one_after_the_other),
		cmocka_unit_test(t_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
