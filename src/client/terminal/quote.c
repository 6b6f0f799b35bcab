/* SPDX-License-Identifier: Apache-2.0 */
/* See quote.h. */
#include "client/terminal/quote.h"

/* No '=': a first word with one would be an assignment.  No '~', '#' or '!' either. */
#define PLAIN                                                               \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+" \
	".,:/@%"

void
quote_word(struct buf *out, const char *word)
{
	if (word[0] != '\0' && word[strspn(word, PLAIN)] == '\0') {
		buf_add_str(out, word);
		return;
	}
	buf_add_u8(out, '\'');
	for (; *word != '\0'; word++) {
		if (*word == '\'')
			buf_add_str(out, "'\\''");
		else
			buf_add_u8(out, (uint8_t)*word);
	}
	buf_add_u8(out, '\'');
}

void
quote_words(struct buf *out, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_add_u8(out, ' ');
		quote_word(out, words[i]);
	}
}
