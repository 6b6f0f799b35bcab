/* SPDX-License-Identifier: Apache-2.0 */
/* See dial.h. */
#include "agent/dial.h"

struct agent_dial {
	struct ev_loop *loop;
	struct ev_connect *connect;
	struct spawned *socket; /* instead, for a unix socket */
	const struct dial_policy *policy;
	uint16_t port;
	bool probing, second; /* the second of this node's own addresses */
	bool found;           /* probing: one that is allowed */
	char denied[DIAL_IP_TEXT];
	dial_cb *cb;
	void *arg;
};

static bool
may_dial(void *arg, const char *ip)
{
	struct agent_dial *d = arg;

	if (dial_policy_allows(d->policy, ip)) {
		d->found = true;
		return !d->probing;
	}
	(void)snprintf(d->denied, sizeof(d->denied), "%s", ip);
	return false;
}

static void
deliver(struct agent_dial *d, struct ev_stream *s, int err, const char *why)
{
	dial_cb *cb = d->cb;
	void *arg = d->arg;
	char text[300];

	if (err == ERR_DENIED && *d->denied != '\0')
		(void)snprintf(text, sizeof(text),
		    "Forwarding to IP address %s is forbidden.", d->denied);
	else
		(void)snprintf(text, sizeof(text), "%s", why);
	spawned_close(d->socket);
	free(d);
	cb(arg, s, err, text);
}

static void
on_connected(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct agent_dial *d = arg;

	d->connect = NULL;
	if (d->probing && err == ERR_DENIED && d->found)
		err = 0;
	deliver(d, s, err, why);
}

static void
on_own(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct agent_dial *d = arg;

	d->connect = NULL;
	if (err == 0 || d->second) {
		deliver(d, s, err, why);
		return;
	}
	d->second = true;
	d->connect =
	    ev_connect(d->loop, "127.0.0.1", d->port, DIAL_TIMEOUT_MS, on_own, d);
}

static void
on_socket(void *arg, struct ev_stream *io[3])
{
	deliver(arg, io[0], 0, "");
}

static void
on_no_socket(void *arg, int err, const char *why)
{
	deliver(arg, NULL, err, why);
}

/* It was killed while it waited: nobody took the connection. */
static void
on_socket_late(void *arg, int status)
{
	(void)status;
	deliver(arg, NULL, ERR_TIMEOUT, "the socket does not answer");
}

static void
start_socket(struct agent_dial *d, const struct dial_target *t)
{
	static const struct spawn_handler h = {
		.started = on_socket,
		.failed = on_no_socket,
		.exited = on_socket_late,
	};

	d->socket = spawner_spawn(t->spawner,
	    &(struct spawn_request){ .kind = SPAWN_SOCKET,
		.user = t->user,
		.session_id = t->session_id,
		.text = span_str(t->path) },
	    &h, d);
}

static struct agent_dial *
start(
    struct ev_loop *l, const struct dial_target *t, bool probing, dial_cb *cb, void *arg)
{
	struct agent_dial *d = xcalloc(1, sizeof(*d));

	d->loop = l;
	d->policy = t->policy;
	d->port = t->port;
	d->probing = probing;
	d->cb = cb;
	d->arg = arg;
	if (t->path != NULL && *t->path != '\0')
		start_socket(d, t);
	else if (*t->host == '\0')
		d->connect = ev_connect(l, "::1", t->port, DIAL_TIMEOUT_MS, on_own, d);
	else
		d->connect = ev_connect_if(
		    l, t->host, t->port, DIAL_TIMEOUT_MS, may_dial, on_connected, d);
	return d;
}

struct agent_dial *
agent_dial_start(struct ev_loop *l, const struct dial_target *t, dial_cb *cb, void *arg)
{
	return start(l, t, false, cb, arg);
}

struct agent_dial *
agent_dial_probe(struct ev_loop *l, const struct dial_target *t, dial_cb *cb, void *arg)
{
	assert(*t->host != '\0');
	return start(l, t, true, cb, arg);
}

void
agent_dial_cancel(struct agent_dial *d)
{
	if (d == NULL)
		return;
	if (d->connect != NULL)
		ev_connect_cancel(d->connect);
	spawned_close(d->socket);
	free(d);
}
