/* SPDX-License-Identifier: Apache-2.0 */
/*
 * allowedPattern of documents: the common subset of ECMAScript expressions, run by the C
 * library's POSIX matcher.
 *
 * The text is translated (\d \w \s and escapes, non-capturing groups, escapes in
 * brackets) and everything that could make the matcher expensive is refused: back
 * references, look-around, deep nesting, repetition whose expansion passes
 * PATTERN_COST_MAX. Bytes, not characters, are matched.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

enum { PATTERN_MAX = 1024, PATTERN_COST_MAX = 4096, PATTERN_DEPTH_MAX = 16 };

/* ERR_INVALID when the pattern cannot be used. */
int pattern_check(const char *pattern) MUST_USE;
/* 0: found anywhere (anchors as written); ERR_NOTFOUND; ERR_INVALID: unusable pattern. */
int pattern_match(const char *pattern, const char *text) MUST_USE;
