/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pattern as steps, between its compiler and the simulation.  Jumps are relative, so a
 * fragment can be moved and repeated by copying it.
 */
#pragma once

#include "proto/pattern.h"

enum pattern_op { STEP_SET, STEP_SPLIT, STEP_JUMP, STEP_BEGIN, STEP_END, STEP_MATCH };

struct pattern_step {
	uint8_t op;      /* enum pattern_op */
	int32_t x, y;    /* SPLIT, JUMP: relative */
	uint8_t set[32]; /* SET: one bit for each byte value */
};

static inline bool
pattern_set_has(const uint8_t set[32], uint8_t c)
{
	return set[c / 8] >> c % 8 & 1;
}

/* *steps is the caller's to free.  Errors as pattern_check(). */
int pattern_compile(
    struct pattern_step **steps, size_t *n, struct span pattern) MUST_USE;
