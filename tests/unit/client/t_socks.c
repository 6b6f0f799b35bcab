/* SPDX-License-Identifier: Apache-2.0 */
/* SOCKS 5 up to the request, cut in every way; and nothing behind the request is taken. */
#include "unit/check.h"

#include "client/forward/socks.h"

struct outcome {
	enum socks_event end;
	uint8_t answers[64];
	size_t nanswers, used;
};

static void
note_answer(struct outcome *o, struct span a)
{
	memcpy(o->answers + o->nanswers, a.p, a.n);
	o->nanswers += a.n;
}

/* Feeds at most piece bytes at a time until it ends or the bytes do. */
static struct outcome
talk(struct socks *s, const uint8_t *in, size_t n, size_t piece)
{
	struct outcome o = { .end = SOCKS_MORE };

	socks_init(s);
	while (o.used < n && o.end != SOCKS_REQUEST && o.end != SOCKS_BROKEN) {
		size_t room;
		uint8_t *p = socks_space(s, &room);
		size_t k = MIN(MIN(room, piece), n - o.used);

		assert_true(room > 0);
		memcpy(p, in + o.used, k);
		o.used += k;
		o.end = socks_took(s, k);
		if ((o.end == SOCKS_ANSWER || o.end == SOCKS_BROKEN) && s->answer.n > 0)
			note_answer(&o, s->answer);
	}
	return o;
}

#define HELLO "\x05\x01\x00"
#define B(s)  (const uint8_t *)(s), sizeof(s) - 1

static void
t_requests(void **state)
{
	static const struct {
		const char *what;
		const uint8_t *in;
		size_t n;
		enum socks_event end;
		const char *host;
		uint16_t port;
		int reply; /* second byte of the last answer; -1: none */
	} t[] = {
		{ "IPv4", B(HELLO "\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50"),
		    SOCKS_REQUEST, "127.0.0.1", 80, 0 },
		{ "a name",
		    B(HELLO "\x05\x01\x00\x03\x02"
			    "db\x15\x38"),
		    SOCKS_REQUEST, "db", 5432, 0 },
		{ "a name of one letter",
		    B(HELLO "\x05\x01\x00\x03\x01"
			    "x\x00\x01"),
		    SOCKS_REQUEST, "x", 1, 0 },
		{ "IPv6",
		    B(HELLO "\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
			    "\xff\xff"),
		    SOCKS_REQUEST, "2001:db8::1", 65535, 0 },
		{ "several methods",
		    B("\x05\x03\x02\x01\x00\x05\x01\x00\x01\x01\x02\x03\x04\x00\x01"),
		    SOCKS_REQUEST, "1.2.3.4", 1, 0 },
		{ "passwords only", B("\x05\x01\x02"), SOCKS_BROKEN, "", 0, 0xff },
		{ "SOCKS 4", B("\x04\x01\x00\x50"), SOCKS_BROKEN, "", 0, -1 },
		{ "HTTP", B("GET / HTTP/1.1\r\n"), SOCKS_BROKEN, "", 0, -1 },
		{ "no methods", B("\x05\x00"), SOCKS_BROKEN, "", 0, -1 },
		{ "BIND", B(HELLO "\x05\x02\x00\x01\x7f"), SOCKS_BROKEN, "", 0,
		    SOCKS_NO_COMMAND },
		{ "another kind of address", B(HELLO "\x05\x01\x00\x02\x7f"),
		    SOCKS_BROKEN, "", 0, SOCKS_NO_ADDRESS },
		{ "an empty name", B(HELLO "\x05\x01\x00\x03\x00"), SOCKS_BROKEN, "", 0,
		    SOCKS_FAILURE },
		{ "a name with a blank",
		    B(HELLO "\x05\x01\x00\x03\x03"
			    "a b\x00\x50"),
		    SOCKS_BROKEN, "", 0, SOCKS_FAILURE },
		{ "port 0", B(HELLO "\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x00"),
		    SOCKS_BROKEN, "", 0, SOCKS_FAILURE },
		{ "unfinished", B(HELLO "\x05\x01\x00\x01\x7f\x00"), SOCKS_MORE, "", 0,
		    0 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		for (size_t piece = 1; piece <= t[i].n; piece++) {
			struct socks s;
			struct outcome o = talk(&s, t[i].in, t[i].n, piece);

			row(t[i].what);
			assert_int_equal(o.end, t[i].end);
			if (o.end == SOCKS_REQUEST) {
				assert_string_equal(s.host, t[i].host);
				assert_int_equal(s.port, t[i].port);
			}
			if (t[i].reply < 0)
				assert_int_equal(o.nanswers, 0);
			else if (o.nanswers > 2)
				assert_int_equal(o.answers[3], t[i].reply);
			else
				assert_int_equal(o.answers[1], t[i].reply);
		}
	}
}

static void
t_longest_name_and_what_follows(void **state)
{
	uint8_t in[600] = { 5, 1, 0, 5, 1, 0, 3, 255 };
	struct socks s;
	struct outcome o;
	(void)state;

	memset(in + 8, 'n', 255);
	in[8 + 255 + 1] = 22;
	memset(in + 8 + 255 + 2, 'd', 100); /* of the connection itself */
	o = talk(&s, in, 8 + 255 + 2 + 100, 1000);
	assert_int_equal(o.end, SOCKS_REQUEST);
	assert_int_equal(strlen(s.host), 255);
	assert_int_equal(s.port, 22);
	assert_int_equal(o.used, 8 + 255 + 2);
	assert_int_equal(socks_answer(&s, SOCKS_REFUSED).n, 10);
	assert_int_equal(s.answer.p[1], 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_requests),
		cmocka_unit_test(t_longest_name_and_what_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
