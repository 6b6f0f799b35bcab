/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of a copy, one after the other.  Properties: what was read, written again, is
 * what came; names are components that stay where they are put; texts stay in the input.
 */
#include "proto/copy.h"

#include "crypto/crypto.h"
#include "fuzz/fuzz.h"

static void
check_name(struct span name)
{
	char tmp[COPY_NAME_MAX + 1];

	PROPERTY("a name", copy_name_ok(name));
	PROPERTY("its own base", span_eq(copy_base_name(name), name));
	copy_partial_name(tmp, name);
	PROPERTY("a name while it grows", copy_name_ok(span_str(tmp)) && tmp[0] == '.');
}

static void
one(enum copy_type type, struct span head, struct span body)
{
	auto_buf out = { .max = COPY_HEAD + COPY_DATA_MAX };
	struct copy_msg m;

	if (copy_decode(&m, type, body) != 0)
		return;
	PROPERTY("text inside the body",
	    m.text.n == 0 ||
		(m.text.p >= body.p && m.text.p + m.text.n == body.p + body.n));
	if (type == COPY_FILE || (type == COPY_DIR && m.text.n > 0))
		check_name(m.text);
	copy_encode(&out, &m);
	PROPERTY("written", buf_check(&out) == 0 && out.len == COPY_HEAD + body.n);
	PROPERTY("the same head", span_eq(span_sub(buf_span(&out), 0, COPY_HEAD), head));
	PROPERTY(
	    "the same body", span_eq(span_sub(buf_span(&out), COPY_HEAD, out.len), body));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data, size };
	enum copy_type type;
	size_t len;

	crypto_init();
	if (copy_name_ok(copy_base_name(in)))
		check_name(copy_base_name(in));
	while (copy_head_decode(&type, &len, in) == 0 && in.n - COPY_HEAD >= len) {
		one(type, span_sub(in, 0, COPY_HEAD), span_sub(in, COPY_HEAD, len));
		in = span_sub(in, COPY_HEAD + len, in.n);
	}
	return 0;
}
