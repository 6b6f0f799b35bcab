/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splitting a NonInteractiveCommands text into words, as the stock agent does: blanks
 * separate, quotes and backslashes as in a shell, '#' begins a comment at a word's start;
 * nothing is expanded.
 */
#pragma once

#include "base/buf.h"

/* Appends each word and a NUL.  ERR_INVALID: open quote, or a NUL in the text. */
int agent_words_split(struct buf *out, struct span text, struct fault *f) MUST_USE;
