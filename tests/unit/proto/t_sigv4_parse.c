/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sigv4_parse(), sigv4_check_time() and sigv4_check_scope() refuse, and in which
 * words.  Clients show these texts to people, and SDKs look for some of them.
 */
#include "unit/check.h"

#include "base/text.h"
#include "crypto/crypto.h"
#include "proto/sigv4.h"

#define CRED  "Credential=AKIAIOSFODNN7EXAMPLE/20261121/eu-north-1/ssm/aws4_request"
#define CRED3 "Credential=AKIAIOSFODNN7EXAMPLE/20261121/eu-north-1/s3/aws4_request"
#define SIG   "Signature=0123"
#define NAMES "SignedHeaders=host;x-amz-date"
#define GOOD  "AWS4-HMAC-SHA256 " CRED ", " NAMES ", " SIG
#define DATE  "20261121T014737Z"
#define QCRED                                                                        \
	"X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261121%2Feu-north-1%2Fs3%2Faws4_" \
	"request"
#define QUERY                                                         \
	"X-Amz-Algorithm=AWS4-HMAC-SHA256&" QCRED "&X-Amz-Date=" DATE \
	"&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00"

/* A request in one line: the headers that matter, NULL when absent. */
struct row {
	const char *what, *auth, *date, *query;
	const char *extra_name, *extra_value;
	enum sigv4_reason want;
	const char *text;
};

static int
parse_row(const struct row *t, struct arena *mem, struct sigv4_auth *a,
    enum sigv4_reason *why, struct fault *f)
{
	struct sigv4_header h[8];
	struct sigv4_request r = { .method = "POST", .path = SPAN("/"), .headers = h };

	h[r.nheaders++] = (struct sigv4_header){ SPAN("Host"), SPAN("h") };
	if (t->auth != NULL)
		h[r.nheaders++] =
		    (struct sigv4_header){ SPAN("authorization"), span_str(t->auth) };
	if (t->date != NULL)
		h[r.nheaders++] =
		    (struct sigv4_header){ SPAN("X-Amz-Date"), span_str(t->date) };
	if (t->extra_name != NULL)
		h[r.nheaders++] = (struct sigv4_header){ span_str(t->extra_name),
			span_str(t->extra_value) };
	r.query = span_str(t->query);
	return sigv4_parse(a, &r, mem, why, f);
}

static void
run(const struct row *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		auto_arena mem = { 0 };
		struct sigv4_auth a;
		struct fault f = { 0 };
		enum sigv4_reason why;
		int err = parse_row(&t[i], &mem, &a, &why, &f);

		row(t[i].what);
		assert_int_equal(why, t[i].want);
		assert_int_equal(err == 0, t[i].want == SIGV4_OK);
		if (t[i].text != NULL)
			assert_string_equal(f.text, t[i].text);
	}
}

#define CLAIMS_DATE                                                                     \
	"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' " \
	"header. "

static void
t_header(void **state)
{
	static const struct row t[] = {
		{ "good", GOOD, DATE, NULL, NULL, NULL, SIGV4_OK, "" },
		{ "no blanks after commas", "AWS4-HMAC-SHA256 " CRED "," NAMES "," SIG,
		    DATE, NULL, NULL, NULL, SIGV4_OK, NULL },
		{ "another order", "AWS4-HMAC-SHA256   " SIG ", " NAMES ",  " CRED, DATE,
		    NULL, NULL, NULL, SIGV4_OK, NULL },
		{ "nothing", NULL, DATE, NULL, NULL, NULL, SIGV4_MISSING,
		    "Missing Authentication Token" },
		{ "empty", "", DATE, NULL, NULL, NULL, SIGV4_MISSING,
		    "Missing Authentication Token" },
		{ "another scheme", "Bearer secret", DATE, NULL, NULL, NULL,
		    SIGV4_MISSING, "Missing Authentication Token" },
		{ "algorithm only", "AWS4-HMAC-SHA256", DATE, NULL, NULL, NULL,
		    SIGV4_INCOMPLETE,
		    "Authorization header requires 'Credential' parameter. Authorization "
		    "header "
		    "requires 'Signature' parameter. Authorization header requires "
		    "'SignedHeaders' parameter. Authorization=AWS4-HMAC-SHA256" },
		{ "no date", "AWS4-X " CRED "," NAMES "," SIG, NULL, NULL, NULL, NULL,
		    SIGV4_INCOMPLETE,
		    CLAIMS_DATE
		    "Authorization=AWS4-X "
		    "Credential=AKIAIOSFODNN7EXAMPLE/20261121/eu-north-1/ssm/" },
		{ "no equal sign", "AWS4-HMAC-SHA256 Credential, " NAMES, DATE, NULL,
		    NULL, NULL, SIGV4_INCOMPLETE,
		    "'Credential' not a valid key=value pair (missing equal-sign) in "
		    "Authorization header." },
		{ "parameter twice", GOOD ", " SIG, DATE, NULL, NULL, NULL,
		    SIGV4_INCOMPLETE, "Authorization header names a parameter twice." },
		{ "header twice", GOOD, DATE, NULL, "X-Amz-Date", DATE, SIGV4_INCOMPLETE,
		    "The 'X-Amz-Date' header was sent twice." },
		{ "both ways", GOOD, DATE, QUERY, NULL, NULL, SIGV4_BOTH,
		    "Found both 'X-Amz-Algorithm' as a query-string param and "
		    "'Authorization' as "
		    "HTTP header." },
		{ "another algorithm", "AWS4-ECDSA-P256-SHA256 " CRED "," NAMES "," SIG,
		    DATE, NULL, NULL, NULL, SIGV4_BAD_ALGORITHM,
		    "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'." },
		{ "four parts", "AWS4-HMAC-SHA256 Credential=a/b/c/d, " NAMES ", " SIG,
		    DATE, NULL, NULL, NULL, SIGV4_INCOMPLETE,
		    "Credential must have exactly 5 slash-delimited elements, e.g. "
		    "keyid/date/region/service/term, got 'a/b/c/d'" },
		{ "six parts", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e/f, " NAMES ", " SIG,
		    DATE, NULL, NULL, NULL, SIGV4_INCOMPLETE, NULL },
		{ "no key id", "AWS4-HMAC-SHA256 Credential=/b/c/d/e, " NAMES ", " SIG,
		    DATE, NULL, NULL, NULL, SIGV4_INCOMPLETE, NULL },
		{ "a day, no time", GOOD, "20261121", NULL, NULL, NULL, SIGV4_BAD_DATE,
		    "Date must be in ISO-8601 'basic format'. Got '20261121'. See "
		    "http://en.wikipedia.org/wiki/ISO_8601" },
		{ "control bytes are not echoed", GOOD, "a\033b", NULL, NULL, NULL,
		    SIGV4_BAD_DATE,
		    "Date must be in ISO-8601 'basic format'. Got 'a?b'. See "
		    "http://en.wikipedia.org/wiki/ISO_8601" },
	};
	(void)state;

	run(t, ARRAY_LEN(t));
}

#define SIGNS(names) "AWS4-HMAC-SHA256 " CRED ", SignedHeaders=" names ", " SIG
#define MUST(name)   "'" name "' must be a 'SignedHeader' in the AWS Authorization."

static void
t_signed_headers(void **state)
{
	static const struct row t[] = {
		{ "host missing", SIGNS("x-amz-date"), DATE, NULL, NULL, NULL,
		    SIGV4_HOST_NOT_SIGNED, MUST("Host") },
		{ "date missing", SIGNS("host"), DATE, NULL, NULL, NULL,
		    SIGV4_HEADER_NOT_SIGNED, MUST("X-Amz-Date") },
		{ "Date missing", SIGNS("host"), NULL, NULL, "Date",
		    "Sat, 21 Nov 2026 01:47:37 GMT", SIGV4_HEADER_NOT_SIGNED,
		    MUST("Date") },
		{ "Date signed", SIGNS("date;host"), NULL, NULL, "Date",
		    "Sat, 21 Nov 2026 01:47:37 GMT", SIGV4_OK, NULL },
		{ "target missing", SIGNS("host;x-amz-date"), DATE, NULL, "X-AMZ-TARGET",
		    "AmazonSSM.X", SIGV4_HEADER_NOT_SIGNED, MUST("X-Amz-Target") },
		{ "token missing", SIGNS("host;x-amz-date"), DATE, NULL,
		    "x-amz-security-token", "t", SIGV4_HEADER_NOT_SIGNED,
		    MUST("X-Amz-Security-Token") },
		{ "others may stay out", SIGNS("host;x-amz-date"), DATE, NULL,
		    "X-Amz-User-Agent", "x", SIGV4_OK, NULL },
		{ "but not with S3", "AWS4-HMAC-SHA256 " CRED3 ", " NAMES ", " SIG, DATE,
		    NULL, "X-Amz-Copy-Source", "x", SIGV4_HEADER_NOT_SIGNED,
		    MUST("x-amz-copy-source") },
		{ "presigned S3 neither", NULL, NULL, QUERY, "x-amz-acl", "public-read",
		    SIGV4_HEADER_NOT_SIGNED, MUST("x-amz-acl") },
		{ "not sorted", SIGNS("x-amz-date;host"), DATE, NULL, NULL, NULL,
		    SIGV4_INCOMPLETE,
		    "'SignedHeaders' must be lower-case header names in sorted order." },
		{ "one twice", SIGNS("host;host;x-amz-date"), DATE, NULL, NULL, NULL,
		    SIGV4_INCOMPLETE, NULL },
		{ "upper case", SIGNS("Host;x-amz-date"), DATE, NULL, NULL, NULL,
		    SIGV4_INCOMPLETE, NULL },
		{ "empty name", SIGNS("host;;x-amz-date"), DATE, NULL, NULL, NULL,
		    SIGV4_INCOMPLETE, NULL },
		{ "colon", SIGNS("host;x-amz-date:1"), DATE, NULL, NULL, NULL,
		    SIGV4_INCOMPLETE, NULL },
	};
	(void)state;

	run(t, ARRAY_LEN(t));
}

#define ASKS(name) "AWS query-string parameters must include '" name "'. "
#define AGAIN      "Re-examine the query-string parameters."

static void
t_query(void **state)
{
	static const struct row t[] = {
		{ "good", NULL, NULL, QUERY, NULL, NULL, SIGV4_OK, "" },
		{ "signature only", NULL, NULL, "X-Amz-Signature=0", NULL, NULL,
		    SIGV4_INCOMPLETE, NULL },
		{ "no signature", NULL, NULL,
		    "X-Amz-Algorithm=AWS4-HMAC-SHA256&" QCRED "&X-Amz-Date=" DATE
		    "&X-Amz-Expires=60&X-Amz-SignedHeaders=host",
		    NULL, NULL, SIGV4_INCOMPLETE, ASKS("X-Amz-Signature") AGAIN },
		{ "algorithm and credential only", NULL, NULL, "X-Amz-Algorithm=A&" QCRED,
		    NULL, NULL, SIGV4_INCOMPLETE,
		    ASKS("X-Amz-Signature") ASKS("X-Amz-SignedHeaders")
			ASKS("X-Amz-Date") "AWS query-string parameters must include "
					   "'X-Amz-Expires'. Re-examine the "
					   "query-string parameters." },
		{ "a date alone is no claim", NULL, NULL, "X-Amz-Date=" DATE, NULL, NULL,
		    SIGV4_MISSING, NULL },
		{ "parameter twice", NULL, NULL, QUERY "&X-Amz-Expires=70", NULL, NULL,
		    SIGV4_INCOMPLETE, NULL },
		{ "bad escape", NULL, NULL, QUERY "&X-Amz-Security-Token=%4", NULL, NULL,
		    SIGV4_INCOMPLETE,
		    "AWS query-string parameter 'X-Amz-Security-Token' is not "
		    "well-formed." },
		{ "expires 0", NULL, NULL,
		    "X-Amz-Algorithm=AWS4-HMAC-SHA256&" QCRED "&X-Amz-Date=" DATE
		    "&X-Amz-Expires=0&X-Amz-SignedHeaders=host&X-Amz-Signature=00",
		    NULL, NULL, SIGV4_INCOMPLETE,
		    "X-Amz-Expires must be a number of seconds from 1 to 604800." },
		{ "expires after a week", NULL, NULL,
		    "X-Amz-Algorithm=AWS4-HMAC-SHA256&" QCRED "&X-Amz-Date=" DATE
		    "&X-Amz-Expires=604801&X-Amz-SignedHeaders=host&X-Amz-Signature=00",
		    NULL, NULL, SIGV4_INCOMPLETE, NULL },
	};
	(void)state;

	run(t, ARRAY_LEN(t));
}

static void
t_fields(void **state)
{
	static const struct row header = { "", GOOD ";x", DATE, NULL, NULL, NULL, 0,
		NULL };
	static const struct row query = { "", NULL, NULL,
		QUERY "&X-Amz-Security-Token=a%2Fb%3D", NULL, NULL, 0, NULL };
	static const struct row old = { "", SIGNS("date;host"), NULL, NULL, "Date",
		"Sat, 21 Nov 2026 01:47:37 GMT", 0, NULL };
	auto_arena mem = { 0 };
	struct sigv4_auth a;
	enum sigv4_reason why;
	(void)state;

	assert_int_equal(parse_row(&header, &mem, &a, &why, NULL), 0);
	assert_string_equal(a.access_key, "AKIAIOSFODNN7EXAMPLE");
	assert_string_equal(a.date, "20261121");
	assert_string_equal(a.region, "eu-north-1");
	assert_string_equal(a.service, "ssm");
	assert_string_equal(a.terminator, "aws4_request");
	assert_string_equal(a.signature, "0123;x");
	assert_string_equal(a.amz_date, DATE);
	assert_int_equal(a.nsigned, 2);
	assert_string_equal(a.signed_headers[1], "x-amz-date");
	assert_true(a.when_ms == 1795225657000);
	assert_null(a.security_token);
	assert_false(a.presigned);
	assert_int_equal(a.payload_hash.n, 0);

	assert_int_equal(parse_row(&query, &mem, &a, &why, NULL), 0);
	assert_true(a.presigned);
	assert_string_equal(a.security_token, "a/b=");
	assert_string_equal(a.service, "s3");
	assert_int_equal(a.expires_s, 60);
	assert_true(a.when_ms == 1795225657000);

	/* a Date header takes the form it has in the string to sign */
	assert_int_equal(parse_row(&old, &mem, &a, &why, NULL), 0);
	assert_string_equal(a.amz_date, DATE);
	assert_true(a.when_ms == 1795225657000);
}

static void
t_time(void **state)
{
	static const struct {
		const char *what;
		int64_t late_s; /* of our clock */
		int64_t skew_ms, expires_s;
		enum sigv4_reason want;
		const char *text;
	} t[] = {
		{ "now", 0, SIGV4_SKEW_MS, 0, SIGV4_OK, NULL },
		{ "agent-protocol 10.23: five minutes late", 300, SIGV4_SKEW_MS, 0,
		    SIGV4_OK, NULL },
		{ "five minutes early", -300, SIGV4_SKEW_MS, 0, SIGV4_OK, NULL },
		{ "later", 301, SIGV4_SKEW_MS, 0, SIGV4_EXPIRED,
		    "Signature expired: 20261121T014737Z is now earlier than "
		    "20261121T014738Z "
		    "(20261121T015238Z - 5 min.)" },
		{ "earlier", -301, SIGV4_SKEW_MS, 0, SIGV4_NOT_YET,
		    "Signature not yet current: 20261121T014737Z is still later than "
		    "20261121T014736Z (20261121T014236Z + 5 min.)" },
		{ "S3 has time", 899, SIGV4_SKEW_S3_MS, 0, SIGV4_OK, NULL },
		{ "but not for ever", 901, SIGV4_SKEW_S3_MS, 0, SIGV4_EXPIRED,
		    "Signature expired: 20261121T014737Z is now earlier than "
		    "20261121T014738Z "
		    "(20261121T020238Z - 15 min.)" },
		{ "presigned, at its end", 60, SIGV4_SKEW_S3_MS, 60, SIGV4_OK, NULL },
		{ "presigned, past its end", 61, SIGV4_SKEW_S3_MS, 60, SIGV4_EXPIRED,
		    "Request has expired" },
		{ "presigned for a week", 604800, SIGV4_SKEW_S3_MS, 604800, SIGV4_OK,
		    NULL },
		{ "presigned, a little early", -899, SIGV4_SKEW_S3_MS, 60, SIGV4_OK,
		    NULL },
		{ "presigned, too early", -901, SIGV4_SKEW_S3_MS, 60, SIGV4_NOT_YET,
		    NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char date[] = DATE;
		struct sigv4_auth a = { .amz_date = date,
			.presigned = t[i].expires_s > 0,
			.expires_s = t[i].expires_s,
			.when_ms = 1795225657000 };
		enum sigv4_reason why = SIGV4_OK;
		struct fault f = { 0 };
		int err = sigv4_check_time(
		    &a, a.when_ms + t[i].late_s * 1000, t[i].skew_ms, &why, &f);

		row(t[i].what);
		assert_int_equal(why, t[i].want);
		assert_int_equal(err, t[i].want == SIGV4_OK ? 0 : ERR_EXPIRED);
		if (t[i].text != NULL)
			assert_string_equal(f.text, t[i].text);
	}
}

static void
t_scope(void **state)
{
	static const struct {
		const char *date, *region, *service, *terminator, *text;
	} t[] = {
		{ "20261121", "eu-north-1", "ssm", "aws4_request", NULL },
		{ "20261121", "anywhere", "ssm", "aws4_request", NULL },
		{ "20261121", "eu-north-1", "ec2", "aws4_request",
		    "Credential should be scoped to correct service: 'ssm'." },
		{ "20261121", "", "ssm", "aws4_request",
		    "Credential should be scoped to a valid region." },
		{ "20261121", "a b", "ssm", "aws4_request",
		    "Credential should be scoped to a valid region." },
		{ "20261121", "eu-north-1", "ssm", "e",
		    "Credential should be scoped with a valid terminator: "
		    "'aws4_request', not "
		    "'e'." },
		{ "20261120", "eu-north-1", "ssm", "aws4_request",
		    "Date in Credential scope does not match YYYYMMDD from ISO-8601 "
		    "version of "
		    "date from HTTP: '20261120' != '20261121', from "
		    "'20261121T014737Z'." },
		{ "202611210", "eu-north-1", "ssm", "aws4_request",
		    "Date in Credential scope does not match YYYYMMDD from ISO-8601 "
		    "version of "
		    "date from HTTP: '202611210' != '20261121', from "
		    "'20261121T014737Z'." },
		{ "2026112", "eu-north-1", "ssm", "aws4_request",
		    "Date in Credential scope does not match YYYYMMDD from ISO-8601 "
		    "version of "
		    "date from HTTP: '2026112' != '20261121', from '20261121T014737Z'." },
		{ "20261121", "", "x", "e",
		    "Credential should be scoped to correct service: 'ssm'. Credential "
		    "should be "
		    "scoped to a valid region. Credential should be scoped with a valid "
		    "terminator: 'aws4_request', not 'e'." },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_arena mem = { 0 };
		struct sigv4_auth a = {
			.amz_date = arena_strdup(&mem, DATE),
			.date = arena_strdup(&mem, t[i].date),
			.region = arena_strdup(&mem, t[i].region),
			.service = arena_strdup(&mem, t[i].service),
			.terminator = arena_strdup(&mem, t[i].terminator),
		};
		enum sigv4_reason why = SIGV4_OK;
		struct fault f = { 0 };
		int err = sigv4_check_scope(&a, "ssm", &why, &f);

		print_message("  %s\n", t[i].text != NULL ? t[i].text : "good");
		assert_int_equal(err == 0, t[i].text == NULL);
		assert_int_equal(why, t[i].text == NULL ? SIGV4_OK : SIGV4_BAD_SCOPE);
		if (t[i].text != NULL)
			assert_string_equal(f.text, t[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_header),
		cmocka_unit_test(t_signed_headers),
		cmocka_unit_test(t_query),
		cmocka_unit_test(t_fields),
		cmocka_unit_test(t_time),
		cmocka_unit_test(t_scope),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
