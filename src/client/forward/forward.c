/* SPDX-License-Identifier: Apache-2.0 */
/* See forward.h. */
#include "client/forward/forward.h"

#include <signal.h>

#include "client/cli/cli.h"
#include "client/forward/socks_door.h"
#include "client/port/port.h"
#include "client/run/run.h"
#include "client/run/start.h"
#include "client/session/live.h"
#include "codec/json.h"

struct forward {
	const struct forward_options *o;
	struct ev_loop *loop;
	struct list dests, locals;
	size_t ndests; /* those of SOCKS clients */
	struct socks_door door;
	struct ev_timer look;
	bool stopping;
	int exit_code;
};

/* Owned by forward.dests. */
struct dest {
	struct list link;
	struct forward *f;
	char *host; /* "": the node itself; "/..." : a socket on it, and remote is 0 */
	uint16_t remote;
	char name[600]; /* for the person */
	struct live *live;
	struct port *port;   /* once the session is ready */
	struct list waiting; /* struct waiter, until then */
	size_t nwaiting;
	bool fixed; /* of the command line */
	bool ending;
	uint64_t used_ms;
};

struct waiter {
	struct list link;
	struct ev_stream *s;
	struct socks *socks; /* to be answered; or NULL */
};

/* One port of this machine.  Owned by forward.locals. */
struct local {
	struct list link;
	struct forward *f;
	const struct forward_spec *spec;
	struct ev_listener *listener;
};

static void stop(struct forward *f, int exit_code);

/* "host:port" as it is typed. */
static void
place_text(char *out, size_t size, const char *host, uint16_t port)
{
	bool v6 = strchr(host, ':') != NULL;

	snprintf(out, size, "%s%s%s:%u", v6 ? "[" : "", host[0] != '\0' ? host : "*",
	    v6 ? "]" : "", port);
}

/* --- connections that wait --------------------------------------------------------------- */

static void
hand_over(struct dest *d, struct ev_stream *s, struct socks *socks)
{
	int r = socks != NULL ? port_ask(d->port, s, socks) : port_take(d->port, s);

	if (r != 0)
		cli_say("%s: a connection was refused: %zu are open", d->name,
		    port_connections(d->port));
}

static void
wait_in(struct dest *d, struct ev_stream *s, struct socks *socks)
{
	struct waiter *w;

	if (d->nwaiting >= FORWARD_WAITING_MAX) {
		socks_door_answer(socks, s, ERR_LIMIT);
		ev_close(s);
		return;
	}
	w = xcalloc(1, sizeof(*w));
	w->s = s;
	w->socks = socks;
	list_init(&w->link);
	list_add_tail(&d->waiting, &w->link);
	d->nwaiting++;
}

/* All that wait get their connection, or are told that there is none. */
static void
serve_waiting(struct dest *d)
{
	LIST_EACH(w, &d->waiting, struct waiter, link)
	{
		list_del(&w->link);
		if (d->port != NULL) {
			hand_over(d, w->s, w->socks);
		} else {
			socks_door_answer(w->socks, w->s, ERR_CLOSED);
			ev_close(w->s);
		}
		free(w);
	}
	d->nwaiting = 0;
}

static void
on_refused(void *arg, int why)
{
	struct dest *d = arg;

	cli_say("%s: %s", d->name,
	    why != 0 ? err_text(why) : "the node could not connect there");
}

static void
on_answered(void *arg, void *asker, struct ev_stream *s, int why)
{
	(void)arg;
	socks_door_answer(asker, s, why);
}

static const struct port_ops port_ops = {
	.refused = on_refused,
	.answered = on_answered,
};

/* --- its session -------------------------------------------------------------------------------- */

static void
say_ready(const struct dest *d)
{
	char at[300];

	LIST_EACH(l, &d->f->locals, struct local, link)
	{
		const struct forward_spec *s = l->spec;

		if (s->socks || s->remote != d->remote ||
		    strcmp(s->host != NULL ? s->host : "", d->host) != 0)
			continue;
		place_text(at, sizeof(at), s->bind, ev_listener_port(l->listener));
		cli_say("forwarding %s to %s", s->bind[0] == '/' ? s->bind : at, d->name);
	}
}

static void
give_up(struct dest *d, const char *why)
{
	cli_say("%s: %s", d->name, why);
	d->ending = true;
	live_terminate(d->live);
}

static bool
is_socket(const struct dest *d)
{
	return d->host[0] == '/';
}

static void
on_ready(void *arg, const struct session_info *info)
{
	struct dest *d = arg;
	struct port_wish wish;

	if (info->type != DOCUMENT_PORT) {
		give_up(d, "this is no port session: is the document changed?");
		return;
	}
	if (is_socket(d) && !info->own_peer) {
		give_up(d,
		    "only sallyport-agent connects to sockets; the node has another "
		    "agent");
		return;
	}
	port_wish_read(&wish, info);
	d->port = port_new(
	    d->f->loop, &wish, port_wire_of(live_session(d->live)), &port_ops, d);
	port_wish_fini(&wish);
	if (d->fixed)
		say_ready(d);
	serve_waiting(d);
}

static int
on_data(void *arg, uint32_t payload_type, struct span data)
{
	struct dest *d = arg;
	int r = d->port != NULL ? port_data(d->port, payload_type, data) : 0;

	if (r == 0 || r == ERR_AGAIN || d->ending)
		return r == ERR_AGAIN ? r : 0;
	give_up(d, "the agent broke the rules of the multiplexing");
	return 0;
}

static void
on_writable(void *arg)
{
	struct dest *d = arg;

	if (d->port != NULL)
		port_go(d->port);
}

static void
on_lost(void *arg, bool lost, const char *why)
{
	struct dest *d = arg;

	if (lost)
		cli_say("%s: connection lost (%s); reconnecting", d->name, why);
	else
		cli_say("%s: connection restored", d->name);
}

static void
on_notice(void *arg, const char *text)
{
	struct dest *d = arg;

	cli_say("%s: %s", d->name, text);
}

static void
dest_free(struct dest *d)
{
	list_del(&d->link);
	if (!d->fixed)
		d->f->ndests--;
	port_free(STEAL(d->port));
	serve_waiting(d);
	live_free(d->live);
	free(d->host);
	free(d);
}

static void
on_end(void *arg, const char *text)
{
	struct dest *d = arg;
	struct forward *f = d->f;
	bool lost = d->fixed && !f->stopping;

	if (!f->stopping && (!d->ending || d->fixed))
		cli_say("%s: the session ended%s%s", d->name, text[0] != '\0' ? ": " : "",
		    text);
	dest_free(d);
	if (lost)
		stop(f, RUN_EXIT_LOST);
	else if (f->stopping && list_empty(&f->dests))
		ev_stop(f->loop);
}

static const struct live_ops live_ops = {
	.on_ready = on_ready,
	.on_data = on_data,
	.on_writable = on_writable,
	.on_lost = on_lost,
	.on_notice = on_notice,
	.on_end = on_end,
};

/* --- destinations ------------------------------------------------------------------------------- */

/* The document of a destination, and its parameters. */
static const char *
document_of(const struct dest *d, json_t *parameters)
{
	char port[8];

	if (is_socket(d)) {
		json_object_set_new(parameters, "path", json_pack("[s]", d->host));
		return "Sallyport-StartSocketForwardingSession";
	}
	snprintf(port, sizeof(port), "%u", d->remote);
	json_object_set_new(parameters, "portNumber", json_pack("[s]", port));
	if (d->host[0] == '\0')
		return "AWS-StartPortForwardingSession";
	json_object_set_new(parameters, "host", json_pack("[s]", d->host));
	return "AWS-StartPortForwardingSessionToRemoteHost";
}

static void
dest_start(struct dest *d)
{
	const struct forward_options *o = d->f->o;
	auto_buf body = { .max = START_BODY_MAX };
	auto_json *parameters = json_object();

	start_body(&body,
	    &(struct starting){ .target = o->node_id,
		.document = document_of(d, parameters),
		.reason = o->reason,
		.parameters = parameters });
	d->live =
	    live_start(d->f->loop, o->api, o->settings, buf_span(&body), &live_ops, d);
}

static struct dest *
dest_find(const struct forward *f, const char *host, uint16_t remote)
{
	LIST_EACH(d, &f->dests, struct dest, link)
	{
		if (!d->ending && d->remote == remote && strcmp(d->host, host) == 0)
			return d;
	}
	return NULL;
}

static struct dest *
dest_get(struct forward *f, const char *host, uint16_t remote, bool fixed)
{
	struct dest *d = dest_find(f, host, remote);
	char at[300];

	if (d != NULL)
		return d;
	if (!fixed && f->ndests >= FORWARD_DESTS_MAX)
		return NULL;
	d = xcalloc(1, sizeof(*d));
	d->f = f;
	d->host = xstrdup(host);
	d->remote = remote;
	d->fixed = fixed;
	place_text(at, sizeof(at), host, remote);
	if (is_socket(d))
		snprintf(d->name, sizeof(d->name), "%s:%s", f->o->node_name, host);
	else if (host[0] != '\0')
		snprintf(d->name, sizeof(d->name), "%s through %s", at, f->o->node_name);
	else
		snprintf(d->name, sizeof(d->name), "%s:%u", f->o->node_name, remote);
	list_init(&d->waiting);
	list_init(&d->link);
	list_add_tail(&f->dests, &d->link);
	if (!fixed)
		f->ndests++;
	dest_start(d);
	return d;
}

/*
 * Takes the connection s to a destination.  socks (may be NULL, else owned by the callee
 * from here on) is answered when the node is connected, or is not to be.
 */
static void
connect_to(struct forward *f, const char *host, uint16_t port, struct ev_stream *s,
    struct socks *socks)
{
	struct dest *d = f->stopping ? NULL : dest_get(f, host, port, false);

	if (d == NULL) {
		if (!f->stopping)
			cli_say("%s:%u: more than %d destinations at once", host, port,
			    FORWARD_DESTS_MAX);
		socks_door_answer(socks, s, ERR_LIMIT);
		ev_close(s);
		return;
	}
	d->used_ms = ev_now_ms(f->loop);
	if (d->port != NULL)
		hand_over(d, s, socks);
	else
		wait_in(d, s, socks);
}

static void
on_socks_request(void *arg, struct ev_stream *s, struct socks *socks)
{
	connect_to(arg, socks->host, socks->port, s, socks);
}

/* Sessions of SOCKS clients that nobody has used for a while. */
static void
on_look(void *arg)
{
	struct forward *f = arg;
	uint64_t now = ev_now_ms(f->loop);

	LIST_EACH(d, &f->dests, struct dest, link)
	{
		if (d->fixed || d->ending || d->port == NULL)
			continue;
		if (port_connections(d->port) > 0) {
			d->used_ms = now;
		} else if (now - d->used_ms >= FORWARD_IDLE_MS) {
			d->ending = true;
			live_terminate(d->live);
		}
	}
	ev_timer_set(f->loop, &f->look, FORWARD_LOOK_MS, on_look, f);
}

/* --- local ports -------------------------------------------------------------------------------- */

static void
on_accept(void *arg, struct ev_stream *s)
{
	struct local *l = arg;
	const struct forward_spec *spec = l->spec;

	connect_to(
	    l->f, spec->host != NULL ? spec->host : "", spec->remote, s, NULL);
}

static int
open_local(struct forward *f, const struct forward_spec *spec)
{
	struct local *l = xcalloc(1, sizeof(*l));
	struct fault fault = { 0 };
	char at[300];

	l->f = f;
	l->spec = spec;
	list_init(&l->link);
	list_add_tail(&f->locals, &l->link);
	if (ev_listen(&l->listener, f->loop, spec->bind, spec->port,
		spec->socks ? socks_door_accept : on_accept,
		spec->socks ? (void *)&f->door : l, &fault) != 0) {
		cli_say("%s", fault_text(&fault));
		return ERR_IO;
	}
	if (spec->socks) {
		place_text(at, sizeof(at), spec->bind, ev_listener_port(l->listener));
		cli_say("SOCKS 5 on %s, through %s", at, f->o->node_name);
	}
	return 0;
}

static void
close_locals(struct forward *f)
{
	LIST_EACH(l, &f->locals, struct local, link)
	{
		list_del(&l->link);
		if (l->listener != NULL)
			ev_listener_close(l->listener);
		free(l);
	}
}

/* --- the whole ------------------------------------------------------------------------------------ */

/* Nothing may stay behind on the node: every session is ended at the service. */
static void
stop(struct forward *f, int exit_code)
{
	if (f->stopping) { /* the second signal does not wait */
		ev_stop(f->loop);
		return;
	}
	f->stopping = true;
	f->exit_code = exit_code;
	close_locals(f);
	socks_door_close(&f->door);
	LIST_EACH(d, &f->dests, struct dest, link)
	live_terminate(d->live);
	if (list_empty(&f->dests))
		ev_stop(f->loop);
}

static void
on_signal(void *arg)
{
	stop(arg, CLI_OK);
}

static int
open_all(struct forward *f)
{
	for (size_t i = 0; i < f->o->nspecs; i++)
		if (open_local(f, &f->o->specs[i]) != 0)
			return ERR_IO;
	for (size_t i = 0; i < f->o->nspecs; i++) {
		const struct forward_spec *s = &f->o->specs[i];

		if (!s->socks)
			(void)dest_get(
			    f, s->host != NULL ? s->host : "", s->remote, true);
	}
	return 0;
}

int
forward_run(const struct forward_options *o)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct forward f = { .o = o, .loop = o->loop, .exit_code = RUN_EXIT_LOST };

	(void)ev_descriptors_raise();
	list_init(&f.dests);
	list_init(&f.locals);
	socks_door_init(&f.door, f.loop, on_socks_request, &f);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		ev_on_signal(f.loop, signals[i], on_signal, &f);
	if (open_all(&f) == 0) {
		ev_timer_set(f.loop, &f.look, FORWARD_LOOK_MS, on_look, &f);
		ev_run(f.loop);
	}
	close_locals(&f);
	socks_door_close(&f.door);
	LIST_EACH(d, &f.dests, struct dest, link)
	dest_free(d);
	ev_timer_clear(&f.look);
	return f.exit_code;
}
