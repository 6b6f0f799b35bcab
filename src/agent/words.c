/* SPDX-License-Identifier: Apache-2.0 */
/* See words.h. */
#include "agent/words.h"

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One quoted part from the opening quote on; returns where it ends, or text.n + 1. */
static size_t
quoted(struct buf *out, struct span text, size_t i)
{
	uint8_t quote = text.p[i++];

	for (; i < text.n && text.p[i] != quote; i++) {
		if (quote == '"' && text.p[i] == '\\' && i + 1 < text.n &&
		    (text.p[i + 1] == '"' || text.p[i + 1] == '\\'))
			i++;
		buf_add_u8(out, text.p[i]);
	}
	return i + 1;
}

/* One word; returns where it ends. */
static size_t
word(struct buf *out, struct span text, size_t i)
{
	while (i < text.n && !is_blank(text.p[i])) {
		uint8_t c = text.p[i];

		if (c == '"' || c == '\'') {
			i = quoted(out, text, i);
			continue;
		}
		if (c == '\\' && i + 1 < text.n)
			c = text.p[++i];
		buf_add_u8(out, c);
		i++;
	}
	buf_add_u8(out, '\0');
	return i;
}

int
agent_words_split(struct buf *out, struct span text, struct fault *f)
{
	size_t i = 0;

	if (span_find(text, '\0') != -1)
		return fault_set(f, ERR_INVALID, "the command holds a NUL");
	while (i < text.n) {
		if (is_blank(text.p[i])) {
			i++;
		} else if (text.p[i] == '#') {
			while (i < text.n && text.p[i] != '\n')
				i++;
		} else {
			i = word(out, text, i);
		}
	}
	if (i > text.n)
		return fault_set(f, ERR_INVALID, "the command has an open quote");
	return buf_check(out);
}
