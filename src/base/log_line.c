/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines as text and as JSON.  Pure.
 *
 * The detail text comes from our own format strings, but values in it may be a
 * stranger's: text output shows control bytes as \xNN, JSON output is always one valid
 * object, whatever quotes or bytes the detail holds.
 */
#include "base/log_line.h"

#include "base/text.h"

static const char *const level_names[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

/* sd-daemon(3) */
static const int level_priorities[] = {
	[LOG_ERROR] = 3,
	[LOG_WARN] = 4,
	[LOG_INFO] = 6,
	[LOG_DEBUG] = 7,
};

/* "../src/server/relay.c" is tagged "relay". */
static struct span
tag_of(const char *file)
{
	const char *slash = strrchr(file, '/');
	struct span rest = span_str(slash != NULL ? slash + 1 : file), tag = SPAN_NONE;

	span_cut(&rest, '.', &tag);
	return tag;
}

static void
add_visible(struct buf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		uint8_t c = (uint8_t)*s;

		if (c < 0x20 || c == 0x7f)
			buf_addf(out, "\\x%02x", c);
		else
			buf_add_u8(out, c);
	}
}

static void
format_text(struct buf *out, const struct log_line *l, bool systemd)
{
	struct span tag = tag_of(l->file);
	char time[TIME_ISO_LEN + 1];

	time_iso(time, l->time_ms);
	if (systemd)
		buf_addf(out, "<%d>", level_priorities[l->level]);
	else
		buf_addf(out, "%s ", time);
	buf_addf(out, "level=%s at=" SPAN_FMT " event=\"", level_names[l->level],
	    SPAN_ARG(tag));
	add_visible(out, l->event);
	buf_add_str(out, "\"");
	if (l->detail[0] != '\0') {
		buf_add_str(out, " ");
		add_visible(out, l->detail);
	}
	if (l->cut)
		buf_add_str(out, "...");
	if (l->dropped > 0)
		buf_addf(out, " dropped=%u", l->dropped);
	buf_add_str(out, "\n");
}

static void
json_string(struct buf *out, struct span s)
{
	uint32_t cp;

	buf_add_str(out, "\"");
	while (s.n > 0) {
		size_t n = utf8_decode(s, &cp);

		if (n == 0)
			buf_add_str(out, "\\ufffd");
		else if (cp < 0x20 || cp == 0x7f)
			buf_addf(out, "\\u%04x", cp);
		else if (cp == '"' || cp == '\\')
			buf_addf(out, "\\%c", (char)cp);
		else
			buf_add(out, span_sub(s, 0, n));
		s = span_sub(s, MAX(n, (size_t)1), s.n);
	}
	buf_add_str(out, "\"");
}

static void
json_member(struct buf *out, struct span key, struct span value)
{
	if (out->len > 1)
		buf_add_str(out, ",");
	json_string(out, key);
	buf_add_str(out, ":");
	json_string(out, value);
}

/* Members of the frame around the pairs; a pair of that name gets a '_' in front. */
static bool
is_reserved(struct span key)
{
	static const char *const names[] = { "time", "level", "program", "at", "event",
		"note", "dropped", "cut" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (span_eq_str(key, names[i]))
			return true;
	return false;
}

/* Takes a "quoted value" off the front, undoing \" and \\; \xNN stays as it is. */
static void
take_quoted(struct span *rest, struct buf *value)
{
	size_t i;

	for (i = 1; i < rest->n && rest->p[i] != '"'; i++) {
		bool escape = rest->p[i] == '\\' && i + 1 < rest->n &&
		    (rest->p[i + 1] == '"' || rest->p[i + 1] == '\\');

		i += escape;
		buf_add_u8(value, rest->p[i]);
	}
	*rest = span_sub(*rest, i + 1, rest->n);
}

static void
take_bare(struct span *rest, struct buf *value)
{
	struct span word = *rest;

	for (word.n = 0; word.n < rest->n && rest->p[word.n] != ' ';)
		word.n++;
	buf_add(value, word);
	*rest = span_sub(*rest, word.n, rest->n);
}

/* The key before '=', when the front of rest is a pair. */
static bool
take_key(struct span *rest, struct span *key)
{
	size_t n = 0;

	while (n < rest->n && rest->p[n] != '=' && rest->p[n] != ' ' && rest->p[n] != '"')
		n++;
	if (n == 0 || n == rest->n || rest->p[n] != '=')
		return false;
	*key = span_sub(*rest, 0, n);
	*rest = span_sub(*rest, n + 1, rest->n);
	return true;
}

static void
json_pairs(struct buf *out, struct span rest, struct buf *note)
{
	auto_buf value, name;
	struct span key;

	buf_init(&value, SIZE_MAX);
	buf_init(&name, SIZE_MAX);
	while (rest.n > 0) {
		bool pair;

		if (rest.p[0] == ' ') {
			rest = span_sub(rest, 1, rest.n);
			continue;
		}
		buf_reset(&value);
		pair = take_key(&rest, &key);
		if (rest.n > 0 && rest.p[0] == '"')
			take_quoted(&rest, &value);
		else
			take_bare(&rest, &value);
		if (!pair) {
			buf_add_str(note, note->len > 0 ? " " : "");
			buf_add(note, buf_span(&value));
			continue;
		}
		buf_reset(&name);
		buf_add_str(&name, is_reserved(key) ? "_" : "");
		buf_add(&name, key);
		json_member(out, buf_span(&name), buf_span(&value));
	}
}

static void
format_json(struct buf *out, const struct log_line *l)
{
	char time[TIME_ISO_LEN + 1];
	auto_buf note;

	buf_init(&note, SIZE_MAX);
	time_iso(time, l->time_ms);
	buf_add_str(out, "{");
	json_member(out, SPAN("time"), span_str(time));
	json_member(out, SPAN("level"), span_str(level_names[l->level]));
	json_member(out, SPAN("program"), span_str(l->program));
	json_member(out, SPAN("at"), tag_of(l->file));
	json_member(out, SPAN("event"), span_str(l->event));
	json_pairs(out, span_str(l->detail), &note);
	if (note.len > 0)
		json_member(out, SPAN("note"), buf_span(&note));
	if (l->cut)
		json_member(out, SPAN("cut"), SPAN("true"));
	if (l->dropped > 0)
		buf_addf(out, ",\"dropped\":%u", l->dropped);
	buf_add_str(out, "}\n");
}

void
log_line_format(struct buf *out, const struct log_line *l, enum log_form form)
{
	if (form == LOG_FORM_JSON)
		format_json(out, l);
	else
		format_text(out, l, form == LOG_FORM_SYSTEMD);
}
