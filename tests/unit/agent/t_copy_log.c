/* SPDX-License-Identifier: Apache-2.0 */
/* What the program of a copy says becomes lines of the log, and reports of files. */
#include "agent/copy_log.h"

#include "base/err.h"
#include "unit/check.h"

#define SUM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
t_lines(void **state)
{
	static const struct {
		struct span in;
		int ret;
		enum agent_copy_step step;
		bool to_node;
		int64_t bytes;
		const char *digest, *path, *why;
	} t[] = {
		{ SPAN("ok to-node 12 " SUM " /srv/a b\0"), 0, COPY_STEP_OK, true, 12, SUM,
		    "/srv/a b", "" },
		{ SPAN("begun from-node 7 - /f\0"), 0, COPY_STEP_BEGUN, false, 7, "", "/f",
		    "" },
		{ SPAN("failed from-node 0 - /a\0/a: no"), 0, COPY_STEP_FAILED, false, 0, "",
		    "/a", "/a: no" },
		{ SPAN("failed to-node 0 - \0it broke"), 0, COPY_STEP_FAILED, true, 0, "", "",
		    "it broke" },
		{ SPAN("ok to-node 1 - a\\nb\\\\\x1b[2J\0"), 0, COPY_STEP_OK, true, 1, "",
		    "a\nb\\\x1b[2J", "" },
		{ SPAN("ok to-node 1 - cut\\"), 0, COPY_STEP_OK, true, 1, "", "cut\\", "" },
		{ SPAN(""), ERR_INVALID, 0, 0, 0, NULL, NULL, NULL },
		{ SPAN("fine to-node 1 - a\0"), ERR_INVALID, 0, 0, 0, NULL, NULL, NULL },
		{ SPAN("ok nowhere 1 - a\0"), ERR_INVALID, 0, 0, 0, NULL, NULL, NULL },
		{ SPAN("ok to-node -1 - a\0"), ERR_INVALID, 0, 0, 0, NULL, NULL, NULL },
		{ SPAN("ok to-node x - a\0"), ERR_INVALID, 0, 0, 0, NULL, NULL, NULL },
		{ SPAN("ok to-node 1"), ERR_INVALID, 0, 0, 0, NULL, NULL, NULL },
		{ SPAN("==1==ERROR: AddressSanitizer"), ERR_INVALID, 0, 0, 0, NULL, NULL,
		    NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_arena mem = { 0 };
		struct agent_copy_line l;
		int r = agent_copy_line_parse(&l, &mem, t[i].in);

		assert_int_equal(r, t[i].ret);
		if (r != 0)
			continue;
		assert_int_equal(l.step, t[i].step);
		assert_int_equal(l.to_node, t[i].to_node);
		assert_int_equal(l.bytes, t[i].bytes);
		assert_string_equal(l.digest, t[i].digest);
		assert_string_equal(l.path, t[i].path);
		assert_string_equal(l.why, t[i].why);
	}
}

struct bench {
	struct agent_copy_log g;
	struct buf reports; /* "> a 5 ok;" "< b 0 CopyFailed;" */
};

static void
on_report(void *arg, const struct own_event *e)
{
	struct bench *b = arg;

	assert_int_equal(e->kind, OWN_EVENT_FILE);
	buf_addf(&b->reports, "%s %s %lld %s;", e->to_node ? ">" : "<", e->path,
	    (long long)e->bytes, *e->error != '\0' ? e->error : "ok");
}

static void
bench_init(struct bench *b)
{
	buf_init(&b->reports, 1 << 20);
	agent_copy_log_init(&b->g, "admin-x", on_report, b);
}

static void
bench_fini(struct bench *b)
{
	agent_copy_log_fini(&b->g);
	buf_fini(&b->reports);
}

static void
t_pieces(void **state)
{
	struct bench b;
	char longer[2 * COPY_LINE_MAX];
	(void)state;

	bench_init(&b);
	agent_copy_log_add(&b.g, SPAN("ok to-node 5 - a\0\nok to-"));
	agent_copy_log_add(&b.g, SPAN("node 7 - b\0"));
	assert_int_equal(b.g.files, 1);
	agent_copy_log_add(&b.g, SPAN("\nfailed to-node 0 - c\0no\nnonsense\n"));
	assert_int_equal(b.g.files, 2);
	assert_int_equal(b.g.bytes, 12);
	assert_int_equal(b.g.failed, 1);
	assert_string_equal(
	    buf_cstr(&b.reports), "> a 5 ok;> b 7 ok;> c 0 CopyFailed;");
	row("a line without an end is bounded");
	memset(longer, 'x', sizeof(longer));
	agent_copy_log_add(&b.g, SPAN("ok to-node 1 - "));
	agent_copy_log_add(&b.g, span_of(longer, sizeof(longer)));
	agent_copy_log_add(&b.g, SPAN("\nok to-node 1 - d\0\n"));
	assert_int_equal(b.g.files, 4);
	bench_fini(&b);
}

/* What has begun and has no outcome when all is over is reported as well, once. */
static void
t_interrupted(void **state)
{
	struct bench b;
	(void)state;

	bench_init(&b);
	agent_copy_log_add(&b.g,
	    SPAN("begun from-node 1 - a\0\nbegun from-node 2 - b\0\nbegun to-node 3 - a\0\n"
		 "ok from-node 1 - a\0\n"));
	assert_int_equal(b.g.nbegun, 2);
	row("what concerns no file is only a line of the log");
	agent_copy_log_add(&b.g, SPAN("failed from-node 0 - \0the client said so\n"));
	agent_copy_log_end(&b.g);
	assert_string_equal(buf_cstr(&b.reports),
	    "< a 1 ok;< b 0 CopyInterrupted;> a 0 CopyInterrupted;");
	assert_int_equal(b.g.nbegun, 0);
	assert_int_equal(b.g.failed, 3);
	row("a program that only begins is bounded");
	for (int i = 0; i < 2 * COPY_LOG_BEGUN_MAX; i++)
		agent_copy_log_add(&b.g, SPAN("begun to-node 1 - x\0\n"));
	assert_int_equal(b.g.nbegun, COPY_LOG_BEGUN_MAX);
	bench_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_lines),
		cmocka_unit_test(t_pieces),
		cmocka_unit_test(t_interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
