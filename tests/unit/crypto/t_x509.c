/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The private CA: what it makes is checked by OpenSSL's own verifier, with purpose, host
 * name, address and a given time.
 */
#include "unit/check.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "crypto/crypto.h"

enum { DAY_S = 86400, NOW_S = 1795225657 }; /* 2026-11-21 */

static struct buf ca_cert, ca_key, cert, key;

static const char *const names[] = { "ssm.example.test", "*.lab.example.test",
	"127.0.0.1", "::1" };

static int
make(void **state)
{
	struct fault f = { 0 };
	(void)state;

	buf_init(&ca_cert, 65536);
	buf_init(&ca_key, 65536);
	buf_init(&cert, 65536);
	buf_init(&key, 65536);
	if (x509_make_ca(&ca_cert, &ca_key, "Sallyport CA", NOW_S, NOW_S + 3650L * DAY_S,
		&f) != 0 ||
	    x509_make_server(&cert, &key, buf_span(&ca_cert), buf_span(&ca_key), names,
		ARRAY_LEN(names), NOW_S, NOW_S + 90L * DAY_S, &f) != 0) {
		print_message("%s\n", fault_text(&f));
		return -1;
	}
	return 0;
}

static int
drop(void **state)
{
	(void)state;
	buf_fini(&ca_cert);
	buf_fini(&ca_key);
	buf_fini(&cert);
	buf_fini(&key);
	return 0;
}

static X509 *
read_pem(const struct buf *pem)
{
	BIO *b = BIO_new_mem_buf(pem->p, (int)pem->len);
	X509 *c = PEM_read_bio_X509(b, NULL, NULL, NULL);

	BIO_free(b);
	assert_non_null(c);
	return c;
}

/* What a TLS client would say: X509_V_OK or an error. */
static int
client_says(const char *host, const char *ip, int64_t at_s)
{
	X509 *ca = read_pem(&ca_cert), *leaf = read_pem(&cert);
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *c = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *p;
	int err;

	assert_int_equal(X509_STORE_add_cert(store, ca), 1);
	assert_int_equal(X509_STORE_CTX_init(c, store, leaf, NULL), 1);
	assert_int_equal(X509_STORE_CTX_set_default(c, "ssl_server"), 1);
	p = X509_STORE_CTX_get0_param(c);
	X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_X509_STRICT);
	X509_VERIFY_PARAM_set_time(p, at_s);
	if (host != NULL)
		assert_int_equal(X509_VERIFY_PARAM_set1_host(p, host, 0), 1);
	if (ip != NULL)
		assert_int_equal(X509_VERIFY_PARAM_set1_ip_asc(p, ip), 1);
	(void)X509_verify_cert(c);
	err = X509_STORE_CTX_get_error(c);
	X509_STORE_CTX_free(c);
	X509_STORE_free(store);
	X509_free(ca);
	X509_free(leaf);
	return err;
}

static void
t_verify(void **state)
{
	static const struct {
		const char *what, *host, *ip;
		int64_t at_s;
		int want;
	} t[] = {
		{ "host name", "ssm.example.test", NULL, NOW_S + 1, X509_V_OK },
		{ "wildcard", "a.lab.example.test", NULL, NOW_S + 1, X509_V_OK },
		{ "IPv4", NULL, "127.0.0.1", NOW_S + 1, X509_V_OK },
		{ "IPv6", NULL, "::1", NOW_S + 1, X509_V_OK },
		{ "another host", "example.test", NULL, NOW_S + 1,
		    X509_V_ERR_HOSTNAME_MISMATCH },
		{ "another address", NULL, "127.0.0.2", NOW_S + 1,
		    X509_V_ERR_IP_ADDRESS_MISMATCH },
		{ "too early", "ssm.example.test", NULL, NOW_S - 1,
		    X509_V_ERR_CERT_NOT_YET_VALID },
		{ "too late", "ssm.example.test", NULL, NOW_S + 91L * DAY_S,
		    X509_V_ERR_CERT_HAS_EXPIRED },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		assert_int_equal(client_says(t[i].host, t[i].ip, t[i].at_s), t[i].want);
	}
}

static void
t_facts(void **state)
{
	char got[65], want[65];
	uint8_t sum[SHA256_LEN];
	X509 *c = read_pem(&cert);
	unsigned int n;
	int64_t when = 0;
	auto_buf both;
	(void)state;

	assert_int_equal(X509_digest(c, EVP_sha256(), sum, &n), 1);
	hex_encode(want, sum, sizeof(sum));
	assert_int_equal(x509_fingerprint(got, buf_span(&cert)), 0);
	assert_string_equal(got, want);
	assert_int_equal(x509_not_after(buf_span(&cert), &when), 0);
	assert_true(when == NOW_S + 90L * DAY_S);
	assert_int_equal(x509_not_after(buf_span(&ca_cert), &when), 0);
	assert_true(when == NOW_S + 3650L * DAY_S);
	X509_free(c);

	/* of several certificates, the first */
	buf_init(&both, 131072);
	buf_add(&both, buf_span(&cert));
	buf_add(&both, buf_span(&ca_cert));
	assert_int_equal(x509_fingerprint(got, buf_span(&both)), 0);
	assert_string_equal(got, want);

	assert_int_equal(x509_fingerprint(got, SPAN("no PEM")), ERR_INVALID);
	assert_string_equal(got, "");
	assert_int_equal(x509_fingerprint(got, SPAN_NONE), ERR_INVALID);
	assert_int_equal(x509_not_after(SPAN("no PEM"), &when), ERR_INVALID);
}

static void
t_names_refused(void **state)
{
	static const char *const bad[] = { "", " ", "a b", "a,DNS:b", "a..b", ".a", "a.",
		"-a", "a-", "a-.b", "*", "*.", "a.*.b", "a\nb", "1.2.3.4.5:80",
		"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg.test",
		"b\xc3\xbc.test" };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *list[] = { "good.test", bad[i] };
		struct fault f = { 0 };
		auto_buf c, k;

		buf_init(&c, 65536);
		buf_init(&k, 65536);
		print_message("  \"%s\"\n", bad[i]);
		assert_int_equal(
		    x509_make_server(&c, &k, buf_span(&ca_cert), buf_span(&ca_key), list,
			2, NOW_S, NOW_S + DAY_S, &f),
		    ERR_INVALID);
		assert_int_equal(k.len, 0);
	}
}

static void
t_refused(void **state)
{
	const struct {
		const char *what;
		struct span cert, key;
		size_t n;
		int64_t from, to;
	} t[] = {
		{ "no names", buf_span(&ca_cert), buf_span(&ca_key), 0, NOW_S,
		    NOW_S + 1 },
		{ "ends before it begins", buf_span(&ca_cert), buf_span(&ca_key), 1,
		    NOW_S, NOW_S },
		{ "not a CA", buf_span(&cert), buf_span(&key), 1, NOW_S, NOW_S + 1 },
		{ "another key", buf_span(&ca_cert), buf_span(&key), 1, NOW_S,
		    NOW_S + 1 },
		{ "no certificate", buf_span(&ca_key), buf_span(&ca_key), 1, NOW_S,
		    NOW_S + 1 },
		{ "no key", buf_span(&ca_cert), buf_span(&ca_cert), 1, NOW_S, NOW_S + 1 },
	};
	auto_buf c, k;
	(void)state;

	buf_init(&c, 65536);
	buf_init(&k, 65536);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		assert_int_equal(x509_make_server(&c, &k, t[i].cert, t[i].key, names,
				     t[i].n, t[i].from, t[i].to, NULL),
		    ERR_INVALID);
	}
	assert_int_equal(x509_make_ca(&c, &k, "", NOW_S, NOW_S + 1, NULL), ERR_INVALID);
	assert_int_equal(c.len, 0);
	assert_int_equal(k.len, 0);
}

static void
t_small_buffer(void **state)
{
	auto_buf c, k;
	(void)state;

	buf_init(&c, 65536);
	buf_init(&k, 100);
	assert_int_equal(x509_make_ca(&c, &k, "x", NOW_S, NOW_S + 1, NULL), ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_verify),
		cmocka_unit_test(t_facts),
		cmocka_unit_test(t_names_refused),
		cmocka_unit_test(t_refused),
		cmocka_unit_test(t_small_buffer),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, make, drop);
}
