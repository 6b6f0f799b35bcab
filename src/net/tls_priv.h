/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a TLS context: the OpenSSL context, and the buffers that all its streams
 * of one loop share.  A context may serve several loops; its table is behind a mutex that
 * is taken when a stream begins and ends, never for data.
 */
#pragma once

#include <openssl/ssl.h>
#include <pthread.h>

#include "base/list.h"
#include "net/tls.h"

struct ev_loop;
struct stream;

enum {
	TLS_PLAIN_SIZE = 256 * 1024, /* decoded bytes handed up in one piece */
	TLS_STAGE_SIZE = 256 * 1024, /* writes gathered between cork and uncork */
	TLS_WIRE_SIZE = TLS_STAGE_SIZE + 1024, /* the records of a full stage */
	TLS_READ_SIZE = TLS_WIRE_SIZE, /* one read: all that a peer of ours sends at once */
};

/*
 * Buffers of one loop.  Nothing stays in them between events, but for "stage" while its
 * stream is corked.  Owner: the context's table; counted by live streams.
 */
struct tls_io {
	struct list link;
	struct tls_ctx *ctx;
	struct ev_loop *loop;
	uint32_t streams;
	struct stream *reader; /* whose bytes are in "in" */
	struct stream *gather; /* whose writes are in "stage" */
	struct stream *writer; /* whose records are in "wire" */
	size_t in_off, in_len, stage_len, wire_len;
	uint8_t in[TLS_READ_SIZE];
	uint8_t plain[TLS_PLAIN_SIZE];
	uint8_t stage[TLS_STAGE_SIZE];
	uint8_t wire[TLS_WIRE_SIZE];
};

/* Owner: its creator and each tls_io; the last one frees it. */
struct tls_ctx {
	pthread_mutex_t lock;
	SSL_CTX *ssl_ctx;
	BIO_METHOD *bio;
	bool is_server;
	bool freed; /* by its creator */
	struct list ios;
};

BIO_METHOD *tls_bio_method(void);
struct tls_io *tls_io_take(struct tls_ctx *t, struct ev_loop *l, SSL **ssl);
void tls_io_drop(struct tls_io *io);
/* What went wrong in the last call on ssl, for a person. */
void tls_explain(SSL *ssl, const char *name, char *out, size_t size);
