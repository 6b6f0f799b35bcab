/* SPDX-License-Identifier: Apache-2.0 */
/* See table.h. */
#include "client/terminal/table.h"

#include "base/text.h"

/* A fleet of a hundred thousand nodes has a table of some 15 MB. */
enum { PRINT_MAX = 64 * 1024 * 1024 };

#define BOLD  "\033[1m"
#define PLAIN "\033[0m"

void
table_init(struct table *t, const char *const *head, size_t ncols)
{
	assert(ncols > 0 && ncols <= TABLE_COLUMNS_MAX);
	*t = (struct table){ .head = head, .ncols = ncols };
	arena_init(&t->mem);
}

void
table_fini(struct table *t)
{
	arena_fini(&t->mem);
	free(t->cells);
	free(t->marks);
}

/* --- widths ------------------------------------------------------------------------ */

struct range {
	uint32_t from, to;
};

static bool
in_ranges(const struct range *r, size_t n, uint32_t c)
{
	for (size_t i = 0; i < n; i++)
		if (c >= r[i].from && c <= r[i].to)
			return true;
	return false;
}

/* The blocks that matter for names; a full table (Unicode TR 11) is not worth its size. */
static size_t
cells_of(uint32_t c)
{
	static const struct range none[] = { { 0x0300, 0x036f }, { 0x200b, 0x200f },
		{ 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff } };
	static const struct range two[] = { { 0x1100, 0x115f }, { 0x2e80, 0x303e },
		{ 0x3041, 0xa4cf }, { 0xac00, 0xd7a3 }, { 0xf900, 0xfaff },
		{ 0xfe30, 0xfe6f }, { 0xff00, 0xff60 }, { 0xffe0, 0xffe6 },
		{ 0x1f300, 0x1f64f }, { 0x1f680, 0x1f9ff }, { 0x20000, 0x3fffd } };

	if (in_ranges(none, ARRAY_LEN(none), c))
		return 0;
	return in_ranges(two, ARRAY_LEN(two), c) ? 2 : 1;
}

size_t
table_width(const char *text)
{
	struct span s = span_str(text);
	size_t width = 0;

	while (s.n > 0) {
		uint32_t c = '?';
		size_t n = utf8_decode(s, &c);

		width += n > 0 ? cells_of(c) : 1;
		s = span_sub(s, MAX(n, 1), s.n);
	}
	return width;
}

/* --- cells ------------------------------------------------------------------------- */

void
table_harmless(char *to, const char *text)
{
	struct span s = span_str(text);

	while (s.n > 0) {
		uint32_t c = 0;
		size_t n = utf8_decode(s, &c);

		if (n == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0) ||
		    (c >= 0x202a && c <= 0x202e)) {
			*to++ = '?';
		} else {
			memcpy(to, s.p, n);
			to += n;
		}
		s = span_sub(s, MAX(n, 1), s.n);
	}
	*to = '\0';
}

static const char *
harmless(struct table *t, const char *text)
{
	char *copy = arena_alloc(&t->mem, strlen(text) + 1);

	table_harmless(copy, text);
	return copy;
}

void
table_add(struct table *t, const char *text, const char *mark)
{
	if (t->n == t->cap) {
		t->cap = t->cap == 0 ? 64 : 2 * t->cap;
		t->cells = xrealloc(t->cells, t->cap * sizeof(*t->cells));
		t->marks = xrealloc(t->marks, t->cap * sizeof(*t->marks));
	}
	t->cells[t->n] = text == NULL || text[0] == '\0' ? "-" : harmless(t, text);
	t->marks[t->n++] = mark;
}

static void
put_row(const struct table *t, const char *const *cells, const char *const *marks,
    const size_t *widths, struct buf *out)
{
	for (size_t i = 0; i < t->ncols; i++) {
		size_t fill = widths[i] - table_width(cells[i]);

		if (i > 0)
			buf_add_str(out, "  ");
		if (marks != NULL && marks[i] != NULL)
			buf_addf(out, "%s%s" PLAIN, marks[i], cells[i]);
		else
			buf_add_str(out, cells[i]);
		for (; fill > 0 && i + 1 < t->ncols; fill--)
			buf_add_u8(out, ' ');
	}
	buf_add_u8(out, '\n');
}

void
table_render(const struct table *t, bool colour, struct buf *out)
{
	size_t widths[TABLE_COLUMNS_MAX];
	const char *bold[TABLE_COLUMNS_MAX];

	assert(t->n % t->ncols == 0);
	for (size_t i = 0; i < t->ncols; i++) {
		widths[i] = table_width(t->head[i]);
		bold[i] = BOLD;
	}
	for (size_t i = 0; i < t->n; i++)
		widths[i % t->ncols] =
		    MAX(widths[i % t->ncols], table_width(t->cells[i]));
	if (!t->headless)
		put_row(t, t->head, colour ? bold : NULL, widths, out);
	for (size_t i = 0; i < t->n; i += t->ncols)
		put_row(t, t->cells + i, colour ? t->marks + i : NULL, widths, out);
}

void
table_print(const struct table *t, bool colour, FILE *stream)
{
	auto_buf out = { .max = PRINT_MAX };

	table_render(t, colour, &out);
	fwrite(out.p, 1, out.len, stream);
}
