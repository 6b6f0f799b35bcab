/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte stream as HTTP and WebSocket see it: TLS or plain over an ev_stream, with one
 * output queue under a hard cap.
 *
 * TLS runs over a custom BIO on read and write buffers shared by the whole loop (an idle
 * connection keeps no buffer), with SSL_MODE_RELEASE_BUFFERS.  Reading is pushed: on_data
 * takes all of "in" (it may pause further reading); its memory is good for the call only.
 *
 * Owner: whoever created it; stream_close() or stream_finish() gives it back, also after
 * on_close.  on_close is the last callback; none comes after either of the two.  No
 * callback runs from inside a call of its owner: what a write finds out is told later.
 */
#pragma once

#include "ev/ev.h"
#include "net/tls.h"

/* Above HIGH queued bytes a producer should stop; on_drain comes below LOW. */
enum {
	STREAM_HIGH = 256 * 1024,
	STREAM_LOW = 64 * 1024,
	STREAM_QUEUE_MAX = 4 * 1024 * 1024, /* default cap: past it the stream closes with ERR_LIMIT */
};

struct stream;

struct stream_handler {
	void (*on_open)(void *arg);                 /* connected and, with TLS, verified */
	void (*on_data)(void *arg, struct span in);
	void (*on_drain)(void *arg);                /* may be NULL */
	void (*on_close)(void *arg, int err, const char *why); /* ERR_CLOSED: orderly end */
};

/* Takes s.  tls NULL: plain.  server_name: SNI and the name to verify (clients only). */
struct stream *stream_new(struct ev_stream *s, struct tls_ctx *tls, const char *server_name,
    const struct stream_handler *h, void *arg);
/*
 * Turns an open plain stream with an empty queue into TLS (behind a proxy's CONNECT);
 * on_open comes again.  On an error on_close follows from the loop.
 */
int stream_start_tls(struct stream *st, struct tls_ctx *tls, const char *server_name);
void stream_set_handler(struct stream *st, const struct stream_handler *h, void *arg);
void stream_close(struct stream *st);
/* Gives it back; it closes once what is queued was sent, or after timeout_ms. */
void stream_finish(struct stream *st, uint64_t timeout_ms);

/* Queues (copies) what cannot be sent at once.  ERR_CLOSED or ERR_LIMIT. */
int stream_write(struct stream *st, struct span s) MUST_USE;
/* Two pieces as one write: a frame head and its body. */
int stream_write2(struct stream *st, struct span a, struct span b) MUST_USE;
/*
 * Between cork and uncork writes gather in the loop's staging buffer and leave as one TLS
 * record run; uncork at the end of the batch.  Writes made while a TLS stream of the same
 * context delivers data gather by themselves until all of it was delivered.
 */
bool stream_cork(struct stream *st); /* whether it was not corked before */
void stream_uncork(struct stream *st);
size_t stream_queued(const struct stream *st);
void stream_set_queue_max(struct stream *st, size_t max);

void stream_pause(struct stream *st, bool pause); /* reading */
const char *stream_peer_ip(const struct stream *st);
struct ev_loop *stream_loop(const struct stream *st);
bool stream_is_tls(const struct stream *st);
/* What was negotiated, in OpenSSL's words: "TLSv1.3", "TLS_AES_128_GCM_SHA256".  Static; NULL: plain. */
const char *stream_tls_version(const struct stream *st);
const char *stream_tls_cipher(const struct stream *st);
/*
 * Signs of life, for dead-peer checks.  stream_look() asks the kernel how far our bytes got;
 * call it every few seconds before the other two.
 *
 * idle: since the peer sent a byte, or took one while others were still on their way.  What
 * was taken last does not count, since the kernel of a program that hangs takes it, too.
 * stuck: since all was taken, or some of it: the only sign where reading is paused.
 */
void stream_look(struct stream *st);
uint64_t stream_idle_ms(const struct stream *st);
uint64_t stream_stuck_ms(const struct stream *st);
