/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing XML 1.0 for AWS answers, and the one lookup our agent and client need in the
 * flat answers they get.  Pure.  The lookup is no XML parser: it knows tags, comments,
 * CDATA, processing instructions and the five entities, and refuses a document type.
 */
#include "codec/xmlw.h"

#include "base/text.h"

void
xw_open(struct buf *out, const char *name)
{
	buf_addf(out, "<%s>", name);
}

void
xw_open_ns(struct buf *out, const char *name, const char *xmlns)
{
	buf_addf(out, "<%s xmlns=\"", name);
	xw_text(out, span_str(xmlns));
	buf_add_str(out, "\">");
}

void
xw_close(struct buf *out, const char *name)
{
	buf_addf(out, "</%s>", name);
}

/* XML 1.0, production [2] Char. */
static bool
is_xml_char(uint32_t cp)
{
	if (cp < 0x20)
		return cp == '\t' || cp == '\n' || cp == '\r';
	return cp < 0xd800 ||
	    (cp >= 0xe000 && cp <= 0x10ffff && cp != 0xfffe && cp != 0xffff);
}

static const char *
entity_for(uint32_t cp)
{
	switch (cp) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&apos;";
	case '\r':
		return "&#13;"; /* a parser would turn it into a line feed */
	default:
		return NULL;
	}
}

void
xw_text(struct buf *out, struct span s)
{
	while (s.n > 0) {
		uint32_t cp = 0;
		size_t n = utf8_decode(s, &cp);
		const char *entity = n > 0 ? entity_for(cp) : NULL;

		if (n == 0 || !is_xml_char(cp))
			buf_add_str(out, "\xef\xbf\xbd"); /* U+FFFD */
		else if (entity != NULL)
			buf_add_str(out, entity);
		else
			buf_add(out, span_sub(s, 0, n));
		s = span_sub(s, MAX(n, (size_t)1), s.n);
	}
}

void
xw_elem(struct buf *out, const char *name, const char *text)
{
	xw_open(out, name);
	xw_text(out, span_str(text));
	xw_close(out, name);
}

void
xw_elem_opt(struct buf *out, const char *name, const char *text)
{
	if (text != NULL)
		xw_elem(out, name, text);
}

void
xw_elem_int(struct buf *out, const char *name, int64_t v)
{
	buf_addf(out, "<%s>%lld</%s>", name, (long long)v, name);
}

void
xw_elem_bool(struct buf *out, const char *name, bool v)
{
	xw_elem(out, name, v ? "true" : "false");
}

/* Cuts *s behind the first "mark"; false when there is none.  *before may be NULL. */
static bool
skip_past(struct span *s, const char *mark, struct span *before)
{
	size_t n = strlen(mark);

	for (size_t i = 0; i + n <= s->n; i++) {
		if (memcmp(s->p + i, mark, n) != 0)
			continue;
		if (before != NULL)
			*before = span_sub(*s, 0, i);
		*s = span_sub(*s, i + n, s->n);
		return true;
	}
	return false;
}

static bool
take(struct span *s, const char *lit)
{
	if (!span_starts(*s, lit))
		return false;
	*s = span_sub(*s, strlen(lit), s->n);
	return true;
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/*
 * Reads a start tag behind its '<' up to and with the '>'; '>' may stand in attribute
 * values.  *name is without a namespace prefix.
 */
static bool
take_start_tag(struct span *s, struct span *name, bool *empty)
{
	struct span full;
	uint8_t quote = 0;
	ptrdiff_t colon;
	size_t n = 0, i;

	while (n < s->n && !is_blank(s->p[n]) && s->p[n] != '/' && s->p[n] != '>')
		n++;
	full = span_sub(*s, 0, n);
	for (i = n; i < s->n && (quote != 0 || s->p[i] != '>'); i++) {
		uint8_t c = s->p[i];

		if (quote != 0 ? c == quote : c == '"' || c == '\'')
			quote = quote != 0 ? 0 : c;
		else if (quote == 0 && c == '<')
			return false;
	}
	if (n == 0 || i == s->n)
		return false;
	colon = span_find(full, ':');
	*name = span_sub(full, (size_t)(colon + 1), full.n);
	*empty = i > n && s->p[i - 1] == '/';
	*s = span_sub(*s, i + 1, s->n);
	return name->n > 0;
}

static void
add_utf8(struct buf *out, uint32_t cp)
{
	if (cp < 0x80) {
		buf_add_u8(out, (uint8_t)cp);
	} else if (cp < 0x800) {
		buf_add_u8(out, (uint8_t)(0xc0 | cp >> 6));
		buf_add_u8(out, (uint8_t)(0x80 | (cp & 0x3f)));
	} else if (cp < 0x10000) {
		buf_add_u8(out, (uint8_t)(0xe0 | cp >> 12));
		buf_add_u8(out, (uint8_t)(0x80 | (cp >> 6 & 0x3f)));
		buf_add_u8(out, (uint8_t)(0x80 | (cp & 0x3f)));
	} else {
		buf_add_u8(out, (uint8_t)(0xf0 | cp >> 18));
		buf_add_u8(out, (uint8_t)(0x80 | (cp >> 12 & 0x3f)));
		buf_add_u8(out, (uint8_t)(0x80 | (cp >> 6 & 0x3f)));
		buf_add_u8(out, (uint8_t)(0x80 | (cp & 0x3f)));
	}
}

/* "#38" or "#x26" */
static bool
char_reference(struct span s, uint32_t *cp)
{
	int64_t v = 0;

	if (take(&s, "#x")) {
		if (s.n == 0 || s.n > 6)
			return false;
		for (size_t i = 0; i < s.n; i++) {
			int digit = hex_digit(s.p[i]);

			if (digit < 0)
				return false;
			v = v << 4 | digit;
		}
	} else if (!take(&s, "#") || num_parse(s, 0, 0x10ffff, &v) != 0) {
		return false;
	}
	*cp = (uint32_t)v;
	return is_xml_char(*cp);
}

/* Decodes one entity behind its '&'. */
static bool
take_entity(struct span *s, struct buf *out)
{
	static const struct {
		const char *name;
		uint8_t c;
	} known[] = { { "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' },
		{ "apos", '\'' } };
	struct span head = span_sub(*s, 0, 10), name;
	uint32_t cp;

	if (!skip_past(&head, ";", &name))
		return false;
	*s = span_sub(*s, name.n + 1, s->n);
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (span_eq_str(name, known[i].name)) {
			buf_add_u8(out, known[i].c);
			return true;
		}
	}
	if (!char_reference(name, &cp))
		return false;
	add_utf8(out, cp);
	return true;
}

/* Whether all of s is text that an XML document may hold. */
static bool
xml_valid(struct span s)
{
	uint32_t cp;

	while (s.n > 0) {
		size_t n = utf8_decode(s, &cp);

		if (n == 0 || !is_xml_char(cp))
			return false;
		s = span_sub(s, n, s.n);
	}
	return true;
}

/* Collects text up to the end tag; a child element is not what was asked for. */
static int
collect_text(struct buf *out, struct span *s, struct span name)
{
	struct span part, end;

	while (s->n > 0) {
		if (take(s, "<![CDATA[")) {
			if (!skip_past(s, "]]>", &part))
				return ERR_INVALID;
			buf_add(out, part);
		} else if (take(s, "<!--")) {
			if (!skip_past(s, "-->", NULL))
				return ERR_INVALID;
		} else if (take(s, "</")) {
			bool empty;

			if (!take_start_tag(s, &end, &empty) || !span_eq(end, name))
				return ERR_INVALID;
			return buf_check(out);
		} else if (s->p[0] == '<') {
			return ERR_INVALID;
		} else if (take(s, "&")) {
			if (!take_entity(s, out))
				return ERR_INVALID;
		} else {
			buf_add_u8(out, s->p[0]);
			*s = span_sub(*s, 1, s->n);
		}
	}
	return ERR_INVALID;
}

/* Moves to behind the next start tag; ERR_NOTFOUND at the end. */
static int
next_start_tag(struct span *s, struct span *name, bool *empty)
{
	while (skip_past(s, "<", NULL)) {
		bool ok;

		if (take(s, "?"))
			ok = skip_past(s, "?>", NULL);
		else if (take(s, "!--"))
			ok = skip_past(s, "-->", NULL);
		else if (take(s, "![CDATA["))
			ok = skip_past(s, "]]>", NULL);
		else if (take(s, "/"))
			ok = skip_past(s, ">", NULL);
		else
			return take_start_tag(s, name, empty) ? 0 : ERR_INVALID;
		if (!ok)
			return ERR_INVALID;
	}
	return ERR_NOTFOUND;
}

int
xml_find_text(char *out, size_t size, struct span xml, const char *name)
{
	struct span tag;
	auto_buf text;
	bool empty;
	int r;

	assert(size > 0);
	buf_init(&text, size - 1);
	out[0] = '\0';
	while ((r = next_start_tag(&xml, &tag, &empty)) == 0) {
		if (!span_eq_str(tag, name))
			continue;
		if (empty)
			return 0;
		if ((r = collect_text(&text, &xml, tag)) != 0)
			return r;
		if (!xml_valid(buf_span(&text)))
			return ERR_INVALID;
		return span_copy(out, size, buf_span(&text));
	}
	return r;
}
