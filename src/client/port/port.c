/* SPDX-License-Identifier: Apache-2.0 */
/* See port.h. */
#include "client/port/port_ways.h"

#include "codec/json.h"

/* --- what a session asks for ----------------------------------------------------------- */

static char *
member(const json_t *o, const char *name)
{
	const char *v = json_get_str_ci(o, name);

	return xstrdup(v != NULL ? v : "");
}

void
port_wish_read(struct port_wish *w, const struct session_info *info)
{
	auto_json *o = NULL;
	const char *type, *connection;

	*w = (struct port_wish){ .own = info->own_peer };
	if (json_read(&o, info->properties, NULL) != 0)
		o = NULL; /* none at all: the stock plugin takes it for ssh, too */
	type = json_get_str_ci(o, "type");
	connection = json_get_str_ci(o, "localConnectionType");
	if (type == NULL || strcmp(type, "LocalPortForwarding") != 0)
		w->mode = PORT_STDIO;
	else if (handshake_agent_does_mux(info->agent_version))
		w->mode = PORT_MUX;
	else
		w->mode = PORT_BASIC;
	w->takes_end = info->takes_input;
	w->tells_attached = info->own_peer && info->tells_attached;
	w->keepalive = !handshake_agent_keepalive_off(info->agent_version);
	w->is_unix = connection != NULL && strcmp(connection, "unix") == 0;
	w->local_port = member(o, "localPortNumber");
	w->local_socket = member(o, "localUnixSocket");
}

void
port_wish_fini(struct port_wish *w)
{
	free(w->local_port);
	free(w->local_socket);
}

/* --- the data channel of a session ------------------------------------------------------ */

static size_t
session_room(void *arg)
{
	return client_session_bulk_room(arg);
}

static int
session_send(void *arg, uint32_t payload_type, struct span data)
{
	return client_session_send(arg, payload_type, data);
}

static void
session_pump(void *arg)
{
	client_session_pump(arg);
}

static bool
session_drained(void *arg)
{
	return client_session_drained(arg);
}

struct port_wire
port_wire_of(struct client_session *s)
{
	static const struct port_wire_ops ops = {
		.room = session_room,
		.send = session_send,
		.pump = session_pump,
		.drained = session_drained,
	};

	return (struct port_wire){ &ops, s };
}

/* --- connections ------------------------------------------------------------------------- */

struct port {
	struct port_mux *mux; /* one of the two */
	struct port_basic *basic;
	bool tells_attached;
	const struct port_ops *ops;
	void *arg;
};

struct port *
port_new(struct ev_loop *l, const struct port_wish *w, struct port_wire wire,
    const struct port_ops *ops, void *arg)
{
	struct port *p = xcalloc(1, sizeof(*p));

	p->tells_attached = w->mode == PORT_MUX && w->tells_attached;
	p->ops = ops;
	p->arg = arg;
	if (w->mode == PORT_BASIC)
		p->basic = port_basic_new(l, wire);
	else
		p->mux = port_mux_new(l, w, wire, ops, arg);
	return p;
}

void
port_free(struct port *p)
{
	if (p == NULL)
		return;
	port_mux_free(p->mux);
	port_basic_free(p->basic);
	free(p);
}

int
port_take(struct port *p, struct ev_stream *s)
{
	return p->mux != NULL ? port_mux_take(p->mux, s) : port_basic_take(p->basic, s);
}

int
port_ask(struct port *p, struct ev_stream *s, void *asker)
{
	if (p->tells_attached)
		return port_mux_ask(p->mux, s, asker);
	p->ops->answered(p->arg, asker, s, 0);
	return port_take(p, s);
}

int
port_data(struct port *p, uint32_t payload_type, struct span data)
{
	return p->mux != NULL ? port_mux_data(p->mux, payload_type, data)
			      : port_basic_data(p->basic, payload_type, data);
}

void
port_go(struct port *p)
{
	if (p->mux != NULL)
		port_mux_go(p->mux);
	else
		port_basic_go(p->basic);
}

size_t
port_connections(const struct port *p)
{
	return p->mux != NULL ? port_mux_connections(p->mux)
			      : port_basic_connections(p->basic);
}
