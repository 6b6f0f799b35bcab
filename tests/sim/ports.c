/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person does with a port session: a local port, and connections to it that carry
 * flows, one after the other and at once.
 */
#include "fleet.h"

#include "client/port/port.h"
#include "flow.h"

enum {
	FLOWS_MAX = 8,
	FLOW_BYTES = 20 * 1000,  /* of most, at most, each way */
	FLOW_BURST = 600 * 1000, /* of some: several windows of a stream */
	DIAL_MS = 5000,
};

struct call {
	struct ports *w;
	struct ev_connect *dial;
	struct flow flow;
	bool made;
};

struct ports {
	struct person *p;
	struct ev_loop *loop;
	struct port *port;
	struct ev_listener *listener;
	struct call calls[FLOWS_MAX];
	unsigned ncalls, dialled;
	struct ev_timer next;
	bool over; /* the person was told */
};

/* --- the local port ---------------------------------------------------------------------- */

static void
on_refused(void *arg, int why)
{
	struct ports *w = arg;

	fleet_fail(w->p->place.fleet, "person %u: the service refused a connection: %s",
	    w->p->index, err_text(why));
}

static const struct port_ops port_ops = {
	.refused = on_refused,
};

static void
on_accept(void *arg, struct ev_stream *s)
{
	struct ports *w = arg;

	if (port_take(w->port, s) != 0)
		fleet_fail(
		    w->p->place.fleet, "person %u: too many connections", w->p->index);
}

/* --- connections ----------------------------------------------------------------------- */

static void
look(struct ports *w)
{
	if (w->over || w->dialled < w->ncalls)
		return;
	for (unsigned i = 0; i < w->ncalls; i++)
		if (w->calls[i].flow.state == FLOW_RUNS)
			return;
	w->over = true;
	person_ports_over(w->p);
}

static void
on_flow_over(void *arg)
{
	struct call *c = arg;

	look(c->w);
}

static void
on_dialled(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct call *c = arg;

	c->dial = NULL;
	if (err == 0) {
		flow_start(&c->flow, s);
		return;
	}
	fleet_fail(
	    c->w->p->place.fleet, "person %u: the local port: %s", c->w->p->index, why);
	c->flow.state = FLOW_BROKEN;
	look(c->w);
}

static uint32_t
length(struct ports *w)
{
	uint32_t max = ev_random_below(w->loop, 6) == 0 ? (uint32_t)FLOW_BURST
							: (uint32_t)FLOW_BYTES;

	return ev_random_below(w->loop, 8) == 0 ? 0 : ev_random_below(w->loop, max);
}

static void
dial_next(void *arg)
{
	struct ports *w = arg;
	struct call *c = &w->calls[w->dialled++];

	c->w = w;
	ev_random(w->loop, &c->flow.salt, sizeof(c->flow.salt));
	c->flow.up = length(w);
	c->flow.down = length(w);
	c->flow.over = on_flow_over;
	c->flow.arg = c;
	c->made = true;
	c->dial = ev_connect(
	    w->loop, "127.0.0.1", ev_listener_port(w->listener), DIAL_MS, on_dialled, c);
	if (w->dialled < w->ncalls)
		ev_timer_set(
		    w->loop, &w->next, ev_random_below(w->loop, 20 * 1000), dial_next, w);
}

/* --- life -------------------------------------------------------------------------------- */

struct ports *
ports_new(struct person *p, const struct session_info *info)
{
	struct ports *w = xcalloc(1, sizeof(*w));
	struct port_wish wish;
	struct fault f = { 0 };

	port_wish_read(&wish, info);
	if (wish.mode != PORT_MUX || !wish.own)
		fleet_fail(p->place.fleet,
		    "person %u: not many connections of our own kind", p->index);
	w->p = p;
	w->loop = p->place.loop;
	w->port = port_new(w->loop, &wish, port_wire_of(p->session), &port_ops, w);
	port_wish_fini(&wish);
	if (ev_listen(&w->listener, w->loop, "127.0.0.1", 0, on_accept, w, &f) != 0) {
		fprintf(stderr, "the local port does not open: %s\n", fault_text(&f));
		abort();
	}
	w->ncalls = 1 + ev_random_below(w->loop, FLOWS_MAX);
	ev_timer_set(w->loop, &w->next, 0, dial_next, w);
	return w;
}

int
ports_data(struct ports *w, uint32_t payload_type, struct span data)
{
	return port_data(w->port, payload_type, data);
}

void
ports_go(struct ports *w)
{
	port_go(w->port);
}

/* Closes what is open, and leaves the counts. */
void
ports_close(struct ports *w)
{
	w->over = true;
	ev_timer_clear(&w->next);
	for (unsigned i = 0; i < w->ncalls; i++) {
		if (w->calls[i].dial != NULL)
			ev_connect_cancel(STEAL(w->calls[i].dial));
		flow_close(&w->calls[i].flow);
	}
	if (w->listener != NULL)
		ev_listener_close(STEAL(w->listener));
	port_free(STEAL(w->port));
}

void
ports_count(const struct ports *w, struct ports_count *out)
{
	*out = (struct ports_count){ .asked = w->ncalls };
	for (unsigned i = 0; i < w->ncalls; i++) {
		const struct call *c = &w->calls[i];

		if (!c->made)
			continue;
		out->right += c->flow.state == FLOW_RIGHT;
		out->wrong += c->flow.state == FLOW_WRONG;
		out->bytes += c->flow.got;
	}
}
