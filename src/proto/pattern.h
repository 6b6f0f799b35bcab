/* SPDX-License-Identifier: Apache-2.0 */
/*
 * allowedPattern of documents: the common subset of ECMAScript and Java expressions.
 *
 * Literals, . [..] \d \w \s and escapes, groups (also (?:..)), |, * + ? {m,n} (a trailing
 * lazy ? changes nothing here), ^ and $.  No back references, look-around or flags.
 *
 * Not the C library's matcher: patterns and values come from people with different
 * rights, and that one needs unbounded time or memory for some pairs, speaks another
 * dialect and differs between C libraries.  This one simulates all paths at once: time is
 * the product of pattern and text, memory is bounded by the pattern.  Bytes, not
 * characters, are matched; . does not match line ends and $ matches at the very end only.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

enum {
	PATTERN_MAX = 1024,       /* bytes */
	PATTERN_STEPS_MAX = 8192, /* what it may expand to: {m,n} copies */
	PATTERN_DEPTH_MAX = 16,   /* groups in groups */
};

/* ERR_INVALID when the pattern cannot be used, ERR_LIMIT when it expands too far. */
int pattern_check(struct span pattern) MUST_USE;
/* 0: found anywhere (anchors as written); ERR_NOTFOUND; else as pattern_check(). */
int pattern_match(struct span pattern, struct span text) MUST_USE;
