/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS between a stream and its wire: a BIO over the buffers that the whole loop shares.
 *
 * One read from the socket may carry several records; all that decodes from it goes up in
 * one piece, and everything written meanwhile gathers in the stage and leaves as one run
 * of records in one system call.  The BIO never refuses a write: what the kernel does not
 * take is queued (stream_write checked the cap before), so SSL_write always completes.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "net/stream_priv.h"
#include "net/tls_priv.h"

enum { DIRECT_MIN = 16 * 1024 }; /* pieces this long are encrypted where they lie */

/* What only gathers must not look like a backlog: no on_drain would tell that it has left. */
_Static_assert((int)TLS_STAGE_SIZE <= (int)STREAM_HIGH, "a full stage is above the mark");

/* --- the BIO --------------------------------------------------------------- */

static int
bio_read(BIO *b, char *out, size_t n, size_t *got)
{
	struct stream *st = BIO_get_data(b);
	struct tls_io *io = st->io;

	BIO_clear_retry_flags(b);
	if (io->reader != st || io->in_off == io->in_len) {
		BIO_set_retry_read(b);
		return 0;
	}
	*got = MIN(n, io->in_len - io->in_off);
	memcpy(out, io->in + io->in_off, *got);
	io->in_off += *got;
	return 1;
}

static void
wire_flush(struct tls_io *io)
{
	struct stream *st = io->writer;
	size_t n = io->wire_len;

	io->wire_len = 0;
	io->writer = NULL;
	if (n > 0)
		stream_send_wire(st, span_of(io->wire, n));
}

static int
bio_write(BIO *b, const char *p, size_t n, size_t *put)
{
	struct stream *st = BIO_get_data(b);
	struct tls_io *io = st->io;

	BIO_clear_retry_flags(b);
	*put = n;
	assert(io->writer == NULL || io->writer == st);
	io->writer = st;
	while (n > 0) {
		size_t k = MIN(n, (size_t)TLS_WIRE_SIZE - io->wire_len);

		memcpy(io->wire + io->wire_len, p, k);
		io->wire_len += k;
		p += k;
		n -= k;
		if (io->wire_len == TLS_WIRE_SIZE) {
			wire_flush(io);
			io->writer = st;
		}
	}
	return 1;
}

static long
bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)b;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD *
tls_bio_method(void)
{
	/* Any type number does: nothing looks for this BIO in a chain. */
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK | 0x7f, "sallyport stream");

	if (m != NULL) {
		BIO_meth_set_read_ex(m, bio_read);
		BIO_meth_set_write_ex(m, bio_write);
		BIO_meth_set_ctrl(m, bio_ctrl);
	}
	return m;
}

/* Clearing an empty queue walks through all its places, which a record is too short for. */
static void
clear_errors(void)
{
	if (ERR_peek_error() != 0)
		ERR_clear_error();
}

/* --- writing --------------------------------------------------------------- */

static void
tls_failed(struct stream *st, const char *what)
{
	char why[200];

	tls_explain(st->ssl, st->name, why, sizeof(why));
	clear_errors();
	wire_flush(st->io); /* the alert */
	if (what != NULL) {
		auto_free char *text = xasprintf("%s: %s", what, why);

		stream_fail(st, ERR_TLS, text);
	} else {
		stream_fail(st, ERR_TLS, why);
	}
}

static void
encrypt(struct stream *st, struct span s)
{
	size_t put = 0;

	if (st->err != 0)
		return;
	clear_errors();
	if (SSL_write_ex(st->ssl, s.p, s.n, &put) != 1)
		tls_failed(st, "cannot send");
	else
		wire_flush(st->io);
}

static void
stage_flush(struct tls_io *io)
{
	struct stream *st = io->gather;
	size_t n = io->stage_len;

	io->gather = NULL;
	io->stage_len = 0;
	if (st != NULL && n > 0)
		encrypt(st, span_of(io->stage, n));
}

static void
stage_add(struct tls_io *io, struct stream *st, struct span s)
{
	while (s.n > 0) {
		size_t n;

		if (io->stage_len == 0 && s.n >= DIRECT_MIN) {
			encrypt(st, s);
			return;
		}
		n = MIN(s.n, (size_t)TLS_STAGE_SIZE - io->stage_len);
		memcpy(io->stage + io->stage_len, s.p, n);
		io->stage_len += n;
		s.p += n;
		s.n -= n;
		if (io->stage_len == TLS_STAGE_SIZE) {
			stage_flush(io);
			io->gather = st;
		}
	}
}

static void
early_add(struct stream *st, struct span s)
{
	if (s.n == 0)
		return;
	st->early = xrealloc(st->early, st->early_len + s.n);
	memcpy(st->early + st->early_len, s.p, s.n);
	st->early_len += (uint32_t)s.n;
}

int
stream_tls_write(struct stream *st, struct span a, struct span b)
{
	struct tls_io *io = st->io;

	if (!st->opened) {
		early_add(st, a);
		early_add(st, b);
		return 0;
	}
	if (io->gather != st)
		stage_flush(io);
	io->gather = st;
	stage_add(io, st, a);
	stage_add(io, st, b);
	if (io->reader == NULL && !st->corked)
		stage_flush(io);
	return st->err != 0 ? ERR_CLOSED : 0;
}

void
stream_tls_flush(struct stream *st)
{
	if (st->io->gather == st)
		stage_flush(st->io);
}

size_t
stream_tls_gathered(const struct stream *st)
{
	return st->io != NULL && st->io->gather == st ? st->io->stage_len : 0;
}

void
stream_tls_goodbye(struct stream *st)
{
	if (st->err != 0 || !st->opened)
		return;
	clear_errors();
	(void)SSL_shutdown(st->ssl);
	clear_errors();
	wire_flush(st->io);
}

/* --- reading --------------------------------------------------------------- */

static void
opened(struct stream *st)
{
	uint8_t *early = st->early;
	uint32_t n = st->early_len;

	st->early = NULL;
	st->early_len = 0;
	stream_mark_open(st);
	if (n > 0 && stream_is_live(st))
		encrypt(st, span_of(early, n));
	free(early);
}

/* True when the handshake is over. */
static bool
handshake(struct stream *st)
{
	int r;

	clear_errors();
	r = SSL_do_handshake(st->ssl);
	if (r == 1) {
		wire_flush(st->io);
		return st->err == 0;
	}
	r = SSL_get_error(st->ssl, r);
	if (r == SSL_ERROR_WANT_READ)
		wire_flush(st->io);
	else
		tls_failed(st, "TLS handshake");
	return false;
}

/* Decodes until there is no more or "plain" is full; SSL_ERROR_NONE means full. */
static int
decode(struct stream *st, size_t *len)
{
	struct tls_io *io = st->io;

	*len = 0;
	while (*len < TLS_PLAIN_SIZE) {
		size_t n = 0;
		int r = SSL_read_ex(st->ssl, io->plain + *len, TLS_PLAIN_SIZE - *len, &n);

		if (r != 1) {
			wire_flush(io); /* an answer to a key update, or an alert */
			return SSL_get_error(st->ssl, r);
		}
		*len += n;
	}
	return SSL_ERROR_NONE;
}

/* Everything that one read brought; stops early when the owner pauses. */
static void
pump(struct stream *st)
{
	struct tls_io *io = st->io;

	if (!st->opened) {
		if (!handshake(st))
			return;
		opened(st);
	}
	clear_errors();
	while (stream_is_live(st)) {
		size_t len;
		int r;

		if (st->paused) {
			st->more = true;
			return;
		}
		r = decode(st, &len);
		if (len > 0 && st->h != NULL)
			st->h->on_data(st->arg, span_of(io->plain, len));
		if (r == SSL_ERROR_WANT_READ || !stream_is_live(st))
			return;
		if (st->paused && r != SSL_ERROR_NONE) {
			st->more = true; /* the end is told after the pause */
			return;
		}
		if (r == SSL_ERROR_ZERO_RETURN)
			stream_fail(st, ERR_CLOSED, "closed by peer");
		else if (r != SSL_ERROR_NONE)
			tls_failed(st, NULL);
	}
}

/* Fills "in" from what a pause left over, or from the socket. */
static int
fill(struct stream *st)
{
	struct tls_io *io = st->io;
	int r;

	io->in_off = io->in_len = 0;
	if (st->more) {
		st->more = false;
		if (st->rest_len > 0)
			memcpy(io->in, st->rest, st->rest_len);
		io->in_len = st->rest_len;
		free(st->rest);
		st->rest = NULL;
		st->rest_len = 0;
		return 0;
	}
	r = ev_read(st->s, io->in, sizeof(io->in), &io->in_len);
	if (r == 0)
		st->active_ms = ev_now_ms(st->loop);
	return r;
}

static void
keep_rest(struct stream *st)
{
	struct tls_io *io = st->io;
	size_t n = io->in_len - io->in_off;

	if (!st->more || n == 0)
		return;
	st->rest = xmalloc(n);
	memcpy(st->rest, io->in + io->in_off, n);
	st->rest_len = (uint32_t)n;
}

static void
cut_off(struct stream *st, int r)
{
	if (r != ERR_CLOSED)
		stream_report(st, r, NULL);
	else if (!st->opened)
		stream_report(
		    st, ERR_TLS, "the peer closed the connection in the TLS handshake");
	else
		stream_report(st, ERR_IO, "connection was cut (no TLS end)");
}

void
stream_tls_read(struct stream *st)
{
	struct tls_io *io = st->io;
	int r;

	assert(io->reader == NULL);
	r = fill(st);
	if (r == 0) {
		io->reader = st;
		pump(st);
		io->reader = NULL;
		keep_rest(st);
		if (io->gather != NULL && !io->gather->corked)
			stage_flush(io);
		stream_update_want(st);
		if (st->err != 0)
			stream_report(st, st->err, st->why);
	} else if (r != ERR_AGAIN) {
		cut_off(st, r);
	}
}

/* --- life ------------------------------------------------------------------ */

static bool
is_address(const char *name)
{
	ASN1_OCTET_STRING *ip = a2i_IPADDRESS(name);

	ASN1_OCTET_STRING_free(ip);
	return ip != NULL;
}

/* Whom a client wants to meet: SNI, and the name or address to verify. */
static int
set_peer(struct stream *st, const char *name)
{
	X509_VERIFY_PARAM *vp = SSL_get0_param(st->ssl);

	if (name == NULL || *name == '\0')
		return ERR_INVALID; /* never a client that verifies nothing */
	st->name = xstrdup(name);
	X509_VERIFY_PARAM_set_hostflags(vp, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (is_address(name))
		return X509_VERIFY_PARAM_set1_ip_asc(vp, name) == 1 ? 0 : ERR_INVALID;
	if (X509_VERIFY_PARAM_set1_host(vp, name, 0) != 1)
		return ERR_INVALID;
	return SSL_set_tlsext_host_name(st->ssl, name) == 1 ? 0 : ERR_INVALID;
}

int
stream_tls_init(struct stream *st, struct tls_ctx *tls, const char *name)
{
	SSL *ssl = NULL;
	BIO *bio;

	if ((st->io = tls_io_take(tls, st->loop, &ssl)) == NULL)
		return ERR_TLS;
	st->ssl = ssl;
	if ((bio = BIO_new(st->io->ctx->bio)) == NULL)
		return ERR_TLS;
	BIO_set_data(bio, st);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	if (st->io->ctx->is_server) {
		SSL_set_accept_state(ssl);
		return 0;
	}
	SSL_set_connect_state(ssl);
	return set_peer(st, name);
}

void
stream_tls_start(struct stream *st)
{
	if (!st->io->ctx->is_server)
		(void)handshake(st);
}

void
stream_tls_fini(struct stream *st)
{
	struct tls_io *io = st->io;

	if (io == NULL)
		return;
	if (io->gather == st) {
		io->gather = NULL;
		io->stage_len = 0;
	}
	SSL_free(st->ssl);
	st->ssl = NULL;
	st->io = NULL;
	tls_io_drop(io);
}

const char *
stream_tls_version(const struct stream *st)
{
	return st->ssl != NULL ? SSL_get_version(st->ssl) : NULL;
}

const char *
stream_tls_cipher(const struct stream *st)
{
	return st->ssl != NULL ? SSL_get_cipher_name(st->ssl) : NULL;
}
