/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/xmlw.h.
 * Property: text that was found, written as an element and looked for again, is the same;
 * any bytes at all can be written, and are found again.
 */
#include "codec/xmlw.h"

#include "fuzz/fuzz.h"

enum { TEXT_MAX = 4096 };

static void
round_trip(struct span text, bool unchanged)
{
	static char out[3 * TEXT_MAX + 1];
	struct buf b;
	int r;

	buf_init(&b, 16 * TEXT_MAX);
	xw_open(&b, "T");
	xw_text(&b, text);
	xw_close(&b, "T");
	PROPERTY("can be written", buf_check(&b) == 0);
	r = xml_find_text(out, sizeof(out), buf_span(&b), "T");
	PROPERTY("is found again", r == 0);
	PROPERTY("is the same", !unchanged || span_eq_str(text, out));
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	char out[TEXT_MAX];

	if (xml_find_text(out, sizeof(out), in, "T") == 0)
		round_trip(span_str(out), true);
	else
		PROPERTY("nothing is left behind", out[0] == '\0');
	round_trip(span_sub(in, 0, TEXT_MAX), false);
	return 0;
}
