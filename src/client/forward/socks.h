/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's half of SOCKS 5 (RFC 1928) up to the request: no authentication, CONNECT
 * only.  Pure: the owner reads exactly what is asked for, so that nothing of the
 * connection that follows is taken.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

enum socks_reply {
	SOCKS_OK = 0,
	SOCKS_FAILURE = 1,
	SOCKS_FORBIDDEN = 2,
	SOCKS_UNREACHABLE = 4,
	SOCKS_REFUSED = 5,
	SOCKS_NO_COMMAND = 7,
	SOCKS_NO_ADDRESS = 8,
};

enum { SOCKS_MESSAGE_MAX = 4 + 1 + 255 + 2, SOCKS_ANSWER_MAX = 10 };

enum socks_event {
	SOCKS_MORE,    /* go on reading */
	SOCKS_ANSWER,  /* send the answer, go on reading */
	SOCKS_REQUEST, /* host and port are known; answer with socks_answer() */
	SOCKS_BROKEN,  /* send the answer, if there is one, and close */
};

struct socks {
	int state;
	uint8_t in[SOCKS_MESSAGE_MAX];
	size_t len, want;
	uint8_t out[SOCKS_ANSWER_MAX];
	struct span answer; /* in out */
	char host[256];     /* a name, or an address as text */
	uint16_t port;
};

void socks_init(struct socks *s);
/* Where the next bytes belong, and how many at most: never 0 before the request. */
uint8_t *socks_space(struct socks *s, size_t *n);
enum socks_event socks_took(struct socks *s, size_t n);
/* The answer to the request. */
struct span socks_answer(struct socks *s, enum socks_reply reply);
