/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Property: the parts of a resource name, joined again, are the name; ids found in it are
 * valid ids.
 */
#include "proto/arn.h"
#include "proto/ids.h"

#define TRAP_UNLESS(x)                    \
	do {                              \
		if (!(x))                 \
			__builtin_trap(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data, size }, id;
	auto_arena mem = { 0 };
	struct arn a;

	if (arn_parse(&a, in) == 0) {
		char *joined = arena_printf(&mem,
		    "arn:" SPAN_FMT ":" SPAN_FMT ":" SPAN_FMT ":" SPAN_FMT ":" SPAN_FMT,
		    SPAN_ARG(a.partition), SPAN_ARG(a.service), SPAN_ARG(a.region),
		    SPAN_ARG(a.account), SPAN_ARG(a.resource));

		TRAP_UNLESS(span_eq_str(in, joined));
	}
	if (arn_node_id(&id, in) == 0)
		TRAP_UNLESS(id_node_valid(id) && span_ends(in, arena_str(&mem, id)));
	if (arn_document_name(&id, in) == 0)
		TRAP_UNLESS(id_document_valid(id) && span_ends(in, arena_str(&mem, id)));
	return 0;
}
