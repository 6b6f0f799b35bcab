/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS contexts: policy, certificates, roots, and the table of buffers by loop.
 *
 * Servers give session tickets (stateless: no session cache in memory), one for each
 * handshake; a reload keeps the ticket keys, so that agents resume over it.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "ev/ev.h"
#include "net/tls_priv.h"

enum { TICKET_KEYS_MAX = 128, SECURITY_LEVEL = 2 };

static const char suites12[] = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL";

/* The oldest error is the cause; those on top of it only say who was calling. */
static int
ssl_fault(struct fault *f, int code, const char *what)
{
	unsigned long e = ERR_peek_error();
	const char *reason = ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e))
						 : ERR_reason_error_string(e);

	if (ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE)
		reason = "it is not in PEM";
	code = fault_set(
	    f, code, "%s: %s", what, reason != NULL ? reason : "OpenSSL failed");
	ERR_clear_error();
	return code;
}

static SSL_CTX *
base_ctx(const SSL_METHOD *method)
{
	SSL_CTX *c = SSL_CTX_new(method);

	if (c == NULL)
		return NULL;
	SSL_CTX_set_security_level(c, SECURITY_LEVEL);
	SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(c, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	if (SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(c, suites12) != 1) {
		SSL_CTX_free(c);
		return NULL;
	}
	return c;
}

/* --- servers --------------------------------------------------------------- */

static int
load_files(SSL_CTX *c, const char *cert_file, const char *key_file, struct fault *f)
{
	char what[200];

	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(c, cert_file) != 1) {
		(void)snprintf(
		    what, sizeof(what), "cannot use certificate %s", cert_file);
		return ssl_fault(f, ERR_TLS, what);
	}
	if (SSL_CTX_use_PrivateKey_file(c, key_file, SSL_FILETYPE_PEM) != 1) {
		(void)snprintf(what, sizeof(what), "cannot use private key %s", key_file);
		return ssl_fault(f, ERR_TLS, what);
	}
	if (SSL_CTX_check_private_key(c) != 1)
		return ssl_fault(
		    f, ERR_TLS, "certificate and private key do not belong together");
	return 0;
}

/* What we never speak is refused early; http/1.1 is chosen when it is on offer. */
static int
choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned int in_len, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto((unsigned char **)out, out_len, ours, sizeof(ours) - 1,
		in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	return SSL_TLSEXT_ERR_OK;
}

static int
server_ctx(SSL_CTX **out, const char *cert_file, const char *key_file, struct fault *f)
{
	static const unsigned char id[] = "sallyport";
	SSL_CTX *c = base_ctx(TLS_server_method());
	int r;

	if (c == NULL)
		return ssl_fault(f, ERR_TLS, "cannot make a TLS context");
	/* Thousands of idle connections; clients have one and keep its buffers. */
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_num_tickets(c, 1);
	(void)SSL_CTX_set_session_id_context(c, id, sizeof(id) - 1);
	SSL_CTX_set_alpn_select_cb(c, choose_alpn, NULL);
	if ((r = load_files(c, cert_file, key_file, f)) != 0) {
		SSL_CTX_free(c);
		return r;
	}
	*out = c;
	return 0;
}

static void
keep_ticket_keys(SSL_CTX *to, SSL_CTX *from)
{
	unsigned char keys[TICKET_KEYS_MAX];
	long n = SSL_CTX_get_tlsext_ticket_keys(from, NULL, 0);

	if (n <= 0 || n > TICKET_KEYS_MAX)
		return;
	if (SSL_CTX_get_tlsext_ticket_keys(from, keys, (int)n) == 1)
		(void)SSL_CTX_set_tlsext_ticket_keys(to, keys, (int)n);
	OPENSSL_cleanse(keys, sizeof(keys));
}

/* --- clients --------------------------------------------------------------- */

static bool
load_system_roots(SSL_CTX *c)
{
	static const char *const files[] = {
		"/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/ca-bundle.pem",
		"/etc/ssl/cert.pem",
	};

	if (getenv("SSL_CERT_FILE") != NULL || getenv("SSL_CERT_DIR") != NULL)
		return SSL_CTX_set_default_verify_paths(c) == 1;
	/* The directory form first: one certificate in memory instead of all of them. */
	if (access("/etc/ssl/certs/ca-certificates.crt", R_OK) == 0)
		return SSL_CTX_load_verify_dir(c, "/etc/ssl/certs") == 1;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (access(files[i], R_OK) == 0)
			return SSL_CTX_load_verify_file(c, files[i]) == 1;
	}
	return SSL_CTX_set_default_verify_paths(c) == 1;
}

static int
client_ctx(SSL_CTX **out, const char *ca_file, struct fault *f)
{
	SSL_CTX *c = base_ctx(TLS_client_method());
	char what[200];

	if (c == NULL)
		return ssl_fault(f, ERR_TLS, "cannot make a TLS context");
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
	if (ca_file != NULL && SSL_CTX_load_verify_file(c, ca_file) != 1) {
		(void)snprintf(what, sizeof(what), "cannot use CA file %s", ca_file);
		SSL_CTX_free(c);
		return ssl_fault(f, ERR_TLS, what);
	}
	if (ca_file == NULL && !load_system_roots(c)) {
		SSL_CTX_free(c);
		return ssl_fault(
		    f, ERR_TLS, "cannot load the system's root certificates");
	}
	ERR_clear_error();
	*out = c;
	return 0;
}

/* --- life ------------------------------------------------------------------ */

static void
ctx_destroy(struct tls_ctx *t)
{
	SSL_CTX_free(t->ssl_ctx);
	BIO_meth_free(t->bio);
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
}

static int
ctx_new(struct tls_ctx **out, SSL_CTX *c, bool is_server, struct fault *f)
{
	struct tls_ctx *t = xcalloc(1, sizeof(*t));

	(void)pthread_mutex_init(&t->lock, NULL);
	list_init(&t->ios);
	t->ssl_ctx = c;
	t->is_server = is_server;
	if ((t->bio = tls_bio_method()) == NULL) {
		ctx_destroy(t);
		return ssl_fault(f, ERR_TLS, "cannot make a TLS context");
	}
	*out = t;
	return 0;
}

int
tls_server_new(
    struct tls_ctx **out, const char *cert_file, const char *key_file, struct fault *f)
{
	SSL_CTX *c = NULL;
	int r = server_ctx(&c, cert_file, key_file, f);

	return r != 0 ? r : ctx_new(out, c, true, f);
}

int
tls_server_reload(
    struct tls_ctx *t, const char *cert_file, const char *key_file, struct fault *f)
{
	SSL_CTX *c = NULL;
	int r = server_ctx(&c, cert_file, key_file, f);

	if (r != 0)
		return r;
	(void)pthread_mutex_lock(&t->lock);
	keep_ticket_keys(c, t->ssl_ctx);
	SSL_CTX_free(t->ssl_ctx);
	t->ssl_ctx = c;
	(void)pthread_mutex_unlock(&t->lock);
	return 0;
}

int
tls_client_new(struct tls_ctx **out, const char *ca_file, struct fault *f)
{
	SSL_CTX *c = NULL;
	int r = client_ctx(&c, ca_file, f);

	return r != 0 ? r : ctx_new(out, c, false, f);
}

void
tls_ctx_free(struct tls_ctx *t)
{
	bool last;

	if (t == NULL)
		return;
	(void)pthread_mutex_lock(&t->lock);
	assert(!t->freed);
	t->freed = true;
	last = list_empty(&t->ios);
	(void)pthread_mutex_unlock(&t->lock);
	if (last)
		ctx_destroy(t);
}

struct tls_io *
tls_io_take(struct tls_ctx *t, struct ev_loop *l, SSL **ssl)
{
	struct tls_io *io = NULL;

	(void)pthread_mutex_lock(&t->lock);
	if ((*ssl = SSL_new(t->ssl_ctx)) != NULL) {
		LIST_EACH(it, &t->ios, struct tls_io, link)
		{
			if (it->loop == l)
				io = it;
		}
		if (io == NULL) {
			io = xmalloc(sizeof(*io));
			memset(io, 0, offsetof(struct tls_io, in));
			io->ctx = t;
			io->loop = l;
			list_add_tail(&t->ios, &io->link);
		}
		io->streams++;
	}
	(void)pthread_mutex_unlock(&t->lock);
	return io;
}

void
tls_io_drop(struct tls_io *io)
{
	struct tls_ctx *t = io->ctx;
	bool last;

	(void)pthread_mutex_lock(&t->lock);
	/* While one stream is read its owner may close others, which leave at once. */
	assert(io->streams > (io->reader != NULL ? 1U : 0U));
	if (--io->streams == 0) {
		list_del(&io->link);
		free(io);
	}
	last = t->freed && list_empty(&t->ios);
	(void)pthread_mutex_unlock(&t->lock);
	if (last)
		ctx_destroy(t);
}
