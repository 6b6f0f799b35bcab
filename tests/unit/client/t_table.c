/* SPDX-License-Identifier: Apache-2.0 */
/* Columns: widths in cells, what strangers wrote, colours. */
#include "unit/check.h"

#include "client/terminal/table.h"

static void
t_width(void **state)
{
	static const struct {
		const char *what, *text;
		size_t want;
	} t[] = {
		{ "nothing", "", 0 },
		{ "letters", "abc", 3 },
		{ "two bytes, one cell", "gr\xc3\xbc\xc3\x9f", 4 },
		{ "wide", "\xe6\x97\xa5\xe6\x9c\xac", 4 },
		{ "an accent of its own", "e\xcc\x81", 1 },
		{ "an invalid byte", "a\xff", 2 },
		{ "an emoji", "\xf0\x9f\x98\x80", 2 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		assert_int_equal(table_width(t[i].text), t[i].want);
	}
}

static const char *const head[] = { "NAME", "N", "TEXT" };

static void
t_rendered(void **state)
{
	auto_buf out = { .max = 4096 };
	struct table t;
	(void)state;

	table_init(&t, head, 3);
	table_add(&t, "\xc3\xbc", NULL);
	table_add(&t, NULL, NULL);
	table_add(&t, "x", NULL);
	table_add(&t, "longer name", NULL);
	table_add(&t, "12", NULL);
	table_add(&t, "", NULL);
	table_render(&t, false, &out);
	check_text(buf_span(&out),
	    "NAME         N   TEXT\n"
	    "\xc3\xbc            -   x\n"
	    "longer name  12  -\n");
	table_fini(&t);
}

/* A node may call itself what it likes; our terminal does not obey it. */
static void
t_harmless(void **state)
{
	auto_buf out = { .max = 4096 };
	struct table t;
	(void)state;

	table_init(&t, head, 1);
	table_add(&t, "\033]0;owned\007", NULL);
	table_add(&t, "a\nb\tc\x7f", NULL);
	table_add(&t,
	    "\xc2\x9b"
	    "31m",
	    NULL); /* CSI in its C1 form */
	table_add(&t,
	    "\xe2\x80\xae"
	    "txt",
	    NULL); /* right-to-left override */
	table_add(&t, "\xff\xfe", NULL);
	table_render(&t, false, &out);
	check_text(buf_span(&out), "NAME\n?]0;owned?\na?b?c?\n?31m\n?txt\n??\n");
	table_fini(&t);
}

static void
t_colours(void **state)
{
	auto_buf out = { .max = 4096 };
	struct table t;
	(void)state;

	table_init(&t, head, 2);
	table_add(&t, "a", "\033[32m");
	table_add(&t, "b", NULL);
	table_render(&t, true, &out);
	check_text(buf_span(&out),
	    "\033[1mNAME\033[0m  \033[1mN\033[0m\n"
	    "\033[32ma\033[0m     b\n");
	t.headless = true; /* as wide as with its head */
	buf_reset(&out);
	table_render(&t, false, &out);
	check_text(buf_span(&out), "a     b\n");
	table_fini(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_width),
		cmocka_unit_test(t_rendered),
		cmocka_unit_test(t_harmless),
		cmocka_unit_test(t_colours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
