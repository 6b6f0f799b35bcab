/* SPDX-License-Identifier: Apache-2.0 */
/* See socks.h. */
#include "client/forward/socks.h"

#include <arpa/inet.h>

enum { GREETING_HEAD, GREETING, REQUEST_HEAD, REQUEST, DONE };
enum { VERSION = 5, NO_AUTH = 0, NO_METHOD = 0xff, CONNECT = 1 };
enum { IPV4 = 1, NAME = 3, IPV6 = 4 };

void
socks_init(struct socks *s)
{
	*s = (struct socks){ .state = GREETING_HEAD, .want = 2 };
}

uint8_t *
socks_space(struct socks *s, size_t *n)
{
	*n = s->want - s->len;
	return s->in + s->len;
}

struct span
socks_answer(struct socks *s, enum socks_reply reply)
{
	static const uint8_t form[SOCKS_ANSWER_MAX] = { VERSION, 0, 0, IPV4 };

	memcpy(s->out, form, sizeof(form));
	s->out[1] = (uint8_t)reply;
	s->answer = span_of(s->out, sizeof(form));
	return s->answer;
}

static enum socks_event
broken(struct socks *s, enum socks_reply reply)
{
	s->state = DONE;
	socks_answer(s, reply);
	return SOCKS_BROKEN;
}

static enum socks_event
choose_method(struct socks *s)
{
	bool open = span_find(span_of(s->in + 2, s->in[1]), NO_AUTH) >= 0;

	s->out[0] = VERSION;
	s->out[1] = open ? NO_AUTH : NO_METHOD;
	s->answer = span_of(s->out, 2);
	s->state = open ? REQUEST_HEAD : DONE;
	s->len = 0;
	s->want = 5; /* up to the length of a name */
	return open ? SOCKS_ANSWER : SOCKS_BROKEN;
}

static enum socks_event
request_head(struct socks *s)
{
	if (s->in[0] != VERSION)
		return broken(s, SOCKS_FAILURE);
	if (s->in[1] != CONNECT)
		return broken(s, SOCKS_NO_COMMAND);
	switch (s->in[3]) {
	case IPV4:
		s->want = 4 + 4 + 2;
		break;
	case IPV6:
		s->want = 4 + 16 + 2;
		break;
	case NAME:
		if (s->in[4] == 0)
			return broken(s, SOCKS_FAILURE);
		s->want = 4 + 1 + s->in[4] + 2u;
		break;
	default:
		return broken(s, SOCKS_NO_ADDRESS);
	}
	s->state = REQUEST;
	return SOCKS_MORE;
}

static enum socks_event
request(struct socks *s)
{
	const uint8_t *end = s->in + s->want - 2;

	s->state = DONE;
	s->port = (uint16_t)(end[0] << 8 | end[1]);
	if (s->port == 0)
		return broken(s, SOCKS_FAILURE);
	if (s->in[3] != NAME) {
		(void)inet_ntop(s->in[3] == IPV4 ? AF_INET : AF_INET6, s->in + 4, s->host,
		    sizeof(s->host));
		return SOCKS_REQUEST;
	}
	for (const uint8_t *p = s->in + 5; p < end; p++)
		if (*p <= ' ' || *p > '~')
			return broken(s, SOCKS_FAILURE);
	memcpy(s->host, s->in + 5, s->in[4]);
	s->host[s->in[4]] = '\0';
	return SOCKS_REQUEST;
}

enum socks_event
socks_took(struct socks *s, size_t n)
{
	s->len += n;
	if (s->len < s->want)
		return SOCKS_MORE;
	switch (s->state) {
	case GREETING_HEAD:
		s->state = GREETING;
		s->want = 2u + s->in[1];
		if (s->in[0] == VERSION && s->in[1] > 0)
			return SOCKS_MORE;
		s->state = DONE;
		s->answer = SPAN_NONE; /* another protocol altogether */
		return SOCKS_BROKEN;
	case GREETING:
		return choose_method(s);
	case REQUEST_HEAD:
		return request_head(s);
	case REQUEST:
		return request(s);
	default:
		return SOCKS_BROKEN;
	}
}
