/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/http1.h.  The first byte chooses request or response, whether a body is expected,
 * and the size of the steps.
 * Property: the events do not depend on how the stream is cut; a head that was accepted
 * holds no byte that could end a line, and one framing only.
 */
#include "codec/http1.h"

#include "fuzz/fuzz.h"
#include "unit/codec/http1_trace.h"

enum { HEAD_MAX = 600 };

static void
check_head(const struct http1_head *head)
{
	PROPERTY("one framing", !head->chunked || head->content_length < 0);
	PROPERTY("number of headers", head->nheaders <= HTTP1_HEADERS_MAX);
	for (size_t i = 0; i < head->nheaders; i++) {
		const struct http1_header *x = &head->headers[i];

		PROPERTY("has a name", x->name.n > 0);
		for (size_t k = 0; k < x->name.n; k++)
			PROPERTY(
			    "name is a token", x->name.p[k] > ' ' && x->name.p[k] < 0x7f);
		for (size_t k = 0; k < x->value.n; k++)
			PROPERTY("value stays in its line",
			    x->value.p[k] >= ' ' || x->value.p[k] == '\t');
	}
}

/* Which of two errors is seen first may depend on the cut; that there is one may not. */
static void
forget_kind(struct buf *b)
{
	static const char *const kinds[] = { "INVALID", "LIMIT" };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (span_ends(buf_span(b), kinds[i]))
			b->len -= strlen(kinds[i]);
}

static void
run(struct buf *out, uint8_t mode, struct span in, size_t step)
{
	struct http1 *h = http1_new((mode & 1) != 0, HEAD_MAX);
	struct trace t = { 0 };

	if ((mode & 2) != 0)
		http1_expect_no_body(h);
	buf_init(&t.out, 16 * in.n + 64);
	trace_run(&t, h, in, step, true);
	PROPERTY("trace fits", buf_check(&t.out) == 0);
	forget_kind(&t.out);
	*out = t.out;
	http1_free(h);
}

static void
check_heads(uint8_t mode, struct span in)
{
	struct http1 *h = http1_new((mode & 1) != 0, HEAD_MAX);
	struct span body;
	size_t used;
	int ev;

	do {
		ev = http1_feed(h, in, &used, &body);
		in = span_sub(in, used, in.n);
		if (ev == HTTP1_HEAD)
			check_head(http1_head(h));
		PROPERTY("a header can be looked for at any time",
		    http1_get(http1_head(h), "X").n <= HEAD_MAX);
	} while (ev >= 0 && ev != HTTP1_UPGRADE && (ev != HTTP1_MORE || in.n > 0));
	http1_free(h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, bytes, steps;
	struct span in;

	if (size == 0)
		return 0;
	in = span_of(data + 1, size - 1);
	check_heads(data[0], in);
	run(&whole, data[0], in, SIZE_MAX / 2);
	run(&bytes, data[0], in, 1);
	run(&steps, data[0], in, 2 + (data[0] >> 2));
	PROPERTY(
	    "byte by byte as in one piece", span_eq(buf_span(&whole), buf_span(&bytes)));
	PROPERTY("in steps as in one piece", span_eq(buf_span(&whole), buf_span(&steps)));
	buf_fini(&whole);
	buf_fini(&bytes);
	buf_fini(&steps);
	return 0;
}
