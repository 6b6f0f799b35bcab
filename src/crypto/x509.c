/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A private CA and server certificates for "sallyportd init", and the two facts about a
 * certificate that operators are shown.  ECDSA P-256 and SHA-256 throughout; extensions
 * as RFC 5280 asks of each kind.
 *
 * The caller owns what comes out: the key PEM is a secret, its buf wipes it.
 */
#include "crypto/crypto.h"

#include <arpa/inet.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/text.h"

enum {
	SERIAL_LEN = 16,
	PEM_IN_MAX = 256 * 1024,
	COMMON_NAME_MAX = 64, /* RFC 5280, ub-common-name */
	DNS_NAME_MAX = 253,
	NAMES_MAX = 100,
};

static void
x509_auto(X509 **c)
{
	X509_free(*c);
}

static void
pkey_auto(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}

static void
bio_auto(BIO **b)
{
	BIO_free(*b);
}

#define auto_x509 __attribute__((cleanup(x509_auto))) X509
#define auto_pkey __attribute__((cleanup(pkey_auto))) EVP_PKEY
#define auto_bio  __attribute__((cleanup(bio_auto))) BIO

static int
openssl_fault(struct fault *f, const char *what)
{
	ERR_clear_error();
	return fault_set(f, ERR_INTERNAL, "OpenSSL cannot %s", what);
}

static bool
set_serial(X509 *c)
{
	uint8_t raw[SERIAL_LEN];
	BIGNUM *n;
	bool ok;

	if (RAND_bytes(raw, sizeof(raw)) != 1)
		return false;
	raw[0] = (uint8_t)((raw[0] & 0x7f) | 0x40); /* positive, always 16 bytes */
	if ((n = BN_bin2bn(raw, sizeof(raw), NULL)) == NULL)
		return false;
	ok = BN_to_ASN1_INTEGER(n, X509_get_serialNumber(c)) != NULL;
	BN_free(n);
	return ok;
}

static bool
add_ext(X509 *c, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;
	bool ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, c, NULL, NULL, 0);
	if ((e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value)) == NULL)
		return false;
	ok = X509_add_ext(c, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok;
}

/* All that CA and server certificates share, but the extensions and the signature. */
static X509 *
cert_start(EVP_PKEY *key, const char *cn, int64_t from_s, int64_t to_s)
{
	auto_x509 *c = X509_new();
	X509_NAME *name;

	if (c == NULL || X509_set_version(c, X509_VERSION_3) != 1 || !set_serial(c))
		return NULL;
	if (ASN1_TIME_set(X509_getm_notBefore(c), from_s) == NULL ||
	    ASN1_TIME_set(X509_getm_notAfter(c), to_s) == NULL)
		return NULL;
	name = X509_get_subject_name(c);
	if (X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0) != 1)
		return NULL;
	if (X509_set_pubkey(c, key) != 1)
		return NULL;
	return STEAL(c);
}

static int
bio_take(struct buf *out, BIO *b)
{
	char *p = NULL;
	long n = BIO_get_mem_data(b, &p);

	buf_add(out, span_of(p, n > 0 ? (size_t)n : 0));
	return buf_check(out);
}

static int
write_pem(
    struct buf *cert_pem, struct buf *key_pem, X509 *c, EVP_PKEY *k, struct fault *f)
{
	auto_bio *cb = BIO_new(BIO_s_mem());
	auto_bio *kb = BIO_new(BIO_s_mem()); /* its memory is wiped when it is freed */

	if (cb == NULL || kb == NULL || PEM_write_bio_X509(cb, c) != 1 ||
	    PEM_write_bio_PrivateKey(kb, k, NULL, NULL, 0, NULL, NULL) != 1)
		return openssl_fault(f, "write PEM");
	if (bio_take(cert_pem, cb) != 0 || bio_take(key_pem, kb) != 0)
		return fault_set(f, ERR_LIMIT, "the certificate does not fit its buffer");
	return 0;
}

static int
check_validity(int64_t from_s, int64_t to_s, struct fault *f)
{
	const int64_t year_10000_s = 253402300800;

	if (from_s < 0 || from_s >= to_s || to_s >= year_10000_s)
		return fault_set(
		    f, ERR_INVALID, "a certificate must end after it begins");
	return 0;
}

int
x509_make_ca(struct buf *cert_pem, struct buf *key_pem, const char *common_name,
    int64_t not_before_s, int64_t not_after_s, struct fault *f)
{
	size_t n = strlen(common_name);
	int r;

	if (n == 0 || n > COMMON_NAME_MAX || !utf8_valid(span_str(common_name)))
		return fault_set(f, ERR_INVALID, "a CA needs a name of 1 to %d bytes",
		    COMMON_NAME_MAX);
	if ((r = check_validity(not_before_s, not_after_s, f)) != 0)
		return r;

	auto_pkey *key = EVP_EC_gen("P-256");

	if (key == NULL)
		return openssl_fault(f, "generate a P-256 key");

	auto_x509 *c = cert_start(key, common_name, not_before_s, not_after_s);

	if (c == NULL || X509_set_issuer_name(c, X509_get_subject_name(c)) != 1 ||
	    !add_ext(c, c, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
	    !add_ext(c, c, NID_key_usage, "critical,keyCertSign,cRLSign") ||
	    !add_ext(c, c, NID_subject_key_identifier, "hash") ||
	    !add_ext(c, c, NID_authority_key_identifier, "keyid:always") ||
	    X509_sign(c, key, EVP_sha256()) == 0)
		return openssl_fault(f, "make the CA certificate");
	return write_pem(cert_pem, key_pem, c, key, f);
}

/* Letters, digits, hyphens and dots; one "*." at the front. */
static bool
dns_name_ok(const char *s)
{
	size_t label = 0;

	if (strlen(s) > DNS_NAME_MAX)
		return false;
	if (s[0] == '*' && s[1] == '.')
		s += 2;
	for (; *s != '\0'; s++) {
		bool alnum = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
		    (*s >= '0' && *s <= '9');

		if (*s == '.' && label > 0 && s[-1] != '-') {
			label = 0;
			continue;
		}
		if (!alnum && *s != '_' && (*s != '-' || label == 0))
			return false;
		if (++label > 63)
			return false;
	}
	return label > 0 && s[-1] != '-';
}

/*
 * Built by hand, not through OpenSSL's "DNS:...,IP:..." mini-language, so that a name
 * can never smuggle in another one.
 */
static GENERAL_NAME *
general_name(const char *name)
{
	uint8_t ip[16];
	int iplen = inet_pton(AF_INET, name, ip) == 1 ? 4
	    : inet_pton(AF_INET6, name, ip) == 1      ? 16
						      : 0;
	ASN1_STRING *s;
	GENERAL_NAME *g;

	if (iplen == 0 && !dns_name_ok(name))
		return NULL;
	s = ASN1_STRING_type_new(iplen > 0 ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
	g = GENERAL_NAME_new();
	if (s == NULL || g == NULL ||
	    ASN1_STRING_set(
		s, iplen > 0 ? (const void *)ip : name, iplen > 0 ? iplen : -1) != 1) {
		ASN1_STRING_free(s);
		GENERAL_NAME_free(g);
		return NULL;
	}
	GENERAL_NAME_set0_value(g, iplen > 0 ? GEN_IPADD : GEN_DNS, s);
	return g;
}

static void
names_auto(GENERAL_NAMES **n)
{
	GENERAL_NAMES_free(*n);
}

static int
add_san(X509 *c, const char *const *names, size_t nnames, struct fault *f)
{
	__attribute__((cleanup(names_auto))) GENERAL_NAMES *san = GENERAL_NAMES_new();

	if (san == NULL)
		return openssl_fault(f, "make a list of names");
	for (size_t i = 0; i < nnames; i++) {
		GENERAL_NAME *g = general_name(names[i]);

		if (g == NULL)
			return fault_set(f, ERR_INVALID,
			    "not a host name or IP address: \"%.100s\"", names[i]);
		if (sk_GENERAL_NAME_push(san, g) == 0) {
			GENERAL_NAME_free(g);
			return openssl_fault(f, "make a list of names");
		}
	}
	if (X509_add1_ext_i2d(c, NID_subject_alt_name, san, 0, 0) != 1)
		return openssl_fault(f, "add the names");
	return 0;
}

static X509 *
read_cert(struct span pem)
{
	if (pem.n == 0 || pem.n > PEM_IN_MAX)
		return NULL;

	auto_bio *b = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *c = b != NULL ? PEM_read_bio_X509(b, NULL, NULL, NULL) : NULL;

	ERR_clear_error();
	return c;
}

/* No passphrase: OpenSSL must not ask for one on the terminal. */
static int
no_passphrase(char *room, int size, int rwflag, void *u)
{
	(void)room, (void)size, (void)rwflag, (void)u;
	return -1;
}

static EVP_PKEY *
read_key(struct span pem)
{
	if (pem.n == 0 || pem.n > PEM_IN_MAX)
		return NULL;

	auto_bio *b = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *k =
	    b != NULL ? PEM_read_bio_PrivateKey(b, NULL, no_passphrase, NULL) : NULL;

	ERR_clear_error();
	return k;
}

static int
read_ca(
    X509 **ca, EVP_PKEY **key, struct span cert_pem, struct span key_pem, struct fault *f)
{
	if ((*ca = read_cert(cert_pem)) == NULL)
		return fault_set(f, ERR_INVALID, "the CA certificate is not PEM");
	if (X509_check_ca(*ca) != 1)
		return fault_set(f, ERR_INVALID, "the CA certificate is not one of a CA");
	if ((*key = read_key(key_pem)) == NULL)
		return fault_set(
		    f, ERR_INVALID, "the CA key is not PEM, or is encrypted");
	if (X509_check_private_key(*ca, *key) != 1) {
		ERR_clear_error();
		return fault_set(
		    f, ERR_INVALID, "the CA key is not that of the CA certificate");
	}
	return 0;
}

int
x509_make_server(struct buf *cert_pem, struct buf *key_pem, struct span ca_cert_pem,
    struct span ca_key_pem, const char *const *names, size_t nnames, int64_t not_before_s,
    int64_t not_after_s, struct fault *f)
{
	auto_x509 *ca = NULL;
	auto_pkey *ca_key = NULL;
	int r;

	if (nnames == 0 || nnames > NAMES_MAX)
		return fault_set(f, ERR_INVALID,
		    "a server certificate needs 1 to %d names", NAMES_MAX);
	if ((r = check_validity(not_before_s, not_after_s, f)) != 0)
		return r;
	if ((r = read_ca(&ca, &ca_key, ca_cert_pem, ca_key_pem, f)) != 0)
		return r;

	auto_pkey *key = EVP_EC_gen("P-256");

	if (key == NULL)
		return openssl_fault(f, "generate a P-256 key");

	/* Clients look at the SAN; the common name is for people, and is short. */
	const char *cn = strlen(names[0]) <= COMMON_NAME_MAX ? names[0] : "sallyportd";
	auto_x509 *c = cert_start(key, cn, not_before_s, not_after_s);

	if (c == NULL)
		return openssl_fault(f, "make the certificate");
	if ((r = add_san(c, names, nnames, f)) != 0)
		return r;
	if (X509_set_issuer_name(c, X509_get_subject_name(ca)) != 1 ||
	    !add_ext(c, ca, NID_basic_constraints, "critical,CA:FALSE") ||
	    !add_ext(c, ca, NID_key_usage, "critical,digitalSignature") ||
	    !add_ext(c, ca, NID_ext_key_usage, "serverAuth") ||
	    !add_ext(c, ca, NID_subject_key_identifier, "hash") ||
	    !add_ext(c, ca, NID_authority_key_identifier, "keyid:always") ||
	    X509_sign(c, ca_key, EVP_sha256()) == 0)
		return openssl_fault(f, "sign the certificate");
	return write_pem(cert_pem, key_pem, c, key, f);
}

int
x509_fingerprint(char out[65], struct span cert_pem)
{
	auto_x509 *c = read_cert(cert_pem);
	uint8_t sum[SHA256_LEN];
	unsigned char *der = NULL;
	int n;

	out[0] = '\0';
	if (c == NULL || (n = i2d_X509(c, &der)) <= 0)
		return ERR_INVALID;
	sha256(sum, span_of(der, (size_t)n));
	OPENSSL_free(der);
	hex_encode(out, sum, sizeof(sum));
	return 0;
}

int
x509_not_after(struct span cert_pem, int64_t *when_s)
{
	auto_x509 *c = read_cert(cert_pem);
	ASN1_TIME *epoch;
	int days, secs, ok;

	if (c == NULL || (epoch = ASN1_TIME_set(NULL, 0)) == NULL)
		return ERR_INVALID;
	ok = ASN1_TIME_diff(&days, &secs, epoch, X509_get0_notAfter(c));
	ASN1_TIME_free(epoch);
	ERR_clear_error();
	if (ok != 1)
		return ERR_INVALID;
	*when_s = (int64_t)days * 86400 + secs;
	return 0;
}
