/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Property: what decodes can be encoded and decodes to the same message; and when its
 * digest and schema version were right and blanks padded the type, to the same bytes.
 */
#include "crypto/crypto.h"
#include "proto/agentmsg.h"

#define TRAP_UNLESS(x)                    \
	do {                              \
		if (!(x))                 \
			__builtin_trap(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct agentmsg a, b;
	auto_buf out = { 0 };

	crypto_init();
	if (agentmsg_decode(&a, span_of(data, size)) != 0)
		return 0;
	TRAP_UNLESS(a.payload.n == size - AGENTMSG_HEAD);
	buf_init(&out, size);
	agentmsg_encode(&out, &a);
	TRAP_UNLESS(buf_check(&out) == 0 && out.len == size);
	TRAP_UNLESS(agentmsg_decode(&b, buf_span(&out)) == 0);
	TRAP_UNLESS(a.no_digest == b.no_digest);
	TRAP_UNLESS(b.no_digest || agentmsg_check_digest(&b) == 0);
	TRAP_UNLESS(strcmp(a.type, b.type) == 0 && b.schema_version == 1);
	TRAP_UNLESS(a.created_ms == b.created_ms && a.seq == b.seq && a.flags == b.flags);
	TRAP_UNLESS(memcmp(a.id, b.id, sizeof(a.id)) == 0);
	TRAP_UNLESS(a.payload_type == b.payload_type && span_eq(a.payload, b.payload));
	if (a.schema_version == 1 && a.payload.n > 0 &&
	    (a.no_digest || agentmsg_check_digest(&a) == 0) &&
	    memchr(data + 4, 0, AGENTMSG_TYPE_LEN) == NULL)
		TRAP_UNLESS(memcmp(out.p, data, size) == 0);
	return 0;
}
