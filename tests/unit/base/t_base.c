/* SPDX-License-Identifier: Apache-2.0 */
/* base/base.h, base/err.h and base/list.h: allocation, result codes, faults, lists. */
#include "base/base.h"

#include <errno.h>

#include "base/err.h"
#include "base/list.h"
#include "unit/check.h"

static void
t_str_copy(void **state)
{
	static const struct {
		const char *what, *src;
		size_t size;
		int ret;
		const char *left;
	} t[] = {
		{ "empty into one byte", "", 1, 0, "" },
		{ "one short of the size fits", "abc", 4, 0, "abc" },
		{ "as long as the size does not", "abcd", 4, ERR_LIMIT, "" },
		{ "nothing fits into one byte", "a", 1, ERR_LIMIT, "" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char field[8] = "before";

		row(t[i].what);
		assert_int_equal(str_copy(field, t[i].size, t[i].src), t[i].ret);
		assert_string_equal(field, t[i].left);
	}
}

static void
t_alloc(void **state)
{
	auto_free char *empty = xmalloc(0);
	auto_free char *zeroed = xcalloc(3, 5);
	auto_free char *cut = xstrndup("sallyport", 5);
	auto_free char *whole = xstrndup("sally", 50);
	auto_free char *text = xasprintf("%s-%d", "i", 7);
	auto_free char *moved = xstrdup("stolen");
	char *taken = STEAL(moved);
	(void)state;

	assert_non_null(empty);
	for (size_t i = 0; i < 15; i++)
		assert_int_equal(zeroed[i], 0);
	assert_string_equal(cut, "sally");
	assert_string_equal(whole, "sally");
	assert_string_equal(text, "i-7");
	assert_null(moved);
	taken = xrealloc(taken, 100);
	assert_string_equal(taken, "stolen");
	free(taken);
}

static void
t_err_text(void **state)
{
	(void)state;

	assert_string_equal(err_text(0), "success");
	assert_string_equal(err_text(ERR_INVALID), "invalid input");
	assert_string_equal(err_text(ERR_INTERNAL), "internal error");
	assert_string_equal(err_text(-999), "unknown error");
}

static void
t_err_from_errno(void **state)
{
	static const struct {
		int e, want;
	} t[] = { { 0, 0 }, { EAGAIN, ERR_AGAIN }, { ECONNREFUSED, ERR_REFUSED },
		{ ETIMEDOUT, ERR_TIMEOUT }, { EPIPE, ERR_CLOSED },
		{ ENOENT, ERR_NOTFOUND }, { EACCES, ERR_DENIED }, { EEXIST, ERR_EXISTS },
		{ ENOSPC, ERR_LIMIT }, { EINVAL, ERR_INVALID }, { EIO, ERR_IO },
		{ 99999, ERR_IO } };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(strerror(t[i].e));
		assert_int_equal(err_from_errno(t[i].e), t[i].want);
	}
}

static void
t_fault(void **state)
{
	struct fault f = { 0 };
	char big[1000];
	(void)state;

	assert_int_equal(fault_set(NULL, ERR_IO, "%d", 1), ERR_IO);
	assert_int_equal(fault_set(&f, ERR_DENIED, "no key for %s", "i-1"), ERR_DENIED);
	assert_int_equal(f.code, ERR_DENIED);
	assert_string_equal(fault_text(&f), "no key for i-1");

	assert_int_equal(fault_set(&f, ERR_IO, "two\nlines\r\x7f."), ERR_IO);
	assert_string_equal(fault_text(&f), "two lines  .");

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(fault_set(&f, ERR_LIMIT, "%s", big), ERR_LIMIT);
	assert_int_equal(strlen(fault_text(&f)), sizeof(f.text) - 1);

	f = (struct fault){ .code = ERR_EXPIRED };
	assert_string_equal(fault_text(&f), "expired");
}

struct item {
	int n;
	struct list link;
};

static void
t_list(void **state)
{
	struct list head;
	struct item a = { .n = 1 }, b = { .n = 2 }, c = { .n = 3 };
	int seen = 0;
	(void)state;

	list_init(&head);
	assert_true(list_empty(&head));
	assert_null(LIST_FIRST(&head, struct item, link));
	list_add_tail(&head, &b.link);
	list_add_tail(&head, &c.link);
	list_add_head(&head, &a.link);
	assert_ptr_equal(LIST_FIRST(&head, struct item, link), &a);
	LIST_EACH(it, &head, struct item, link)
	{
		seen = seen * 10 + it->n;
		list_del(&it->link); /* removal of the current one is allowed */
		list_del(&it->link); /* twice is harmless */
	}
	assert_int_equal(seen, 123);
	assert_true(list_empty(&head));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_str_copy),
		cmocka_unit_test(t_alloc),
		cmocka_unit_test(t_err_text),
		cmocka_unit_test(t_err_from_errno),
		cmocka_unit_test(t_fault),
		cmocka_unit_test(t_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
