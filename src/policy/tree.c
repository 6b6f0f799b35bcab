/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recursive descent over text that codec/json accepted: nesting is bounded there, and no
 * byte needs to be doubted again.  Where the two should ever disagree, the reader stops with
 * ERR_INVALID instead of asserting, for the text is a stranger's.
 */
#include "policy/tree.h"

#include "base/text.h"
#include "codec/json.h"

struct reader {
	struct arena *mem;
	struct span in;
	struct policy_place at;
};

static int read_value(struct reader *r, struct tree_node **out);

static int
peek(const struct reader *r)
{
	return r->at.offset < r->in.n ? r->in.p[r->at.offset] : -1;
}

static void
step(struct reader *r)
{
	uint8_t c = r->in.p[r->at.offset++];

	if (c == '\n') {
		r->at.line++;
		r->at.column = 1;
	} else if ((c & 0xc0) != 0x80) { /* not the rest of a character */
		r->at.column++;
	}
}

static void
skip_blanks(struct reader *r)
{
	int c;

	while ((c = peek(r)) == ' ' || c == '\t' || c == '\r' || c == '\n')
		step(r);
}

static bool
accept(struct reader *r, int c)
{
	skip_blanks(r);
	if (peek(r) != c)
		return false;
	step(r);
	return true;
}

/* --- strings ---------------------------------------------------------------------- */

static int
read_hex4(struct reader *r, uint32_t *out)
{
	*out = 0;
	for (int i = 0; i < 4; i++) {
		int digit = peek(r) < 0 ? -1 : hex_digit((uint8_t)peek(r));

		if (digit < 0)
			return ERR_INVALID;
		*out = *out << 4 | (uint32_t)digit;
		step(r);
	}
	return 0;
}

static uint8_t *
put_utf8(uint8_t *p, uint32_t c)
{
	if (c < 0x80) {
		*p++ = (uint8_t)c;
	} else if (c < 0x800) {
		*p++ = (uint8_t)(0xc0 | c >> 6);
		*p++ = (uint8_t)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*p++ = (uint8_t)(0xe0 | c >> 12);
		*p++ = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		*p++ = (uint8_t)(0x80 | (c & 0x3f));
	} else {
		*p++ = (uint8_t)(0xf0 | c >> 18);
		*p++ = (uint8_t)(0x80 | (c >> 12 & 0x3f));
		*p++ = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		*p++ = (uint8_t)(0x80 | (c & 0x3f));
	}
	return p;
}

/* What follows a backslash; at most as many bytes as the escape has. */
static int
read_escape(struct reader *r, uint8_t **p)
{
	static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	const char *found;
	uint32_t c, low;
	int name = peek(r);

	if (name <= 0)
		return ERR_INVALID;
	step(r);
	if (name != 'u') {
		if ((found = strchr(names, name)) == NULL)
			return ERR_INVALID;
		*(*p)++ = (uint8_t)meanings[found - names];
		return 0;
	}
	if (read_hex4(r, &c) != 0)
		return ERR_INVALID;
	if (c >= 0xd800 && c < 0xdc00) { /* the second half of the pair follows */
		if (peek(r) != '\\')
			return ERR_INVALID;
		step(r);
		if (peek(r) != 'u')
			return ERR_INVALID;
		step(r);
		if (read_hex4(r, &low) != 0)
			return ERR_INVALID;
		c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
	}
	*p = put_utf8(*p, c);
	return 0;
}

/* The bytes between the quotes, before escapes are resolved: a bound for the result. */
static size_t
raw_length(const struct reader *r)
{
	size_t n = 0;

	for (size_t i = r->at.offset; i < r->in.n && r->in.p[i] != '"'; i++, n++)
		if (r->in.p[i] == '\\') {
			i++;
			n++;
		}
	return n;
}

static int
read_string(struct reader *r, struct span *out)
{
	uint8_t *begin, *p;

	if (!accept(r, '"'))
		return ERR_INVALID;
	p = begin = arena_alloc(r->mem, raw_length(r) + 1);
	while (peek(r) != '"') {
		int c = peek(r);

		if (c < 0)
			return ERR_INVALID;
		step(r);
		if (c != '\\')
			*p++ = (uint8_t)c;
		else if (read_escape(r, &p) != 0)
			return ERR_INVALID;
	}
	step(r);
	*out = span_of(begin, (size_t)(p - begin));
	return 0;
}

/* --- values ----------------------------------------------------------------------- */

static int
read_children(struct reader *r, struct tree_node *parent, int close)
{
	struct tree_node **tail = &parent->first;
	size_t index = 0;

	step(r);
	if (accept(r, close))
		return 0;
	do {
		struct span name = SPAN_NONE;
		struct policy_place name_at;

		skip_blanks(r);
		name_at = r->at;
		if (close == '}' && (read_string(r, &name) != 0 || !accept(r, ':')))
			return ERR_INVALID;
		if (read_value(r, tail) != 0)
			return ERR_INVALID;
		(*tail)->name = name;
		(*tail)->name_at = name_at;
		(*tail)->parent = parent;
		(*tail)->index = index++;
		tail = &(*tail)->next;
	} while (accept(r, ','));
	return accept(r, close) ? 0 : ERR_INVALID;
}

/* true, false, null and numbers. */
static int
read_word(struct reader *r, struct tree_node *n)
{
	uint32_t from = r->at.offset;
	int c;

	while ((c = peek(r)) > ' ' && c != ',' && c != ']' && c != '}')
		step(r);
	n->text = arena_copy(r->mem, span_sub(r->in, from, r->at.offset - from));
	if (span_eq_str(n->text, "true") || span_eq_str(n->text, "false"))
		n->kind = NODE_BOOL;
	else if (span_eq_str(n->text, "null"))
		n->kind = NODE_NULL;
	else
		n->kind = NODE_NUMBER;
	return n->text.n > 0 ? 0 : ERR_INVALID;
}

static int
read_value(struct reader *r, struct tree_node **out)
{
	struct tree_node *n = arena_alloc(r->mem, sizeof(*n));
	int err;

	skip_blanks(r);
	n->begin = r->at;
	switch (peek(r)) {
	case '{':
		n->kind = NODE_OBJECT;
		err = read_children(r, n, '}');
		break;
	case '[':
		n->kind = NODE_ARRAY;
		err = read_children(r, n, ']');
		break;
	case '"':
		n->kind = NODE_STRING;
		err = read_string(r, &n->text);
		break;
	default:
		err = read_word(r, n);
	}
	n->end = r->at;
	*out = n;
	return err;
}

int
tree_read(struct tree_node **out, struct arena *mem, struct span in, struct fault *f)
{
	struct reader r = { .mem = mem, .in = in, .at = { 1, 1, 0 } };
	auto_json *checked = NULL;
	int err;

	*out = NULL;
	if (in.n > UINT32_MAX)
		return fault_set(f, ERR_LIMIT, "the text is too long");
	if ((err = json_read(&checked, in, f)) != 0)
		return err;
	if (read_value(&r, out) != 0)
		return fault_set(f, ERR_INVALID, "JSON line %u, column %u: unreadable",
		    r.at.line, r.at.column);
	return 0;
}

const struct tree_node *
node_get(const struct tree_node *object, const char *name)
{
	if (object->kind != NODE_OBJECT)
		return NULL;
	for (const struct tree_node *n = object->first; n != NULL; n = n->next)
		if (span_eq_str(n->name, name))
			return n;
	return NULL;
}

void
node_path(struct buf *out, const struct tree_node *n)
{
	if (n->parent == NULL)
		return;
	node_path(out, n->parent);
	if (n->parent->kind == NODE_ARRAY)
		buf_addf(out, "[%zu]", n->index);
	else
		buf_addf(out, "%s" SPAN_FMT, out->len > 0 ? "." : "", SPAN_ARG(n->name));
}
