/* SPDX-License-Identifier: Apache-2.0 */
/* Time stamps of base/text.h against libc's calendar and against fixed examples. */
#include <time.h>

#include "base/text.h"
#include "unit/check.h"

#define MS_MIN INT64_C(-62135596800000)
#define MS_MAX INT64_C(253402300799999)

static void
t_format(void **state)
{
	static const struct {
		int64_t ms;
		const char *iso, *amz, *http;
	} t[] = {
		{ 0, "1970-01-01T00:00:00.000Z", "19700101T000000Z",
		    "Thu, 01 Jan 1970 00:00:00 GMT" },
		{ 1795225657253, "2026-11-21T01:47:37.253Z", "20261121T014737Z",
		    "Sat, 21 Nov 2026 01:47:37 GMT" },
		{ -1, "1969-12-31T23:59:59.999Z", "19691231T235959Z",
		    "Wed, 31 Dec 1969 23:59:59 GMT" },
		{ 951782400000, "2000-02-29T00:00:00.000Z", "20000229T000000Z",
		    "Tue, 29 Feb 2000 00:00:00 GMT" },
		{ INT64_MIN, "0001-01-01T00:00:00.000Z", "00010101T000000Z",
		    "Mon, 01 Jan 0001 00:00:00 GMT" },
		{ INT64_MAX, "9999-12-31T23:59:59.999Z", "99991231T235959Z",
		    "Fri, 31 Dec 9999 23:59:59 GMT" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char iso[TIME_ISO_LEN + 1], amz[TIME_AMZ_LEN + 1],
		    http[TIME_HTTP_LEN + 1];

		row(t[i].iso);
		time_iso(iso, t[i].ms);
		assert_string_equal(iso, t[i].iso);
		time_amz(amz, t[i].ms);
		assert_string_equal(amz, t[i].amz);
		time_http(http, t[i].ms);
		assert_string_equal(http, t[i].http);
	}
}

/* Every 37th hour or so of ten thousand years, there and back, and as gmtime() sees it.
 */
static void
t_round_trip(void **state)
{
	(void)state;

	for (int64_t ms = MS_MIN; ms <= MS_MAX;
	     ms += INT64_C(37) * 3600000 * 20 + 61001) {
		char iso[TIME_ISO_LEN + 1], amz[TIME_AMZ_LEN + 1],
		    http[TIME_HTTP_LEN + 1], words[TIME_WORDS_MAX + 1];
		int64_t rest = (ms % 1000 + 1000) % 1000, back;
		time_t s = (ms - rest) / 1000;
		char want[64];
		struct tm tm;

		time_iso(iso, ms);
		time_amz(amz, ms);
		time_http(http, ms);
		assert_int_equal(time_parse_iso(span_str(iso), &back), 0);
		assert_true(back == ms);
		assert_int_equal(time_parse_amz(span_str(amz), &back), 0);
		assert_true(back == ms - rest);
		assert_int_equal(time_parse_http(span_str(http), &back), 0);
		assert_true(back == ms - rest);
		assert_non_null(gmtime_r(&s, &tm));
		snprintf(want, sizeof(want), "%04d%02d%02dT%02d%02d%02dZ %d",
		    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
		    tm.tm_sec, tm.tm_wday);
		assert_memory_equal(amz, want, TIME_AMZ_LEN);
		assert_memory_equal(http, &"SunMonTueWedThuFriSat"[tm.tm_wday * 3], 3);
		snprintf(want, sizeof(want), "%.3s %d, %04d, %d:%02d:%02d %s",
		    &"JanFebMarAprMayJunJulAugSepOctNovDec"[tm.tm_mon * 3], tm.tm_mday,
		    tm.tm_year + 1900, tm.tm_hour % 12 == 0 ? 12 : tm.tm_hour % 12,
		    tm.tm_min, tm.tm_sec, tm.tm_hour < 12 ? "AM" : "PM");
		time_words(words, ms);
		assert_string_equal(words, want);
	}
}

static void
t_parse_iso(void **state)
{
	static const struct {
		const char *what;
		struct span in;
		int ret;
		int64_t ms;
	} t[] = {
		{ "date only", SPAN("1970-01-02"), 0, 86400000 },
		{ "seconds", SPAN("1970-01-01T00:00:01Z"), 0, 1000 },
		{ "no seconds", SPAN("1970-01-01T00:01Z"), 0, 60000 },
		{ "tenths", SPAN("1970-01-01T00:00:01.5Z"), 0, 1500 },
		{ "nanoseconds are cut", SPAN("1970-01-01T00:00:01.123999999Z"), 0,
		    1123 },
		{ "east", SPAN("1970-01-01T02:00:00+02:00"), 0, 0 },
		{ "west", SPAN("1969-12-31T18:30:00-05:30"), 0, 0 },
		{ "leap day", SPAN("2024-02-29"), 0, 1709164800000 },
		{ "no leap day in 1900", SPAN("1900-02-29"), ERR_INVALID, 0 },
		{ "31 April", SPAN("2026-04-31"), ERR_INVALID, 0 },
		{ "month 13", SPAN("2026-13-01"), ERR_INVALID, 0 },
		{ "month 0", SPAN("2026-00-01"), ERR_INVALID, 0 },
		{ "day 0", SPAN("2026-01-00"), ERR_INVALID, 0 },
		{ "year 0", SPAN("0000-01-01"), ERR_INVALID, 0 },
		{ "hour 24", SPAN("2026-01-01T24:00:00Z"), ERR_INVALID, 0 },
		{ "leap second", SPAN("2016-12-31T23:59:60Z"), ERR_INVALID, 0 },
		{ "no zone", SPAN("2026-01-01T00:00:00"), ERR_INVALID, 0 },
		{ "zone without colon", SPAN("2026-01-01T00:00:00+0200"), ERR_INVALID,
		    0 },
		{ "zone of 24 hours", SPAN("2026-01-01T00:00:00+24:00"), ERR_INVALID, 0 },
		{ "point without digits", SPAN("2026-01-01T00:00:00.Z"), ERR_INVALID, 0 },
		{ "ten digits of fraction", SPAN("2026-01-01T00:00:00.0000000000Z"),
		    ERR_INVALID, 0 },
		{ "more behind", SPAN("2026-01-01T00:00:00Z "), ERR_INVALID, 0 },
		{ "blank for T", SPAN("2026-01-01 00:00:00Z"), ERR_INVALID, 0 },
		{ "sign in a field", SPAN("2026-01--1"), ERR_INVALID, 0 },
		{ "before year 1 by its zone", SPAN("0001-01-01T00:00:00+00:01"),
		    ERR_INVALID, 0 },
		{ "nothing", SPAN(""), ERR_INVALID, 0 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		int64_t ms = 42;

		row(t[i].what);
		assert_int_equal(time_parse_iso(t[i].in, &ms), t[i].ret);
		assert_true(ms == (t[i].ret == 0 ? t[i].ms : 42));
	}
}

static void
t_parse_refuses(void **state)
{
	static const struct {
		const char *what;
		struct span amz, http;
	} t[] = {
		{ "nothing", SPAN(""), SPAN("") },
		{ "zone", SPAN("20261121T014737"),
		    SPAN("Sat, 21 Nov 2026 01:47:37 UTC") },
		{ "no such day", SPAN("20260230T000000Z"),
		    SPAN("Mon, 30 Feb 2026 00:00:00 GMT") },
		{ "more behind", SPAN("20261121T014737Z0"),
		    SPAN("Sat, 21 Nov 2026 01:47:37 GMT ") },
		{ "one digit short", SPAN("2026112T014737Z"),
		    SPAN("Sat, 1 Nov 2026 01:47:37 GMT") },
		{ "other form", SPAN("2026-11-21T01:47:37Z"),
		    SPAN("Sat Nov 21 01:47:37 2026") },
		{ "case", SPAN("20261121t014737z"),
		    SPAN("sat, 21 nov 2026 01:47:37 gmt") },
		{ "minute 60", SPAN("20261121T016000Z"),
		    SPAN("Sat, 21 Nov 2026 01:60:00 GMT") },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		int64_t ms;

		row(t[i].what);
		assert_int_equal(time_parse_amz(t[i].amz, &ms), ERR_INVALID);
		assert_int_equal(time_parse_http(t[i].http, &ms), ERR_INVALID);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_format),
		cmocka_unit_test(t_round_trip),
		cmocka_unit_test(t_parse_iso),
		cmocka_unit_test(t_parse_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
