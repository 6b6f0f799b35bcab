/* SPDX-License-Identifier: Apache-2.0 */
/* Words for a POSIX shell. */
#pragma once

#include "base/buf.h"

/*
 * Adds the word so that sh -c, and the word splitting of the agents, read exactly it:
 * plain when it holds nothing special, else in single quotes.
 */
void quote_word(struct buf *out, const char *word);
/* All of them with blanks between. */
void quote_words(struct buf *out, const char *const *words, size_t n);
