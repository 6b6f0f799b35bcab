/* SPDX-License-Identifier: Apache-2.0 */
/* Many connections over one data channel, on the tunnel; see port.h. */
#include "client/port/port_ways.h"

#include "net/tunnel.h"

struct port_mux {
	struct ev_loop *loop;
	struct port_wire wire;
	const struct port_ops *ops;
	void *arg;
	struct tunnel *tunnel;
	struct ev_timer ready; /* from inside the tunnel the channel is not called */
};

static size_t
tunnel_room(void *arg)
{
	struct port_mux *m = arg;

	return m->wire.ops->room(m->wire.arg);
}

static void
tunnel_send(void *arg, struct span payload)
{
	struct port_mux *m = arg;

	/* It asked for the room just before: what fails here ends the session anyway. */
	(void)m->wire.ops->send(m->wire.arg, PAYLOAD_OUTPUT, payload);
}

static void
on_ready(void *arg)
{
	struct port_mux *m = arg;

	m->wire.ops->pump(m->wire.arg);
}

static void
tunnel_ready(void *arg)
{
	struct port_mux *m = arg;

	ev_timer_set(m->loop, &m->ready, 0, on_ready, m);
}

/* Our own agent ends the stream with the reason and sends no flag. */
static void
tunnel_end(void *arg, uint32_t id, int why)
{
	struct port_mux *m = arg;

	(void)id;
	switch (why) {
	case ERR_REFUSED:
	case ERR_RESOLVE:
	case ERR_TIMEOUT:
	case ERR_DENIED:
	case ERR_NOTFOUND: /* a socket's path */
		m->ops->refused(m->arg, why);
		break;
	default:
		break;
	}
}

static void
tunnel_answered(void *arg, void *asker, struct ev_stream *s, int why)
{
	struct port_mux *m = arg;

	m->ops->answered(m->arg, asker, s, why);
}

static const struct tunnel_ops tunnel_ops = {
	.answered = tunnel_answered,
	.room = tunnel_room,
	.send = tunnel_send,
	.on_end = tunnel_end,
	.input_ready = tunnel_ready,
};

struct port_mux *
port_mux_new(struct ev_loop *l, const struct port_wish *w, struct port_wire wire,
    const struct port_ops *ops, void *arg)
{
	struct port_mux *m = xcalloc(1, sizeof(*m));

	m->loop = l;
	m->wire = wire;
	m->ops = ops;
	m->arg = arg;
	m->tunnel = tunnel_new(l,
	    &(struct tunnel_config){
		.is_client = true, .own = w->own, .keepalive = w->keepalive },
	    &tunnel_ops, m);
	return m;
}

void
port_mux_free(struct port_mux *m)
{
	if (m == NULL)
		return;
	ev_timer_clear(&m->ready);
	tunnel_free(m->tunnel);
	free(m);
}

int
port_mux_take(struct port_mux *m, struct ev_stream *s)
{
	return tunnel_add(m->tunnel, s);
}

int
port_mux_ask(struct port_mux *m, struct ev_stream *s, void *asker)
{
	return tunnel_ask(m->tunnel, s, asker);
}

int
port_mux_data(struct port_mux *m, uint32_t payload_type, struct span data)
{
	uint32_t flag;

	if (payload_type == PAYLOAD_OUTPUT)
		return tunnel_input(m->tunnel, data);
	if (payload_type == PAYLOAD_FLAG && flag_decode(&flag, data) == 0 &&
	    flag == FLAG_CONNECT_TO_PORT_ERROR)
		m->ops->refused(m->arg, 0);
	return 0;
}

void
port_mux_go(struct port_mux *m)
{
	tunnel_go(m->tunnel);
}

size_t
port_mux_connections(const struct port_mux *m)
{
	return tunnel_connections(m->tunnel);
}
