/* SPDX-License-Identifier: Apache-2.0 */
/* codec/xmlw.h: escaping, and the lookup in flat answers. */
#include "codec/xmlw.h"

#include "unit/check.h"

static void
t_write(void **state)
{
	auto_buf b;
	(void)state;

	buf_init(&b, 1000);
	xw_open_ns(&b, "R", "https://x/\"&");
	xw_elem(&b, "A", "a<b");
	xw_elem(&b, "E", "");
	xw_elem_opt(&b, "N", NULL);
	xw_elem_opt(&b, "O", "o");
	xw_elem_int(&b, "I", -5);
	xw_elem_bool(&b, "T", true);
	xw_open(&b, "m");
	xw_close(&b, "m");
	xw_close(&b, "R");
	assert_string_equal(buf_cstr(&b),
	    "<R xmlns=\"https://x/&quot;&amp;\"><A>a&lt;b</A><E></E><O>o</O><I>-5</I>"
	    "<T>true</T><m></m></R>");
}

static void
t_text(void **state)
{
	static const struct {
		const char *what;
		struct span in;
		const char *want;
	} t[] = {
		{ "markup", SPAN("<&>\"'"), "&lt;&amp;&gt;&quot;&apos;" },
		{ "end of CDATA", SPAN("]]>"), "]]&gt;" },
		{ "white space", SPAN("a\tb\nc\r"), "a\tb\nc&#13;" },
		{ "control bytes", SPAN("\x01\x1b"), "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "NUL", SPAN("a\0b"),
		    "a\xef\xbf\xbd"
		    "b" },
		{ "U+FFFE", SPAN("\xef\xbf\xbe"), "\xef\xbf\xbd" },
		{ "U+10FFFF", SPAN("\xf4\x8f\xbf\xbf"), "\xf4\x8f\xbf\xbf" },
		{ "invalid UTF-8", SPAN("\xc3("), "\xef\xbf\xbd(" },
		{ "plain", SPAN("\xc3\xa4 z"), "\xc3\xa4 z" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_buf b;

		row(t[i].what);
		buf_init(&b, 1000);
		xw_text(&b, t[i].in);
		assert_string_equal(buf_cstr(&b), t[i].want);
	}
}

static void
t_find(void **state)
{
	static const struct {
		const char *what;
		struct span in;
		int ret;
		const char *out;
	} t[] = {
		{ "flat answer",
		    SPAN(
			"<?xml version=\"1.0\"?>\n<R xmlns=\"x\"><U>1</U><T>abc</T></R>"),
		    0, "abc" },
		{ "first of several", SPAN("<T>1</T><T>2</T>"), 0, "1" },
		{ "with attributes", SPAN("<T a='>' b=\"</T>\">v</T >"), 0, "v" },
		{ "with a prefix", SPAN("<n:T>v</n:T>"), 0, "v" },
		{ "empty", SPAN("<T></T>"), 0, "" },
		{ "self-closing", SPAN("<T/>"), 0, "" },
		{ "self-closing with a blank", SPAN("<T />"), 0, "" },
		{ "white space stays", SPAN("<T> a\n</T>"), 0, " a\n" },
		{ "entities", SPAN("<T>&lt;&gt;&amp;&quot;&apos;</T>"), 0, "<>&\"'" },
		{ "characters by number", SPAN("<T>&#65;&#x42;&#xe4;&#x1F600;</T>"), 0,
		    "AB\xc3\xa4\xf0\x9f\x98\x80" },
		{ "decoded once only", SPAN("<T>&amp;lt;</T>"), 0, "&lt;" },
		{ "CDATA", SPAN("<T>a<![CDATA[<&]]>b</T>"), 0, "a<&b" },
		{ "comment inside", SPAN("<T>a<!-- <T>x</T> -->b</T>"), 0, "ab" },
		{ "commented out", SPAN("<!-- <T>no</T> --><T>yes</T>"), 0, "yes" },
		{ "inside CDATA", SPAN("<A><![CDATA[<T>no</T>]]></A><T>yes</T>"), 0,
		    "yes" },
		{ "inside an attribute", SPAN("<A b='<T>no</T>'><T>yes</T>"), 0, "yes" },
		{ "longer name", SPAN("<TT>1</TT><T>2</T>"), 0, "2" },
		{ "fills the field", SPAN("<T>1234567890123456789012345678901</T>"), 0,
		    "1234567890123456789012345678901" },
		{ "one too long", SPAN("<T>12345678901234567890123456789012</T>"),
		    ERR_LIMIT, "" },
		{ "absent", SPAN("<A>1</A>"), ERR_NOTFOUND, "" },
		{ "nothing", SPAN(""), ERR_NOTFOUND, "" },
		{ "other case", SPAN("<t>1</t>"), ERR_NOTFOUND, "" },
		{ "document type", SPAN("<!DOCTYPE x [<!ENTITY e 'y'>]><T>&e;</T>"),
		    ERR_INVALID, "" },
		{ "unknown entity", SPAN("<T>&nbsp;</T>"), ERR_INVALID, "" },
		{ "open entity", SPAN("<T>&amp</T>"), ERR_INVALID, "" },
		{ "NUL by number", SPAN("<T>&#0;</T>"), ERR_INVALID, "" },
		{ "surrogate by number", SPAN("<T>&#xD800;</T>"), ERR_INVALID, "" },
		{ "too large a number", SPAN("<T>&#x110000;</T>"), ERR_INVALID, "" },
		{ "empty number", SPAN("<T>&#;</T>"), ERR_INVALID, "" },
		{ "empty hexadecimal", SPAN("<T>&#x;</T>"), ERR_INVALID, "" },
		{ "child element", SPAN("<T>a<b>c</b></T>"), ERR_INVALID, "" },
		{ "wrong end", SPAN("<T>a</U>"), ERR_INVALID, "" },
		{ "no end", SPAN("<T>a"), ERR_INVALID, "" },
		{ "open tag", SPAN("<T"), ERR_INVALID, "" },
		{ "open attribute", SPAN("<T a=\"></T>"), ERR_INVALID, "" },
		{ "open comment", SPAN("<!-- <T>a</T>"), ERR_INVALID, "" },
		{ "NUL in the text", SPAN("<T>a\0b</T>"), ERR_INVALID, "" },
		{ "invalid UTF-8", SPAN("<T>\xff</T>"), ERR_INVALID, "" },
		{ "control byte", SPAN("<T>\x1b</T>"), ERR_INVALID, "" },
		{ "nameless tag", SPAN("<><T>a</T>"), ERR_INVALID, "" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char out[32] = "before";

		row(t[i].what);
		assert_int_equal(xml_find_text(out, sizeof(out), t[i].in, "T"), t[i].ret);
		assert_string_equal(out, t[i].out);
	}
}

/* What the writer escapes the lookup gives back. */
static void
t_round_trip(void **state)
{
	const char *text = "a<b>&\"' \r\n\t \xc3\xa4 ]]> &amp;";
	char out[100];
	auto_buf b;
	(void)state;

	buf_init(&b, 1000);
	xw_elem(&b, "T", text);
	assert_int_equal(xml_find_text(out, sizeof(out), buf_span(&b), "T"), 0);
	assert_string_equal(out, text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_write),
		cmocka_unit_test(t_text),
		cmocka_unit_test(t_find),
		cmocka_unit_test(t_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
