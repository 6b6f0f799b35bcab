/* SPDX-License-Identifier: Apache-2.0 */
/* The eight recorded AgentMessages (tests/vectors/agentmsg), for tests of what makes
 * them. */
#pragma once

#include "unit/check.h"

#include "base/text.h"
#include "proto/agentmsg.h"

static const uint64_t vec_ms = 1700000000000;
#define VEC_M1 "00112233-4455-6677-8899-aabbccddeeff"
#define VEC_M2 "0f1e2d3c-4b5a-4697-8879-6a5b4c3d2e1f"

static inline void
vec_read(struct buf *out, int which)
{
	char path[256];
	uint8_t two[2];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), VECTORS "/agentmsg/v%d.hex", which);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fscanf(f, " %c%c", (char *)&two[0], (char *)&two[1]) == 2) {
		uint8_t b;

		assert_int_equal(hex_decode(&b, 1, span_of(two, 2), &n), 0);
		buf_add_u8(out, b);
	}
	fclose(f);
	assert_true(buf_check(out) == 0 && out->len > AGENTMSG_HEAD);
}
