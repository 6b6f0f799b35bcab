/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte chooses a parser.  Property: what was read can be written and read again,
 * and the second writing equals the first.
 */
#include "proto/handshake.h"

#define TRAP_UNLESS(x)                    \
	do {                              \
		if (!(x))                 \
			__builtin_trap(); \
	} while (0)

enum { OUT_MAX = 1 << 20 };

static void
request(struct arena *mem, struct span in)
{
	const struct handshake_action *session;
	struct handshake_response answer, back;
	struct handshake_request a, b;
	auto_buf one = { .max = OUT_MAX }, two = { .max = OUT_MAX };
	struct fault f;

	if (handshake_request_parse(&a, mem, in, &f) != 0)
		return;
	handshake_request_build(&one, &a);
	TRAP_UNLESS(buf_check(&one) == 0);
	if (handshake_request_parse(&b, mem, buf_span(&one), &f) != 0)
		return; /* a text may grow past its limit when it is escaped anew */
	handshake_request_build(&two, &b);
	TRAP_UNLESS(span_eq(buf_span(&one), buf_span(&two)));
	TRAP_UNLESS(
	    (handshake_answer(&answer, &session, &a, mem, &f) == 0) == (session != NULL));
	TRAP_UNLESS(answer.nresults == a.nactions);
	buf_reset(&one);
	handshake_response_build(&one, &answer);
	TRAP_UNLESS(buf_check(&one) == 0);
	TRAP_UNLESS(handshake_response_parse(&back, mem, buf_span(&one), &f) == 0);
	(void)!handshake_check(&a, &back, &f);
}

static void
response(struct arena *mem, struct span in)
{
	struct handshake_response a, b;
	auto_buf one = { .max = OUT_MAX }, two = { .max = OUT_MAX };
	struct fault f;

	if (handshake_response_parse(&a, mem, in, &f) != 0)
		return;
	handshake_client_does_mux(a.client_version);
	handshake_client_keepalive_off(a.client_version);
	handshake_agent_keepalive_off(a.client_version);
	handshake_response_build(&one, &a);
	TRAP_UNLESS(buf_check(&one) == 0);
	if (handshake_response_parse(&b, mem, buf_span(&one), &f) != 0)
		return;
	handshake_response_build(&two, &b);
	TRAP_UNLESS(span_eq(buf_span(&one), buf_span(&two)));
}

static void
small(struct arena *mem, struct span in)
{
	struct handshake_complete c;
	struct term_size sz;
	const char *challenge;
	uint32_t flag;
	int code;

	if (handshake_complete_parse(&c, mem, in, NULL) == 0)
		TRAP_UNLESS(c.customer_message != NULL);
	if (handshake_challenge_parse(&challenge, mem, in, NULL) == 0)
		TRAP_UNLESS(challenge != NULL);
	if (term_size_parse(&sz, in) == 0)
		TRAP_UNLESS(sz.cols > 0 && sz.rows > 0);
	if (flag_decode(&flag, in) == 0)
		TRAP_UNLESS(in.n == 4);
	if (exit_code_parse(&code, in) == 0)
		TRAP_UNLESS(in.n > 11);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data + 1, size - 1 };
	auto_arena mem = { 0 };

	if (size == 0)
		return 0;
	if (data[0] == 'q')
		request(&mem, in);
	else if (data[0] == 'r')
		response(&mem, in);
	else
		small(&mem, in);
	return 0;
}
