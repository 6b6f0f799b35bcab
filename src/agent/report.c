/* SPDX-License-Identifier: Apache-2.0 */
/* See report.h. */
#include "agent/report.h"

#include "base/log.h"

enum { ENVELOPE = 1024 }; /* of a message, besides its events */

struct report_event {
	struct list link;
	int64_t number;
	size_t n;
	uint8_t json[];
};

void
agent_report_init(struct agent_report *p, struct ev_loop *l, const char *session_id)
{
	*p = (struct agent_report){ .loop = l, .session_id = session_id, .next = 1 };
	list_init(&p->events);
}

static void
forget(struct agent_report *p, struct report_event *e)
{
	list_del(&e->link);
	p->n--;
	p->bytes -= e->n;
	free(e);
}

void
agent_report_fini(struct agent_report *p)
{
	int64_t unsent = p->next - 1 - p->sent;

	if (unsent > 0) /* the rest is on its way */
		log_warn("events not recorded", "session=%s events=%lld", p->session_id,
		    (long long)unsent);
	LIST_EACH(e, &p->events, struct report_event, link)
	forget(p, e);
}

void
agent_report_add(struct agent_report *p, const struct own_event *what)
{
	auto_buf json = { .max = OWN_EVENT_BYTES };
	struct report_event *e;

	if (!p->heard)
		return;
	own_event_write(&json, what);
	if (buf_check(&json) != 0) {
		log_error("event too long", "session=%s",
		    p->session_id); /* its parts are not */
		return;
	}
	e = xmalloc(sizeof(*e) + json.len);
	*e = (struct report_event){ .number = p->next++, .n = json.len };
	memcpy(e->json, json.p, json.len);
	list_init(&e->link);
	list_add_tail(&p->events, &e->link);
	p->n++;
	p->bytes += e->n;
}

bool
agent_report_is_full(const struct agent_report *p)
{
	return p->n >= REPORT_EVENTS || p->bytes >= REPORT_BYTES;
}

bool
agent_report_in_flight(const struct agent_report *p)
{
	const struct report_event *first =
	    LIST_FIRST(&p->events, struct report_event, link);

	return first != NULL && first->number <= p->sent;
}

/* --- leaving -------------------------------------------------------------------------- */

/* The next ones that fit one message; returns the number of the last, or 0. */
static int64_t
gather(const struct agent_report *p, struct buf *events)
{
	int64_t last = 0;
	size_t n = 0;

	LIST_EACH(e, &p->events, struct report_event, link)
	{
		if (e->number <= p->sent)
			continue;
		if (n == OWN_EVENTS_MAX || events->len + 1 + e->n > events->max)
			break;
		if (n++ > 0)
			buf_add_u8(events, ',');
		buf_add(events, span_of(e->json, e->n));
		last = e->number;
	}
	return last;
}

/* One message.  ERR_NOTFOUND: there is nothing to say. */
static int
send_some(struct agent_report *p, struct wsconn *ws)
{
	struct control_head head = { .created_ms = (uint64_t)ev_wall_ms(p->loop) };
	auto_buf events = { .max = OWN_EVENTS_BYTES - ENVELOPE };
	auto_buf msg = { .max = OWN_EVENTS_BYTES + ENVELOPE };
	int64_t last = gather(p, &events);
	int r;

	if (last == 0)
		return ERR_NOTFOUND;
	ev_random(p->loop, head.id, sizeof(head.id));
	own_events_build(&msg, &head, p->session_id, p->sent + 1, buf_span(&events));
	if ((r = buf_check(&msg)) == 0)
		r = wsconn_send(ws, WS_BINARY, buf_span(&msg));
	if (r == 0)
		p->sent = last;
	return r;
}

void
agent_report_send(struct agent_report *p, struct wsconn *ws)
{
	int r = 0;

	if (ws == NULL || p->sent + 1 == p->next)
		return;
	while (r == 0)
		r = send_some(p, ws);
	if (r != ERR_NOTFOUND)
		log_debug("events not sent", "session=%s why=\"%s\"", p->session_id,
		    err_text(r));
}

void
agent_report_again(struct agent_report *p)
{
	const struct report_event *first =
	    LIST_FIRST(&p->events, struct report_event, link);

	p->sent = (first != NULL ? first->number : p->next) - 1;
}

void
agent_report_recorded(struct agent_report *p, struct span payload)
{
	int64_t number;

	if (own_recorded_parse(&number, payload, p->session_id) != 0) {
		log_debug("answer not understood", "session=%s", p->session_id);
		return;
	}
	p->heard = true;
	LIST_EACH(e, &p->events, struct report_event, link)
	{
		if (e->number > number)
			break;
		forget(p, e);
	}
	/* It knows of more than we ever said: we go on behind that. */
	if (number >= p->next)
		p->sent = (p->next = number + 1) - 1;
}
