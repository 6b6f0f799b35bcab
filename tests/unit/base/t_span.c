/* SPDX-License-Identifier: Apache-2.0 */
/* base/span.h: comparison, cutting, copying; NULL and empty spans everywhere. */
#include "base/span.h"

#include "base/err.h"
#include "unit/check.h"

static void
t_compare(void **state)
{
	static const struct {
		const char *what;
		struct span a, b;
		int cmp;
	} t[] = {
		{ "none and empty are equal", { NULL, 0 }, SPAN(""), 0 },
		{ "none before something", { NULL, 0 }, SPAN("a"), -1 },
		{ "a prefix comes first", SPAN("abc"), SPAN("abcd"), -1 },
		{ "bytes are unsigned", SPAN("\xff"), SPAN("a"), 1 },
		{ "NUL is a byte like any other", SPAN("a\0b"), SPAN("a\0c"), -1 },
		{ "equal", SPAN("same"), SPAN("same"), 0 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		assert_int_equal(span_cmp(t[i].a, t[i].b), t[i].cmp);
		assert_int_equal(span_cmp(t[i].b, t[i].a), -t[i].cmp);
		assert_int_equal(span_eq(t[i].a, t[i].b), t[i].cmp == 0);
	}
}

static void
t_match(void **state)
{
	struct span s = SPAN("Content-Type");
	(void)state;

	assert_true(span_eq_str(s, "Content-Type"));
	assert_false(span_eq_str(s, "content-type"));
	assert_false(span_eq_str(s, "Content-Typ"));
	assert_true(span_eq_ci(s, "cONTENT-tYPE"));
	assert_false(span_eq_ci(s, "content-typo"));
	assert_false(span_eq_ci(SPAN("@"), "`")); /* 0x40 and 0x60 are no letters */
	assert_false(span_eq_ci(SPAN("["), "{"));
	assert_true(span_starts(s, "Content"));
	assert_true(span_starts(s, ""));
	assert_true(span_starts(SPAN_NONE, ""));
	assert_false(span_starts(s, "Content-Type:"));
	assert_true(span_ends(s, "Type"));
	assert_true(span_ends(SPAN_NONE, ""));
	assert_false(span_ends(SPAN("ype"), "Type"));
	assert_int_equal(span_find(s, '-'), 7);
	assert_int_equal(span_find(s, '!'), -1);
	assert_int_equal(span_find(SPAN_NONE, 0), -1);
}

static void
t_sub(void **state)
{
	struct span s = SPAN("0123456789");
	(void)state;

	check_text(span_sub(s, 2, 3), "234");
	check_text(span_sub(s, 8, 10), "89");
	check_text(span_sub(s, 8, SIZE_MAX), "89");
	check_text(span_sub(s, 11, 3), "");
	check_text(span_sub(s, SIZE_MAX, SIZE_MAX), "");
	assert_null(span_sub(SPAN_NONE, 3, 3).p);
}

static void
t_cut(void **state)
{
	static const struct {
		const char *what;
		struct span in;
		const char *joined; /* each piece in brackets */
	} t[] = {
		{ "nothing has no pieces", { NULL, 0 }, "" },
		{ "an empty text has one", SPAN(""), "[]" },
		{ "no separator", SPAN("a"), "[a]" },
		{ "several", SPAN("a,bc,d"), "[a][bc][d]" },
		{ "a separator at either end", SPAN(",a,"), "[][a][]" },
		{ "only separators", SPAN(",,"), "[][][]" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct span rest = t[i].in, head;
		char joined[64] = "";
		size_t n = 0;

		row(t[i].what);
		while (span_cut(&rest, ',', &head))
			n += (size_t)snprintf(joined + n, sizeof(joined) - n,
			    "[" SPAN_FMT "]", SPAN_ARG(head));
		assert_string_equal(joined, t[i].joined);
		assert_null(rest.p);
	}
}

static void
t_trim(void **state)
{
	(void)state;

	check_text(span_trim(SPAN(" \t a b\t ")), "a b");
	check_text(span_trim(SPAN(" \t ")), "");
	check_text(span_trim(SPAN("\r\n")), "\r\n");
	check_text(span_trim(SPAN_NONE), "");
}

static void
t_copy(void **state)
{
	static const struct {
		const char *what;
		struct span in;
		int ret;
		const char *left;
	} t[] = {
		{ "fits exactly", SPAN("abc"), 0, "abc" },
		{ "one too long", SPAN("abcd"), ERR_LIMIT, "" },
		{ "NUL inside", SPAN("a\0c"), ERR_INVALID, "" },
		{ "nothing", { NULL, 0 }, 0, "" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char field[4] = "old";

		row(t[i].what);
		assert_int_equal(span_copy(field, sizeof(field), t[i].in), t[i].ret);
		assert_string_equal(field, t[i].left);
	}
	auto_free char *dup = span_dup(SPAN("dup"));
	auto_free char *none = span_dup(SPAN_NONE);

	assert_string_equal(dup, "dup");
	assert_string_equal(none, "");
	assert_null(span_str(NULL).p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_compare),
		cmocka_unit_test(t_match),
		cmocka_unit_test(t_sub),
		cmocka_unit_test(t_cut),
		cmocka_unit_test(t_trim),
		cmocka_unit_test(t_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
