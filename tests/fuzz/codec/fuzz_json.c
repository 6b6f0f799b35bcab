/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/json.h and codec/jsonw.h.
 * Property: what json_read() accepts, json_dump() writes so that reading it again gives
 * an equal value and the same text; any bytes written by jw_span() are read back as a
 * string, unchanged if they were valid.
 */
#include "codec/json.h"

#include "base/text.h"
#include "codec/jsonw.h"
#include "fuzz/fuzz.h"

enum { DUMP_MAX = 1 << 24 };

static void
reader(struct span in)
{
	struct fault f = { 0 };
	struct buf first, second;
	json_t *v, *again;

	if (json_read(&v, in, &f) != 0) {
		PROPERTY("a cause is given", f.text[0] != '\0' && v == NULL);
		return;
	}
	buf_init(&first, DUMP_MAX);
	buf_init(&second, DUMP_MAX);
	json_dump(&first, v);
	PROPERTY("can be written", buf_check(&first) == 0);
	PROPERTY("can be read again", json_read(&again, buf_span(&first), NULL) == 0);
	PROPERTY("is equal", json_equal(v, again));
	json_dump(&second, again);
	PROPERTY("is written the same", span_eq(buf_span(&first), buf_span(&second)));
	buf_fini(&first);
	buf_fini(&second);
	json_decref(v);
	json_decref(again);
}

static void
writer(struct span in)
{
	struct jsonw w;
	struct buf b;
	json_t *v;

	if (span_find(in, '\0') >= 0)
		return; /* escaped by the writer, refused by the reader */
	buf_init(&b, DUMP_MAX);
	jw_init(&w, &b);
	jw_span(&w, in);
	PROPERTY("a written string can be read", json_read(&v, buf_span(&b), NULL) == 0);
	PROPERTY("valid text is kept",
	    !utf8_valid(in) ||
		span_eq(in, span_of(json_string_value(v), json_string_length(v))));
	buf_fini(&b);
	json_decref(v);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);

	reader(in);
	writer(in);
	return 0;
}
