/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Property: a line of an export that is understood is written again as a line that means the
 * same; the bytes of an event stay what they are.
 */
#include "proto/audit.h"

#define TRAP_UNLESS(x)                    \
	do {                              \
		if (!(x))                 \
			__builtin_trap(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
write_line(struct buf *out, const struct audit_line *l)
{
	switch (l->kind) {
	case AUDIT_LINE_BEGIN:
		audit_line_begin(out, &l->at, l->account, l->public_key);
		break;
	case AUDIT_LINE_EVENT:
		audit_line_event(out, &l->at, l->event);
		break;
	case AUDIT_LINE_MARK:
		audit_line_mark(out, &l->mark);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena mem = { 0 };
	auto_buf out = { .max = 4 * AUDIT_LINE_MAX };
	struct audit_line l, again;

	if (audit_line_parse(&l, &mem, span_of(data, size)) != 0)
		return 0;
	write_line(&out, &l);
	TRAP_UNLESS(buf_check(&out) == 0 && out.p[out.len - 1] == '\n');
	TRAP_UNLESS(
	    audit_line_parse(&again, &mem, span_of(out.p, out.len - 1)) == 0);
	TRAP_UNLESS(again.kind == l.kind && audit_chain_eq(&again.at, &l.at) &&
	    span_eq(again.event, l.event) && audit_chain_eq(&again.mark.at, &l.mark.at) &&
	    again.mark.kind == l.mark.kind && again.mark.time_ms == l.mark.time_ms);
	return 0;
}
