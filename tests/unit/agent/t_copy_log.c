/* SPDX-License-Identifier: Apache-2.0 */
/* What the program of a copy says for the log. */
#include "agent/copy_log.h"

#include "base/err.h"
#include "unit/check.h"

static void
t_lines(void **state)
{
	static const struct {
		struct span in;
		int ret;
		bool ok, to_node;
		int64_t bytes;
		const char *text;
	} t[] = {
		{ SPAN("ok to-node 12 /srv/a b"), 0, true, true, 12, "/srv/a b" },
		{ SPAN("failed from-node 0 \"a: no\""), 0, false, false, 0, "\"a: no\"" },
		{ SPAN("ok to-node 0 "), 0, true, true, 0, "" },
		{ SPAN(""), ERR_INVALID, 0, 0, 0, NULL },
		{ SPAN("fine to-node 1 a"), ERR_INVALID, 0, 0, 0, NULL },
		{ SPAN("ok nowhere 1 a"), ERR_INVALID, 0, 0, 0, NULL },
		{ SPAN("ok to-node -1 a"), ERR_INVALID, 0, 0, 0, NULL },
		{ SPAN("ok to-node x a"), ERR_INVALID, 0, 0, 0, NULL },
		{ SPAN("ok to-node 1"), 0, true, true, 1, "" },
		{ SPAN("ok to-node 1 a\x1b[2J"), 0, true, true, 1, "a\x1b[2J" },
		{ SPAN("==1==ERROR: AddressSanitizer"), ERR_INVALID, 0, 0, 0, NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct agent_copy_line l;
		int r = agent_copy_line_parse(&l, t[i].in);

		assert_int_equal(r, t[i].ret);
		if (r != 0)
			continue;
		assert_true(l.ok == t[i].ok && l.to_node == t[i].to_node);
		assert_int_equal(l.bytes, t[i].bytes);
		check_text(l.text, t[i].text);
	}
}

static void
t_pieces(void **state)
{
	struct agent_copy_log g = { .session_id = "admin-x" };
	char longer[3000];
	(void)state;

	agent_copy_log_add(&g, SPAN("ok to-node 5 a\nok to-"));
	agent_copy_log_add(&g, SPAN("node 7 b"));
	assert_int_equal(g.files, 1);
	agent_copy_log_add(&g, SPAN("\nfailed to-node 0 c\nnonsense\n"));
	assert_int_equal(g.files, 2);
	assert_int_equal(g.bytes, 12);
	assert_int_equal(g.failed, 1);
	row("a line without an end is bounded");
	memset(longer, 'x', sizeof(longer));
	agent_copy_log_add(&g, SPAN("ok to-node 1 "));
	agent_copy_log_add(&g, span_of(longer, sizeof(longer)));
	agent_copy_log_add(&g, SPAN("\nok to-node 1 d\n"));
	assert_int_equal(g.files, 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_lines),
		cmocka_unit_test(t_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
