/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of progress, and which words name a node. */
#include "client/command/commands.h"
#include "client/copy/copy.h"
#include "client/terminal/table.h"
#include "unit/check.h"

static void
t_lines(void **state)
{
	static const struct {
		const char *what;
		size_t columns;
		struct copy_progress p;
		const char *line;
	} t[] = {
		{ "in the middle", 80,
		    { "a.tar", 2000000000, 1220000000, 88100000, 14000, false, false },
		    "a.tar                      [##########-------]  61%  1.22 GB  88.1 "
		    "MB/s     0:08" },
		{ "nothing yet", 60, { "a", 1000, 0, 0, 0, false, false },
		    "a                            0%      0 B          -        -" },
		{ "done", 60, { "a", 999, 999, 999, 61000, true, false },
		    "a                          100%    999 B    999 B/s     1:01" },
		{ "an empty file", 60, { "a", 0, 0, 0, 0, true, false },
		    "a                          100%      0 B          -     0:00" },
		{ "stalled", 60, { "a", 10000, 5000, 10, 9000, false, true },
		    "a                           50%  5.00 kB    stalled     8:20" },
		{ "hours", 60, { "a", 10000000000000, 1, 100000000, 0, false, false },
		    "a                            0%      1 B   100 MB/s 27:46:39" },
		{ "a long name ends in what it ends in", 48,
		    { "/var/lib/postgresql/base.tar", 1000, 1000, 1, 0, true, false },
		    "~esql/base.tar 100%  1.00 kB      1 B/s     0:00" },
		{ "a terminal of twenty columns", 10, { "a", 2, 1, 1, 0, false, false },
		    "a                50%" },
		{ "a name that wants to do something", 60,
		    { "\033[2Ja\xff", 2, 1, 1, 1000, false, false },
		    "?[2Ja?                      50%      1 B      1 B/s     0:01" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char line[COPY_LINE_MAX];

		row(t[i].what);
		copy_progress_line(line, &t[i].p, t[i].columns);
		check_text(span_str(line), t[i].line);
		assert_true(table_width(line) <= MAX(t[i].columns, COPY_COLUMNS_MIN));
	}
}

/* Never wider than the terminal, whatever the name. */
static void
t_widths(void **state)
{
	static const char *const names[] = {
		"",
		"x",
		"\xe6\x97\xa5\xe6\x9c\xac/\xe8\xaa\x9e",
		("/a/very/long/path/to/some/place/where/a/file/"
		 "is.\xe6\x97\xa5\xe6\x9c\xac"),
	};
	char line[COPY_LINE_MAX];
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		for (size_t columns = COPY_COLUMNS_MIN; columns < 250; columns++) {
			copy_progress_line(line,
			    &(struct copy_progress){
				.name = names[i], .size = 100, .done = 50 },
			    columns);
			assert_int_equal(table_width(line), columns);
		}
	}
}

static void
t_remote(void **state)
{
	static const struct {
		const char *word, *path;
	} t[] = {
		{ "web-1:/etc/hosts", "/etc/hosts" },
		{ "web-1:", "" },
		{ "web-1:a:b", "a:b" },
		{ "mi-0123456789abcdef0:~/x", "~/x" },
		{ "tag:Role=db:/srv", "/srv" },
		{ "tag:a/b=c/d:x", "x" },
		/* paths of this machine */
		{ "hosts", NULL },
		{ "/etc/hosts", NULL },
		{ "./a:b", NULL },
		{ "/a:b", NULL },
		{ ":a", NULL },
		{ "tag:Role=db", NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].word);
		if (t[i].path != NULL)
			assert_string_equal(cp_remote_path(t[i].word), t[i].path);
		else
			assert_null(cp_remote_path(t[i].word));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_lines),
		cmocka_unit_test(t_widths),
		cmocka_unit_test(t_remote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
