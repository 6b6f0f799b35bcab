/* SPDX-License-Identifier: Apache-2.0 */
/* base/log.h: the shape of lines in all three forms, quoting, and the limit by call site.
 */
#include "base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/log_line.h"
#include "unit/check.h"

static void
t_forms(void **state)
{
	static const struct {
		const char *what;
		enum log_level level;
		const char *event, *detail;
		bool cut;
		uint32_t dropped;
		const char *text, *systemd, *json;
	} t[] = {
		{ "plain", LOG_INFO, "session opened", "id=s-1 by=\"a b\"", false, 0,
		    "1970-01-01T00:00:00.000Z level=info at=relay event=\"session "
		    "opened\" id=s-1 "
		    "by=\"a b\"\n",
		    "<6>level=info at=relay event=\"session opened\" id=s-1 by=\"a b\"\n",
		    "\"level\":\"info\",\"program\":\"p\",\"at\":\"relay\",\"event\":"
		    "\"session "
		    "opened\",\"id\":\"s-1\",\"by\":\"a b\"}\n" },
		{ "no detail", LOG_ERROR, "stop", "", false, 0,
		    "1970-01-01T00:00:00.000Z level=error at=relay event=\"stop\"\n",
		    "<3>level=error at=relay event=\"stop\"\n",
		    "\"level\":\"error\",\"program\":\"p\",\"at\":\"relay\",\"event\":"
		    "\"stop\"}\n" },
		{ "bare words become a note", LOG_WARN, "e", "two words k=v \"q w\"",
		    false, 0,
		    "1970-01-01T00:00:00.000Z level=warn at=relay event=\"e\" two words "
		    "k=v \"q "
		    "w\"\n",
		    "<4>level=warn at=relay event=\"e\" two words k=v \"q w\"\n",
		    "\"level\":\"warn\",\"program\":\"p\",\"at\":\"relay\",\"event\":"
		    "\"e\","
		    "\"k\":\"v\",\"note\":\"two words q w\"}\n" },
		{ "control bytes cannot forge a line", LOG_DEBUG, "e", "k=a\n<0>b\x1b[0m",
		    false, 0,
		    "1970-01-01T00:00:00.000Z level=debug at=relay event=\"e\" "
		    "k=a\\x0a<0>b\\x1b[0m\n",
		    "<7>level=debug at=relay event=\"e\" k=a\\x0a<0>b\\x1b[0m\n",
		    "\"level\":\"debug\",\"program\":\"p\",\"at\":\"relay\",\"event\":"
		    "\"e\","
		    "\"k\":\"a\\u000a<0>b\\u001b[0m\"}\n" },
		{ "quotes in values", LOG_INFO, "e", "k=\"a\\\"b\\\\c\\x07\" l=x\"y",
		    true, 7,
		    "1970-01-01T00:00:00.000Z level=info at=relay event=\"e\" "
		    "k=\"a\\\"b\\\\c\\x07\" l=x\"y... dropped=7\n",
		    "<6>level=info at=relay event=\"e\" k=\"a\\\"b\\\\c\\x07\" l=x\"y... "
		    "dropped=7\n",
		    "\"level\":\"info\",\"program\":\"p\",\"at\":\"relay\",\"event\":"
		    "\"e\","
		    "\"k\":\"a\\\"b\\\\c\\\\x07\",\"l\":\"x\\\"y\",\"cut\":\"true\","
		    "\"dropped\":7}"
		    "\n" },
		{ "reserved names, open quote, bad UTF-8", LOG_INFO, "e",
		    "time=1 =x = k= \xff l=\"open", false, 0,
		    "1970-01-01T00:00:00.000Z level=info at=relay event=\"e\" time=1 =x "
		    "= k= \xff "
		    "l=\"open\n",
		    "<6>level=info at=relay event=\"e\" time=1 =x = k= \xff l=\"open\n",
		    "\"level\":\"info\",\"program\":\"p\",\"at\":\"relay\",\"event\":"
		    "\"e\","
		    "\"_time\":\"1\",\"k\":\"\",\"l\":\"open\",\"note\":\"=x = "
		    "\\ufffd\"}\n" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct log_line l = {
			.level = t[i].level,
			.program = "p",
			.file = "../src/server/relay.c",
			.event = t[i].event,
			.detail = t[i].detail,
			.cut = t[i].cut,
			.dropped = t[i].dropped,
		};
		auto_buf b;

		row(t[i].what);
		buf_init(&b, 4096);
		log_line_format(&b, &l, LOG_FORM_TEXT);
		check_text(buf_span(&b), t[i].text);
		buf_reset(&b);
		log_line_format(&b, &l, LOG_FORM_SYSTEMD);
		check_text(buf_span(&b), t[i].systemd);
		buf_reset(&b);
		log_line_format(&b, &l, LOG_FORM_JSON);
		assert_true(
		    span_starts(buf_span(&b), "{\"time\":\"1970-01-01T00:00:00.000Z\","));
		check_text(span_sub(buf_span(&b), 35, SIZE_MAX), t[i].json);
	}
}

static void
t_quote(void **state)
{
	char big[401];
	const char *q, *first;
	(void)state;

	assert_string_equal(log_q("plain"), "\"plain\"");
	assert_string_equal(log_q("a\"b\\c"), "\"a\\\"b\\\\c\"");
	assert_string_equal(log_q("\n\x7f\xc3\xa4"), "\"\\x0a\\x7f\\xc3\\xa4\"");
	assert_string_equal(log_qs(SPAN("a\0b")), "\"a\\x00b\"");
	assert_string_equal(log_q(NULL), "-");
	assert_string_equal(log_qs(SPAN_NONE), "\"\"");
	memset(big, 0xff, sizeof(big));
	q = log_qs(span_of(big, sizeof(big)));
	assert_int_equal(strlen(q), 400 * 4 + 5);
	assert_true(span_ends(span_str(q), "..\""));
	first = log_q("first"); /* several may be used in one line */
	assert_string_equal(log_q("second"), "\"second\"");
	assert_string_equal(first, "\"first\"");
}

/* Runs fn with stderr in a file and returns what was written. */
static char *
captured(void (*fn)(void))
{
	FILE *f = tmpfile();
	int saved = dup(STDERR_FILENO);
	static char text[1 << 16];
	size_t n;

	assert_non_null(f);
	assert_true(dup2(fileno(f), STDERR_FILENO) >= 0);
	fn();
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	rewind(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static void
burst(void)
{
	for (int i = 0; i < LOG_BURST + 20; i++)
		log_info("burst", "n=%d", i);
	log_info("other site");
}

static void
t_limit_by_site(void **state)
{
	struct span out, line;
	size_t lines = 0;
	(void)state;

	log_setup(LOG_INFO, LOG_FORMAT_JSON, "t_log");
	out = span_str(captured(burst));
	while (span_cut(&out, '\n', &line) && line.n > 0) {
		assert_true(span_starts(line, "{\"time\":"));
		assert_true(span_ends(line, "}"));
		lines++;
	}
	assert_int_equal(lines, LOG_BURST + 1);
}

static void
levels(void)
{
	log_error("E", "secret-free=%s", log_q("v"));
	log_warn("W");
	log_info("I");
	log_debug("D");
}

static void
t_levels(void **state)
{
	const char *out;
	(void)state;

	log_setup(LOG_WARN, LOG_FORMAT_TEXT, "t_log");
	assert_true(log_enabled(LOG_ERROR));
	assert_true(log_enabled(LOG_WARN));
	assert_false(log_enabled(LOG_INFO));
	out = captured(levels);
	assert_non_null(
	    strstr(out, "level=error at=t_log event=\"E\" secret-free=\"v\"\n"));
	assert_non_null(strstr(out, "level=warn at=t_log event=\"W\"\n"));
	assert_null(strstr(out, "level=info"));
	assert_null(strstr(out, "level=debug"));
}

static void
long_line(void)
{
	log_error("long", "v=%05000d", 1);
}

static void
t_long_line_is_cut(void **state)
{
	const char *out;
	(void)state;

	log_setup(LOG_INFO, LOG_FORMAT_TEXT, "t_log");
	out = captured(long_line);
	assert_true(strlen(out) < 2200);
	assert_true(span_ends(span_str(out), "000...\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_forms),
		cmocka_unit_test(t_quote),
		cmocka_unit_test(t_limit_by_site),
		cmocka_unit_test(t_levels),
		cmocka_unit_test(t_long_line_is_cut),
	};

	unsetenv("JOURNAL_STREAM");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
