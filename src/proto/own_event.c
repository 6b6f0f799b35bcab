/* SPDX-License-Identifier: Apache-2.0 */
/* See own_event.h. */
#include "proto/own_event.h"

#include <ctype.h>

#include "base/text.h"
#include "codec/jsonw.h"
#include "crypto/crypto.h"
#include "proto/ids.h"
#include "proto/member.h"

enum {
	HOST_MAX = 253,
	ADDRESS_MAX = 64, /* an IPv6 address with a zone */
	SOCKET_MAX = 107,
	GROWTH = 3, /* one byte that is no UTF-8 becomes U+FFFD */
	SHA256_HEX = 2 * SHA256_LEN,
};

#define TYPE_PORT "PortOpened"
#define TYPE_FILE "FileCopied"

const char *
own_event_error(int err)
{
	switch (err) {
	case ERR_DENIED:
		return "AccessDenied";
	case ERR_REFUSED:
		return "ConnectionRefused";
	case ERR_TIMEOUT:
		return "ConnectionTimeout";
	case ERR_RESOLVE:
		return "HostNotFound";
	case ERR_NOTFOUND:
		return "NotFound";
	case ERR_CANCELLED:
		return "ConnectionCancelled";
	default:
		return "ConnectionFailed";
	}
}

/* --- writing -------------------------------------------------------------------------- */

/* At most max bytes, cut between characters. */
static void
field_cut(struct jsonw *w, const char *name, const char *text, size_t max)
{
	struct span s = span_str(text);

	if (s.n == 0)
		return;
	if (s.n > max) {
		s.n = max;
		s.n -= utf8_incomplete_tail(s);
	}
	jw_key(w, name);
	jw_span(w, s);
}

static void
field_number(struct jsonw *w, const char *name, int64_t v)
{
	if (v > 0)
		jw_field_int(w, name, v);
}

void
own_event_write(struct buf *out, const struct own_event *e)
{
	struct jsonw w;

	jw_init(&w, out);
	jw_open(&w, '{');
	jw_field_str(&w, "Type", e->kind == OWN_EVENT_FILE ? TYPE_FILE : TYPE_PORT);
	field_cut(&w, "Host", e->host, HOST_MAX);
	field_cut(&w, "Address", e->address, ADDRESS_MAX);
	field_number(&w, "Port", e->port);
	field_cut(&w, "Socket", e->socket, SOCKET_MAX);
	field_cut(&w, "Path", e->path, OWN_EVENT_PATH_MAX);
	if (e->to_node)
		jw_field_bool(&w, "ToNode", true);
	field_number(&w, "Bytes", e->bytes);
	field_cut(&w, "Sha256", e->sha256, SHA256_HEX);
	field_cut(&w, "Error", e->error, OWN_EVENT_CODE_MAX);
	field_cut(&w, "Message", e->message, OWN_EVENT_MESSAGE_MAX);
	jw_close(&w, '}');
}

static void
wrap(struct buf *out, const char *type, const struct control_head *h,
    const struct buf *json)
{
	struct agentmsg m = {
		.created_ms = h->created_ms > 0 ? h->created_ms : 1,
		.flags = AGENTMSG_FLAG_SYN | AGENTMSG_FLAG_FIN,
	};

	if (buf_check(json) != 0) {
		out->err = out->err != 0 ? out->err : json->err;
		return;
	}
	memcpy(m.id, h->id, sizeof(m.id));
	snprintf(m.type, sizeof(m.type), "%s", type);
	m.payload = buf_span(json);
	agentmsg_encode(out, &m);
}

void
own_events_build(struct buf *out, const struct control_head *h, const char *session_id,
    int64_t number, struct span events)
{
	auto_buf json = { .max = OWN_EVENTS_BYTES };
	struct jsonw w;

	jw_init(&w, &json);
	jw_open(&w, '{');
	jw_field_str(&w, "SessionId", session_id);
	jw_field_int(&w, "Number", number);
	jw_key(&w, "Events");
	jw_open(&w, '[');
	jw_raw(&w, events);
	jw_close(&w, ']');
	jw_close(&w, '}');
	wrap(out, MSG_OWN_EVENT, h, &json);
}

void
own_recorded_build(
    struct buf *out, const struct control_head *h, const char *session_id, int64_t number)
{
	auto_buf json = { .max = OWN_RECORDED_MAX };
	struct jsonw w;

	jw_init(&w, &json);
	jw_open(&w, '{');
	jw_field_str(&w, "SessionId", session_id);
	jw_field_int(&w, "Number", number);
	jw_close(&w, '}');
	wrap(out, MSG_OWN_RECORDED, h, &json);
}

/* --- reading -------------------------------------------------------------------------- */

static bool
is_of(const char *s, bool (*ok)(uint8_t c))
{
	for (; *s != '\0'; s++)
		if (!ok((uint8_t)*s))
			return false;
	return true;
}

static bool
is_printable(uint8_t c)
{
	return c >= ' ' && c != 0x7f;
}

static bool
is_address(uint8_t c)
{
	return isalnum(c) || c == ':' || c == '.' || c == '%';
}

static bool
is_letter(uint8_t c)
{
	return isalpha(c);
}

static bool
is_hex(uint8_t c)
{
	return isxdigit(c) && !isupper(c);
}

/* A number from 0 on; absent is 0. */
static int
member_number(int64_t *out, const json_t *o, const char *key, int64_t max)
{
	const json_t *v = member(o, key);

	*out = 0;
	if (v == NULL)
		return 0;
	if (!json_is_integer(v))
		return ERR_INVALID;
	*out = json_integer_value(v);
	return *out >= 0 && *out <= max ? 0 : ERR_LIMIT;
}

static int
parse_port(struct own_event *e, struct arena *mem, const json_t *o)
{
	int r;

	if ((r = member_str(&e->host, mem, o, "Host", GROWTH * HOST_MAX, "")) != 0 ||
	    (r = member_str(&e->address, mem, o, "Address", ADDRESS_MAX, "")) != 0 ||
	    (r = member_str(&e->socket, mem, o, "Socket", GROWTH * SOCKET_MAX, "")) !=
		0 ||
	    (r = member_number(&e->port, o, "Port", 65535)) != 0)
		return r;
	return is_of(e->host, is_printable) && is_of(e->address, is_address)
	    ? 0
	    : ERR_INVALID;
}

static int
parse_file(struct own_event *e, struct arena *mem, const json_t *o)
{
	int r;

	if ((r = member_str(&e->path, mem, o, "Path", GROWTH * OWN_EVENT_PATH_MAX, "")) !=
		0 ||
	    (r = member_str(&e->sha256, mem, o, "Sha256", SHA256_HEX, "")) != 0 ||
	    (r = member_number(&e->bytes, o, "Bytes", INT64_MAX)) != 0)
		return r;
	e->to_node = json_is_true(member(o, "ToNode"));
	if (*e->sha256 != '\0' && strlen(e->sha256) != SHA256_HEX)
		return ERR_INVALID;
	return is_of(e->sha256, is_hex) ? 0 : ERR_INVALID;
}

static int
parse_one(struct own_event *e, struct arena *mem, const json_t *o)
{
	const char *type;
	int r;

	*e = (struct own_event){
		.host = "", .address = "", .socket = "", .path = "", .sha256 = ""
	};
	if (!json_is_object(o))
		return ERR_INVALID;
	if ((r = member_str(&type, mem, o, "Type", OWN_EVENT_CODE_MAX, NULL)) != 0 ||
	    (r = member_str(&e->error, mem, o, "Error", OWN_EVENT_CODE_MAX, "")) != 0 ||
	    (r = member_str(&e->message, mem, o, "Message",
		 GROWTH * OWN_EVENT_MESSAGE_MAX, "")) != 0)
		return r;
	if (!is_of(e->error, is_letter))
		return ERR_INVALID;
	if (strcmp(type, TYPE_PORT) == 0) {
		e->kind = OWN_EVENT_PORT;
		return parse_port(e, mem, o);
	}
	if (strcmp(type, TYPE_FILE) == 0) {
		e->kind = OWN_EVENT_FILE;
		return parse_file(e, mem, o);
	}
	return 0;
}

static int
parse_all(struct own_events *out, struct arena *mem, const json_t *list)
{
	size_t n = json_array_size(list);
	struct own_event *events;
	const json_t *one;
	size_t i;
	int r;

	if (!json_is_array(list) || n == 0)
		return ERR_INVALID;
	if (n > OWN_EVENTS_MAX || out->number > INT64_MAX - OWN_EVENTS_MAX)
		return ERR_LIMIT;
	events = arena_alloc(mem, n * sizeof(*events));
	json_array_foreach(list, i, one)
	{
		if ((r = parse_one(&events[i], mem, one)) != 0)
			return r;
	}
	out->events = events;
	out->n = n;
	return 0;
}

int
own_events_parse(struct own_events *out, struct arena *mem, struct span payload)
{
	auto_json *o = NULL;
	int r;

	*out = (struct own_events){ 0 };
	if ((r = member_object(&o, payload, OWN_EVENTS_BYTES, "a report", NULL)) != 0 ||
	    (r = member_str(
		 &out->session_id, mem, o, "SessionId", ID_SESSION_MAX, NULL)) != 0 ||
	    (r = member_number(&out->number, o, "Number", INT64_MAX)) != 0)
		return r;
	if (out->number == 0)
		return ERR_INVALID;
	return parse_all(out, mem, member(o, "Events"));
}

int
own_recorded_parse(int64_t *number, struct span payload, const char *session_id)
{
	auto_arena mem = { 0 };
	auto_json *o = NULL;
	const char *id;
	int r;

	if ((r = member_object(&o, payload, OWN_RECORDED_MAX, "the answer", NULL)) != 0 ||
	    (r = member_str(&id, &mem, o, "SessionId", ID_SESSION_MAX, NULL)) != 0 ||
	    (r = member_number(number, o, "Number", INT64_MAX)) != 0)
		return r;
	return strcmp(id, session_id) == 0 ? 0 : ERR_INVALID;
}
