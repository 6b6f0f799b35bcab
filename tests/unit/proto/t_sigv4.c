/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SigV4 against requests that other programs signed: the AWS CLI and SDKs (captured),
 * botocore (made by tests/vectors/make_ssmmessages.py), the openssl command (agents'
 * RSASSA-PSS).  Each request is also damaged in every part that the signature covers.
 */
#include "unit/check.h"

#include "base/text.h"
#include "codec/json.h"
#include "codec/uri.h"
#include "crypto/crypto.h"
#include "proto/sigv4.h"

#define AMZ_NOW "20261121T014737Z"

/* One vector in the form the verifier takes; everything lives in mem. */
struct vector {
	struct sigv4_request r;
	struct sigv4_header headers[64];
	struct span secret;
	const char *what;
};

static struct span
read_file(struct arena *mem, const char *path)
{
	enum { ROOM = 1 << 20 };
	uint8_t *p = arena_alloc(mem, ROOM);
	FILE *f = fopen(path, "rb");
	size_t n;

	assert_non_null(f);
	n = fread(p, 1, ROOM, f);
	assert_true(n < ROOM);
	fclose(f);
	return span_of(p, n);
}

static void
fill(struct vector *v, const json_t *o, struct arena *mem)
{
	json_t *list = json_get_arr(o, "headers"), *h;
	struct span target = span_str(arena_strdup(mem, json_get_str(o, "target")));
	auto_buf body;
	size_t i;

	buf_init(&body, 1 << 20);
	assert_int_equal(base64_decode(&body, span_str(json_get_str(o, "body_b64"))), 0);
	*v = (struct vector){ .what = arena_strdup(mem, json_get_str(o, "client")) };
	if (json_get_str(o, "what") != NULL)
		v->what = arena_strdup(mem, json_get_str(o, "what"));
	if (json_get_str(o, "secret") != NULL)
		v->secret = span_str(arena_strdup(mem, json_get_str(o, "secret")));
	assert_true(json_array_size(list) <= ARRAY_LEN(v->headers));
	json_array_foreach(list, i, h)
	{
		v->headers[i].name =
		    span_str(arena_strdup(mem, json_string_value(json_array_get(h, 0))));
		v->headers[i].value =
		    span_str(arena_strdup(mem, json_string_value(json_array_get(h, 1))));
	}
	v->r.method = arena_strdup(mem, json_get_str(o, "method"));
	uri_split_target(target, &v->r.path, &v->r.query);
	v->r.headers = v->headers;
	v->r.nheaders = json_array_size(list);
	v->r.body = arena_copy(mem, buf_span(&body));
}

/* SIGV4_OK, or why not. */
static enum sigv4_reason
judge(const struct sigv4_request *r, struct span secret, struct arena *mem,
    struct sigv4_auth *a)
{
	enum sigv4_reason why = SIGV4_OK;
	struct fault f = { 0 };

	if (sigv4_parse(a, r, mem, &why, &f) != 0) {
		assert_true(why != SIGV4_OK);
		assert_true(f.text[0] != '\0');
		return why;
	}
	if (sigv4_verify(a, r, secret, mem, &why) != 0)
		assert_true(why != SIGV4_OK);
	else
		assert_true(why == SIGV4_OK);
	return why;
}

static bool
body_is_covered(const struct sigv4_auth *a)
{
	return a->payload_hash.n == 64 ||
	    (a->payload_hash.n == 0 && strcmp(a->service, "s3") != 0);
}

/* Damages the request in one place after another; none of them may still verify. */
static void
damage(struct vector *v, struct arena *mem)
{
	struct sigv4_auth a;
	struct vector d = *v;

	assert_int_equal(judge(&v->r, v->secret, mem, &a), SIGV4_OK);
	assert_int_not_equal(judge(&v->r, SPAN("another"), mem, &a), SIGV4_OK);
	assert_int_not_equal(judge(&v->r, SPAN_NONE, mem, &a), SIGV4_OK);

	d.r.headers = d.headers;
	d.r.method = strcmp(v->r.method, "GET") == 0 ? "POST" : "GET";
	assert_int_equal(judge(&d.r, v->secret, mem, &a), SIGV4_BAD_SIGNATURE);
	d.r.method = v->r.method;

	d.r.path = span_str(arena_printf(mem, SPAN_FMT "x", SPAN_ARG(v->r.path)));
	assert_int_equal(judge(&d.r, v->secret, mem, &a), SIGV4_BAD_SIGNATURE);
	d.r.path = v->r.path;

	d.r.query = span_str(arena_printf(mem, SPAN_FMT "&x=1", SPAN_ARG(v->r.query)));
	assert_int_equal(judge(&d.r, v->secret, mem, &a), SIGV4_BAD_SIGNATURE);
	d.r.query = v->r.query;

	d.r.body = span_str(arena_printf(mem, SPAN_FMT "x", SPAN_ARG(v->r.body)));
	assert_int_equal(
	    judge(&d.r, v->secret, mem, &a) == SIGV4_OK, !body_is_covered(&a));
	d.r.body = v->r.body;

	/* every signed header */
	assert_int_equal(judge(&v->r, v->secret, mem, &a), SIGV4_OK);
	for (size_t i = 0; i < a.nsigned; i++) {
		size_t k = 0;
		struct sigv4_header whole;
		struct sigv4_auth other;

		while (k < v->r.nheaders &&
		    !span_eq_ci(v->headers[k].name, a.signed_headers[i]))
			k++;
		assert_true(k < v->r.nheaders);
		whole = d.headers[k];
		d.headers[k].value =
		    span_str(arena_printf(mem, SPAN_FMT "0", SPAN_ARG(whole.value)));
		assert_int_not_equal(judge(&d.r, v->secret, mem, &other), SIGV4_OK);
		d.headers[k].name = SPAN("x-gone");
		assert_int_not_equal(judge(&d.r, v->secret, mem, &other), SIGV4_OK);
		d.headers[k] = whole;
	}
	assert_int_equal(judge(&d.r, v->secret, mem, &a), SIGV4_OK);
}

static void
run_file(const char *path, size_t want)
{
	auto_arena file = { 0 };
	struct span rest = read_file(&file, path), line;
	size_t n = 0;

	while (span_cut(&rest, '\n', &line)) {
		auto_arena mem = { 0 };
		auto_json *o = NULL;
		struct vector v;

		if (line.n == 0)
			continue;
		assert_int_equal(json_read(&o, line, NULL), 0);
		fill(&v, o, &mem);
		print_message("  %zu %s: %s\n", ++n, v.what, json_get_str(o, "target"));
		damage(&v, &mem);
	}
	assert_int_equal(n, want);
}

static void
t_captured(void **state)
{
	(void)state;
	run_file(VECTORS "/sigv4.jsonl", 132);
}

static void
t_ssmmessages(void **state)
{
	(void)state;
	run_file(VECTORS "/ssmmessages.jsonl", 18);
}

/* Signing what was captured gives what was captured, byte for byte. */
static void
t_sign_again(void **state)
{
	auto_arena file = { 0 };
	struct span rest = read_file(&file, VECTORS "/ssmmessages.jsonl"), line;
	size_t n = 0;
	(void)state;

	while (span_cut(&rest, '\n', &line)) {
		auto_arena mem = { 0 };
		auto_json *o = NULL;
		struct vector v;
		struct sigv4_header only[64];
		struct sigv4_auth a;
		enum sigv4_reason why;
		char *got;

		if (line.n == 0)
			continue;
		assert_int_equal(json_read(&o, line, NULL), 0);
		fill(&v, o, &mem);
		assert_int_equal(sigv4_parse(&a, &v.r, &mem, &why, NULL), 0);
		if (a.presigned)
			continue;

		struct sigv4_request r = v.r;
		struct span want = SPAN_NONE;

		r.headers = only;
		r.nheaders = 0;
		for (size_t i = 0; i < v.r.nheaders; i++) {
			bool is_signed = false;

			for (size_t k = 0; k < a.nsigned; k++)
				is_signed = is_signed ||
				    span_eq_ci(v.headers[i].name, a.signed_headers[k]);
			if (is_signed && !span_starts(v.headers[i].name, "X-Amz-Date") &&
			    !span_starts(v.headers[i].name, "X-Amz-Security"))
				only[r.nheaders++] = v.headers[i];
			if (span_eq_ci(v.headers[i].name, "authorization"))
				want = v.headers[i].value;
		}
		struct sigv4_credentials c = { a.access_key, "wJalrXUtnFEMI",
			a.security_token };

		assert_int_equal(
		    sigv4_sign(&got, &r, &c, a.region, a.service, a.amz_date, &mem), 0);
		row(v.what);
		assert_string_equal(got, arena_str(&mem, want));
		n++;
	}
	assert_int_equal(n, 14);
}

/* Agent-protocol 10.4: PSS with a salt of 32 under the label of the HMAC. */
static void
t_rsa(void **state)
{
	auto_arena mem = { 0 };
	auto_json *o = NULL;
	struct rsa_key *pub, *priv;
	json_t *list, *q;
	size_t i;
	(void)state;

	assert_int_equal(
	    json_read(&o, read_file(&mem, VECTORS "/rsa_pss.json"), NULL), 0);
	assert_int_equal(
	    rsa_load_public(&pub, span_str(json_get_str(o, "public_spki")), NULL), 0);
	assert_int_equal(
	    rsa_load_private(&priv, span_str(json_get_str(o, "private_pkcs1")), NULL), 0);
	list = json_get_arr(o, "requests");
	json_array_foreach(list, i, q)
	{
		bool good = json_get_int(q, "salt", 0) == 32;
		struct vector v;
		struct sigv4_auth a;
		enum sigv4_reason why;
		char *request, *text, *mine;

		fill(&v, q, &mem);
		assert_int_equal(sigv4_parse(&a, &v.r, &mem, &why, NULL), 0);
		assert_string_equal(a.access_key, "mi-0123456789abcdef0");
		sigv4_explain(&a, &v.r, &mem, &request, &text);
		assert_string_equal(text, json_get_str(q, "string_to_sign"));
		assert_int_equal(sigv4_verify_rsa(&a, &v.r, pub, &mem, &why),
		    good ? 0 : ERR_SIGNATURE);
		assert_int_equal(why, good ? SIGV4_OK : SIGV4_BAD_SIGNATURE);
		/* the string that is signed is no secret: it must not do as an HMAC key
		 */
		assert_int_equal(
		    sigv4_verify(&a, &v.r, SPAN("x"), &mem, &why), ERR_SIGNATURE);

		/* the unsigned content hash must still be that of the body */
		v.r.body = SPAN("{}");
		assert_int_equal(
		    sigv4_verify_rsa(&a, &v.r, pub, &mem, &why), ERR_SIGNATURE);

		/* and what we sign, we verify */
		v.r.body = SPAN("{\"Fingerprint\":\"x\"}");
		v.r.nheaders = 3;
		assert_int_equal(sigv4_sign_rsa(&mine, &v.r, "mi-0123456789abcdef0", priv,
				     "eu-north-1", AMZ_NOW, &mem),
		    0);
		v.headers[3] = (struct sigv4_header){ SPAN("X-Amz-Date"), SPAN(AMZ_NOW) };
		v.headers[4] =
		    (struct sigv4_header){ SPAN("Authorization"), span_str(mine) };
		v.r.nheaders = 5;
		assert_int_equal(sigv4_parse(&a, &v.r, &mem, &why, NULL), 0);
		assert_int_equal(sigv4_verify_rsa(&a, &v.r, pub, &mem, &why), 0);
		v.r.body = SPAN("{\"Fingerprint\":\"y\"}");
		assert_int_equal(
		    sigv4_verify_rsa(&a, &v.r, pub, &mem, &why), ERR_SIGNATURE);
	}
	rsa_free(pub);
	rsa_free(priv);
}

/* One request signed by ourselves, for what other programs do not produce. */
struct own {
	struct sigv4_request r;
	struct sigv4_header headers[8];
};

static void
own_sign(struct own *o, const char *service, const char *path, struct arena *mem)
{
	struct sigv4_credentials c = { "AKIAIOSFODNN7EXAMPLE", "secret", NULL };
	size_t n = o->r.nheaders;
	char *text;

	o->headers[n++] = (struct sigv4_header){ SPAN("Host"), SPAN("h") };
	o->r.headers = o->headers;
	o->r.nheaders = n;
	o->r.method = "POST";
	o->r.path = span_str(path);
	assert_int_equal(sigv4_sign(&text, &o->r, &c, "r", service, AMZ_NOW, mem), 0);
	o->headers[n++] = (struct sigv4_header){ SPAN("X-Amz-Date"), SPAN(AMZ_NOW) };
	o->headers[n++] = (struct sigv4_header){ SPAN("Authorization"), span_str(text) };
	o->r.nheaders = n;
}

static void
t_payload_literals(void **state)
{
	static const struct {
		const char *what, *service, *sent;
		bool later;
		enum sigv4_reason want;
	} t[] = {
		{ "unsigned, S3", "s3", "UNSIGNED-PAYLOAD", false, SIGV4_OK },
		{ "unsigned, elsewhere", "ssm", "UNSIGNED-PAYLOAD", false,
		    SIGV4_BAD_PAYLOAD_HASH },
		{ "streaming, S3", "s3", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", false,
		    SIGV4_OK },
		{ "streaming, elsewhere", "ssm", "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
		    false, SIGV4_BAD_PAYLOAD_HASH },
		{ "unknown literal", "s3", "WHATEVER", false, SIGV4_BAD_PAYLOAD_HASH },
		{ "hash of another body", "s3",
		    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		    false, SIGV4_BAD_PAYLOAD_HASH },
		{ "hash of another body, elsewhere", "ssm",
		    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		    false, SIGV4_BAD_PAYLOAD_HASH },
		{ "body still to come", "s3",
		    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		    true, SIGV4_OK },
		{ "64 characters, not hex", "s3",
		    "z3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		    true, SIGV4_BAD_PAYLOAD_HASH },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_arena mem = { 0 };
		struct sigv4_auth a;
		struct own o = { .r = { .nheaders = 1,
				     .body = SPAN("body"),
				     .body_later = t[i].later },
			.headers = {
			    { SPAN("x-amz-content-sha256"), span_str(t[i].sent) } } };

		row(t[i].what);
		own_sign(&o, t[i].service, "/b/k", &mem);
		assert_int_equal(judge(&o.r, SPAN("secret"), &mem, &a), t[i].want);
	}
}

/* The path a client signs and the path it sends may differ only in spelling. */
static void
t_paths(void **state)
{
	static const struct {
		const char *service, *is_signed, *sent;
		enum sigv4_reason want;
	} t[] = {
		{ "ssmmessages", "/v1/a@b", "/v1/a@b", SIGV4_OK },
		{ "ssmmessages", "/v1/a", "/v1//a", SIGV4_OK },
		{ "ssmmessages", "/v1/a", "/v1/./x/../a", SIGV4_OK },
		{ "ssmmessages", "/", "", SIGV4_OK },
		{ "ssmmessages", "/", "/..", SIGV4_OK },
		{ "ssmmessages", "/v1", "/v1/b/..", SIGV4_OK },
		{ "ssmmessages", "/v1/", "/v1/b/../", SIGV4_OK },
		{ "ssmmessages", "/v1/a", "/v1/a/", SIGV4_BAD_SIGNATURE },
		{ "ssmmessages", "/v1/a", "/v1/b/..", SIGV4_BAD_SIGNATURE },
		{ "ssmmessages", "/v1/a%40b", "/v1/a@b", SIGV4_BAD_SIGNATURE },
		{ "s3", "/b/a%40b", "/b/a@b", SIGV4_OK },
		{ "s3", "/b/a%20b", "/b/a b", SIGV4_OK },
		{ "s3", "/b/a+b", "/b/a+b", SIGV4_OK },
		{ "s3", "/b/a%20b", "/b/a+b", SIGV4_BAD_SIGNATURE },
		{ "s3", "/b/c", "/b//c", SIGV4_BAD_SIGNATURE },
		{ "s3", "/b/c", "/b/a/../c", SIGV4_BAD_SIGNATURE },
		{ "s3", "/b/%zz", "/b/%zz", SIGV4_OK },
		{ "s3", "/b/c", "/b/%zz", SIGV4_BAD_SIGNATURE },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_arena mem = { 0 };
		struct sigv4_auth a;
		struct own o = { 0 };

		print_message("  %s %s as %s\n", t[i].service, t[i].is_signed, t[i].sent);
		own_sign(&o, t[i].service, t[i].is_signed, &mem);
		o.r.path = span_str(t[i].sent);
		assert_int_equal(judge(&o.r, SPAN("secret"), &mem, &a), t[i].want);
	}
}

static void
t_queries(void **state)
{
	static const struct {
		const char *is_signed, *sent;
		enum sigv4_reason want;
	} t[] = {
		{ "a=1&b=2", "b=2&a=1", SIGV4_OK },
		{ "a=%2F", "a=/", SIGV4_OK },
		{ "a=%2f", "a=%2F", SIGV4_OK },
		{ "a=%20", "a=+", SIGV4_OK },
		{ "a", "a=", SIGV4_OK },
		{ "a=1", "&a=1&", SIGV4_OK },
		{ "a=2&a=1", "a=1&a=2", SIGV4_OK },
		{ "a=b=c", "a=b%3Dc", SIGV4_OK },
		{ "a-=1&a=2", "a=2&a-=1", SIGV4_OK },
		{ "a=1", "a=2", SIGV4_BAD_SIGNATURE },
		{ "a=1", "A=1", SIGV4_BAD_SIGNATURE },
		{ "a=1", "a=1&a=1", SIGV4_BAD_SIGNATURE },
		{ "a=1&b=2", "a=1%26b=2", SIGV4_BAD_SIGNATURE },
		{ "a=1", "a=%4", SIGV4_BAD_SIGNATURE },
		{ "a=1", "a=1%00", SIGV4_BAD_SIGNATURE },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_arena mem = { 0 };
		struct sigv4_auth a;
		struct own o = { .r.query = span_str(t[i].is_signed) };

		print_message("  %s as %s\n", t[i].is_signed, t[i].sent);
		own_sign(&o, "logs", "/", &mem);
		o.r.query = span_str(t[i].sent);
		assert_int_equal(judge(&o.r, SPAN("secret"), &mem, &a), t[i].want);
	}
}

static void
t_headers(void **state)
{
	static const struct {
		const char *is_signed, *sent;
		enum sigv4_reason want;
	} t[] = {
		{ "a b", "a  b", SIGV4_OK },
		{ "a b", "  a     b\t ", SIGV4_OK },
		{ "", "   ", SIGV4_OK },
		{ "a b", "ab", SIGV4_BAD_SIGNATURE },
		{ "a b", "a\nb", SIGV4_BAD_SIGNATURE },
		{ "a", "a\nx-injected:1", SIGV4_BAD_SIGNATURE },
		{ "a,b", "a,b", SIGV4_OK },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_arena mem = { 0 };
		struct sigv4_auth a;
		struct own o = { .r.nheaders = 1,
			.headers = { { SPAN("X-Thing"), span_str(t[i].is_signed) } } };

		print_message("  \"%s\" as \"%s\"\n", t[i].is_signed, t[i].sent);
		own_sign(&o, "logs", "/", &mem);
		o.headers[0].value = span_str(t[i].sent);
		assert_int_equal(judge(&o.r, SPAN("secret"), &mem, &a), t[i].want);
	}

	/* a header sent twice is one with a comma */
	auto_arena mem = { 0 };
	struct sigv4_auth a;
	struct own o = { .r.nheaders = 2,
		.headers = {
		    { SPAN("X-Thing"), SPAN("a") }, { SPAN("x-thing"), SPAN(" b") } } };

	own_sign(&o, "logs", "/", &mem);
	assert_int_equal(judge(&o.r, SPAN("secret"), &mem, &a), SIGV4_OK);
	o.headers[0].value = SPAN("a,b");
	o.headers[1].name = SPAN("x-other");
	assert_int_equal(judge(&o.r, SPAN("secret"), &mem, &a), SIGV4_OK);
}

static void
t_sign_refuses(void **state)
{
	struct sigv4_credentials c = { "AKIAIOSFODNN7EXAMPLE", "secret", NULL },
				 empty = c;
	static struct sigv4_header many[SIGV4_SIGNED_HEADERS_MAX];
	struct sigv4_request r = { .method = "GET", .path = SPAN("/") };
	auto_arena mem = { 0 };
	char *text;
	(void)state;

	empty.secret = "";
	assert_int_equal(
	    sigv4_sign(&text, &r, &c, "r", "ssm", "today", &mem), ERR_INVALID);
	assert_int_equal(
	    sigv4_sign(&text, &r, &empty, "r", "ssm", AMZ_NOW, &mem), ERR_INVALID);

	/* what would make two different requests one text */
	r.headers = &(struct sigv4_header){ SPAN("x-thing"), SPAN("a\nx-other:b") };
	r.nheaders = 1;
	assert_int_equal(
	    sigv4_sign(&text, &r, &c, "r", "ssm", AMZ_NOW, &mem), ERR_INVALID);
	r.headers = &(struct sigv4_header){ SPAN("x-thing"), SPAN("a\0b") };
	assert_int_equal(
	    sigv4_sign(&text, &r, &c, "r", "ssm", AMZ_NOW, &mem), ERR_INVALID);
	r.nheaders = 0;
	r.path = SPAN("/b\nq=1");
	assert_int_equal(
	    sigv4_sign(&text, &r, &c, "r", "s3", AMZ_NOW, &mem), ERR_INVALID);

	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i].name = SPAN("x");
	r.headers = many;
	r.nheaders = ARRAY_LEN(many); /* and X-Amz-Date is one too many */
	assert_int_equal(sigv4_sign(&text, &r, &c, "r", "ssm", AMZ_NOW, &mem), ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_captured),
		cmocka_unit_test(t_ssmmessages),
		cmocka_unit_test(t_sign_again),
		cmocka_unit_test(t_rsa),
		cmocka_unit_test(t_payload_literals),
		cmocka_unit_test(t_paths),
		cmocka_unit_test(t_queries),
		cmocka_unit_test(t_headers),
		cmocka_unit_test(t_sign_refuses),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
