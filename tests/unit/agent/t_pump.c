/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output: bytes untouched, payloads that end between characters, nothing held back for
 * long, prefixes, and a channel that has no room.
 */
#include "unit/check.h"

#include <fcntl.h>
#include <unistd.h>

#include "agent/pump.h"
#include "base/text.h"

struct rig {
	struct ev_loop *loop;
	int fd; /* the program's end */
	struct agent_pump pump;
	size_t room;
	struct buf all;  /* the bytes */
	struct buf cuts; /* payloads with '|' behind each */
	bool ended, timeout;
	struct ev_timer stop;
};

static size_t
on_room(void *arg)
{
	struct rig *r = arg;

	return r->room;
}

static void
on_send(void *arg, uint32_t type, struct span payload)
{
	struct rig *r = arg;

	assert_int_equal(type, 1);
	assert_in_range(payload.n, 1, r->room);
	buf_add(&r->all, payload);
	buf_add(&r->cuts, payload);
	buf_add_str(&r->cuts, "|");
}

static void
on_ended(void *arg)
{
	struct rig *r = arg;

	r->ended = true;
	ev_stop(r->loop);
}

static void
on_stop(void *arg)
{
	struct rig *r = arg;

	r->timeout = true;
	ev_stop(r->loop);
}

static void
run(struct rig *r, uint64_t ms)
{
	ev_timer_set(r->loop, &r->stop, ms, on_stop, r);
	ev_run(r->loop);
	ev_timer_clear(&r->stop);
}

static const struct pump_ops rig_ops = { on_room, on_send, on_ended, NULL };

static void
rig_init(struct rig *r, const char *prefix)
{
	int p[2];

	*r = (struct rig){ .room = 1000 };
	r->loop = ev_loop_new();
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	r->fd = p[1];
	buf_init(&r->all, 1 << 24);
	buf_init(&r->cuts, 1 << 24);
	agent_pump_start(
	    &r->pump, ev_stream_adopt(r->loop, p[0]), 1, prefix, &rig_ops, r);
}

static void
rig_fini(struct rig *r)
{
	agent_pump_close(&r->pump);
	ev_loop_free(r->loop);
	if (r->fd != -1)
		close(r->fd);
	buf_fini(&r->all);
	buf_fini(&r->cuts);
}

static void
put(struct rig *r, const char *text)
{
	assert_int_equal(write(r->fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void
t_characters(void **state)
{
	static const struct {
		const char *what, *first, *second, *cuts;
	} t[] = {
		{ "plain", "abc", "def", "abc|def|" },
		{ "two of three bytes wait", "x\xe2\x82", "\xac", "x|\xe2\x82\xac|" },
		{ "one of four", "\xf0", "\x9f\x98\x80!", "\xf0\x9f\x98\x80!|" },
		{ "invalid bytes do not wait", "a\xff", "b", "a\xff|b|" },
		{ "a lone continuation byte neither", "\x80", "x", "\x80|x|" },
		{ "a whole character is sent", "\xc3\xa9", "x", "\xc3\xa9|x|" },
		{ "U+FFFD is nothing special", "\xef\xbf\xbd", "x", "\xef\xbf\xbd|x|" },
		{ "control bytes", "\x01\x1b[A", "\x7f", "\x01\x1b[A|\x7f|" },
	};
	struct rig r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		rig_init(&r, "");
		put(&r, t[i].first);
		run(&r, PUMP_HOLD_MS / 4);
		put(&r, t[i].second);
		run(&r, PUMP_HOLD_MS / 4);
		check_text(buf_span(&r.cuts), t[i].cuts);
		rig_fini(&r);
	}
}

/* data-channel 9.3.6: never withhold bytes long; the stock agent loses them at the end. */
static void
t_936_never_withheld_long(void **state)
{
	struct rig r;

	(void)state;
	row("the rest does not come");
	rig_init(&r, "");
	put(&r, "a\xe2\x82");
	run(&r, 5 * PUMP_HOLD_MS);
	check_text(buf_span(&r.cuts), "a|\xe2\x82|");
	row("and what follows is whole again");
	put(&r, "b");
	run(&r, 10);
	check_text(buf_span(&r.cuts), "a|\xe2\x82|b|");
	row("end of file");
	put(&r, "c\xf0\x9f");
	close(r.fd);
	r.fd = -1;
	run(&r, 1000);
	assert_true(r.ended);
	check_text(buf_span(&r.all),
	    "a\xe2\x82"
	    "bc\xf0\x9f");
	rig_fini(&r);
}

static void
t_long_text_ends_between_characters(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, "");
	r.room = 1000;
	for (int i = 0; i < 3000; i++)
		put(&r, "\xe2\x82\xac");
	close(r.fd);
	r.fd = -1;
	run(&r, 2000);
	assert_true(r.ended);
	assert_int_equal(r.all.len, 9000);
	for (size_t i = 0, from = 0; i < r.cuts.len; i++) {
		if (r.cuts.p[i] != '|')
			continue;
		assert_true(utf8_valid(span_of(r.cuts.p + from, i - from)));
		from = i + 1;
	}
	rig_fini(&r);
}

static void
t_no_room(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, "");
	r.room = 0;
	put(&r, "hello");
	run(&r, 20);
	assert_int_equal(r.all.len, 0);
	row("also at the end of file");
	close(r.fd);
	r.fd = -1;
	run(&r, 20);
	assert_false(r.ended);
	r.room = 100;
	agent_pump_go(&r.pump);
	run(&r, 1000);
	assert_true(r.ended);
	check_text(buf_span(&r.all), "hello");
	rig_fini(&r);
}

static void
t_prefix(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, "OUT:");
	put(&r, "one\n");
	run(&r, 10);
	put(&r, "tw");
	run(&r, 10);
	put(&r, "o\n");
	run(&r, 10);
	check_text(buf_span(&r.cuts), "OUT:one\n|OUT:tw|o\n|");
	rig_fini(&r);
}

/* What a killed session leaves in its terminal is read, and no more. */
static void
t_finish(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, "");
	put(&r, "last words\xc3");
	agent_pump_finish(&r.pump);
	assert_true(r.ended);
	check_text(buf_span(&r.all), "last words\xc3");
	rig_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_characters),
		cmocka_unit_test(t_936_never_withheld_long),
		cmocka_unit_test(t_long_text_ends_between_characters),
		cmocka_unit_test(t_no_room),
		cmocka_unit_test(t_prefix),
		cmocka_unit_test(t_finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
