/* SPDX-License-Identifier: Apache-2.0 */
/* Times as people write them. */
#include "unit/check.h"

#include "client/terminal/when.h"

static void
t_ago(void **state)
{
	static const struct {
		int64_t seconds;
		const char *want;
	} t[] = {
		{ -3600, "in the future" },
		{ -30, "now" },
		{ 0, "now" },
		{ 45, "45s ago" },
		{ 119, "119s ago" },
		{ 120, "2m ago" },
		{ 7199, "119m ago" },
		{ 7200, "2h ago" },
		{ 2 * 86400 - 1, "47h ago" },
		{ 2 * 86400, "2d ago" },
	};
	char text[32];
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].want);
		when_ago(text, sizeof(text), 1700000000000,
		    1700000000000 - t[i].seconds * 1000);
		assert_string_equal(text, t[i].want);
	}
}

static void
t_duration(void **state)
{
	static const struct {
		const char *text;
		int64_t want; /* -1: refused */
	} t[] = {
		{ "90", 90 },
		{ "90s", 90 },
		{ "30m", 1800 },
		{ "24h", 86400 },
		{ "7d", 604800 },
		{ "", -1 },
		{ "h", -1 },
		{ "0h", -1 },
		{ "-1h", -1 },
		{ "1w", -1 },
		{ "1.5h", -1 },
		{ "99999999999999999999d", -1 },
	};
	int64_t s;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].text);
		if (t[i].want < 0) {
			assert_int_not_equal(when_duration(&s, t[i].text), 0);
			continue;
		}
		assert_int_equal(when_duration(&s, t[i].text), 0);
		assert_int_equal(s, t[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_ago),
		cmocka_unit_test(t_duration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
