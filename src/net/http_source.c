/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers whose body is read while it is sent: as much as the peer takes, and in each turn
 * of the loop no more than a share, however fast the peer is.
 */
#include "net/http_priv.h"

enum {
	SOURCE_PIECE = 16 * 1024,
	SOURCE_TURN = 512 * 1024, /* bytes for one turn of the loop */
};

void
http_source_close(struct http_conn *c)
{
	struct http_source s = c->source;

	c->source = (struct http_source){ 0 };
	c->source_left = 0;
	if (s.close != NULL)
		s.close(s.arg);
}

/* 0, or an error after which the connection is of no use. */
static int
send_piece(struct http_conn *c)
{
	uint8_t piece[SOURCE_PIECE];
	size_t n =
	    c->source_left < sizeof(piece) ? (size_t)c->source_left : sizeof(piece);
	int err = c->source.read(c->source.arg, piece, n);

	if (err == 0)
		err = stream_write(c->st, span_of(piece, n));
	c->source_left -= err == 0 ? n : 0;
	return err;
}

void
http_source_send(struct http_conn *c)
{
	size_t turn = 0;

	while (c->source_left > 0 && stream_queued(c->st) <= STREAM_HIGH) {
		if (turn >= SOURCE_TURN) {
			http_conn_timer(c, 0);
			return;
		}
		if (send_piece(c) != 0) { /* the length is promised: say it by the end */
			http_conn_drop(c);
			return;
		}
		turn += SOURCE_PIECE;
	}
	if (c->source_left == 0) {
		http_source_close(c);
		http_conn_next(c, c->source_keep && !c->srv->draining);
	} else {
		http_conn_timer(c, c->srv->lim.idle_ms);
	}
}
