/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text in columns, aligned by what a terminal shows and not by bytes.  Values come from
 * strangers: control characters are shown as '?'.
 *
 * Owner: whoever called table_init(); the texts are copied.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

enum { TABLE_COLUMNS_MAX = 12 };

struct table {
	struct arena mem;
	const char *const *head; /* borrowed */
	bool headless;           /* rows only: more of a table that was begun */
	size_t ncols;
	const char **cells; /* row by row */
	const char **marks; /* of each cell: a colour such as "\033[32m", or NULL */
	size_t n, cap;
};

void table_init(struct table *t, const char *const *head, size_t ncols);
void table_fini(struct table *t);
/* The next cell; NULL and "" show as "-".  mark may be NULL. */
void table_add(struct table *t, const char *text, const char *mark);
/* The head and all rows; colours only when asked for. */
void table_render(const struct table *t, bool colour, struct buf *out);
/* The same to a stream. */
void table_print(const struct table *t, bool colour, FILE *stream);

/* The text without anything that a terminal would obey; to has room for all of it. */
void table_harmless(char *to, const char *text);
/* Cells of a terminal that the text takes. */
size_t table_width(const char *text);
