/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See forward.h: many connections over one session.  Each stream dials by itself, so a
 * target that does not answer delays nobody; what the client says meanwhile waits in its
 * stream.
 */
#include "agent/forward_int.h"
#include "base/log.h"
#include "proto/agentmsg.h"
#include "proto/handshake.h"

/* A stream without its connection.  Owned by forward_mux.dials. */
struct stream_dial {
	struct agent_forward *w;
	struct list link;
	struct agent_dial *dial; /* NULL: not dialled yet, or over */
	uint32_t id;
	int err; /* why it failed; the client is to be told */
};

static void
forget(struct stream_dial *d)
{
	agent_dial_cancel(d->dial);
	list_del(&d->link);
	free(d);
}

/* --- dialling ------------------------------------------------------------------ */

/*
 * A stock client hears a flag, which names no stream, and then the stream's end; ours the
 * reason of the stream.
 */
static bool
tell(struct stream_dial *d)
{
	struct agent_forward *w = d->w;
	uint32_t id = d->id;
	int err = d->err;
	uint8_t flag[4];

	if (!w->own) {
		if (w->ops->room(w->arg) < sizeof(flag))
			return false; /* later */
		flag_encode(flag, FLAG_CONNECT_TO_PORT_ERROR);
		w->ops->send(w->arg, PAYLOAD_FLAG, span_of(flag, sizeof(flag)));
	}
	forget(d);
	tunnel_refuse(w->mux.t, id, err);
	return true;
}

static void
on_dialled(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct stream_dial *d = arg;
	struct agent_forward *w = d->w;
	uint32_t id = d->id;

	d->dial = NULL;
	forward_report(w, s, err, why);
	if (err == 0) {
		forget(d);
		tunnel_attach(w->mux.t, id, s);
		return;
	}
	log_info("connection not forwarded", "session=%s host=%s port=%u why=%s",
	    w->to.session_id, *w->to.host != '\0' ? log_q(w->to.host) : "-", w->to.port,
	    log_q(why));
	d->err = err;
	(void)tell(d);
}

static void
dial(struct stream_dial *d)
{
	if (forward_may_open(d->w))
		d->dial = agent_dial_start(d->w->loop, &d->w->to, on_dialled, d);
}

static void
on_open(void *arg, uint32_t id)
{
	struct agent_forward *w = arg;
	struct stream_dial *d = xcalloc(1, sizeof(*d));

	d->w = w;
	d->id = id;
	list_init(&d->link);
	list_add_tail(&w->mux.dials, &d->link);
	dial(d);
}

static void
on_end(void *arg, uint32_t id, int why)
{
	struct agent_forward *w = arg;

	(void)why;
	LIST_EACH(d, &w->mux.dials, struct stream_dial, link)
	{
		if (d->id == id) {
			if (d->dial != NULL)
				forward_report(w, NULL, ERR_CANCELLED, FORWARD_GAVE_UP);
			forget(d);
			return;
		}
	}
}

/*
 * A host that may never be dialled, or that nobody knows, ends the session in words: a
 * stock client shows none when a stream fails.
 */
static void
on_probed(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct agent_forward *w = arg;
	char text[360];

	(void)s;
	w->mux.probe = NULL;
	if (err == ERR_DENIED || err == ERR_RESOLVE)
		forward_report(w, NULL, err, why);
	if (err == ERR_DENIED) {
		forward_failed(w, why);
	} else if (err == ERR_RESOLVE) {
		(void)snprintf(
		    text, sizeof(text), "Unable to connect to specified port: %s", why);
		forward_failed(w, text);
	}
}

/* --- the tunnel ------------------------------------------------------------------ */

/* A stock client is deaf until its own smux exists (docs/protocol.md). */
static size_t
tunnel_room(void *arg)
{
	struct agent_forward *w = arg;

	if (w->over || (!w->own && !w->mux.heard))
		return 0;
	return w->ops->room(w->arg);
}

static void
tunnel_send(void *arg, struct span payload)
{
	struct agent_forward *w = arg;

	w->ops->send(w->arg, PAYLOAD_OUTPUT, payload);
}

static bool
tunnel_cork(void *arg)
{
	struct agent_forward *w = arg;

	return w->ops->cork != NULL && w->ops->cork(w->arg);
}

static void
tunnel_uncork(void *arg)
{
	struct agent_forward *w = arg;

	w->ops->uncork(w->arg);
}

static void
on_silent(void *arg)
{
	forward_failed(arg, "The client has been silent for too long.");
}

static void
tunnel_ready(void *arg)
{
	forward_input_ready(arg);
}

static const struct tunnel_ops tunnel_callbacks = {
	.room = tunnel_room,
	.send = tunnel_send,
	.cork = tunnel_cork,
	.uncork = tunnel_uncork,
	.on_open = on_open,
	.on_end = on_end,
	.on_silent = on_silent,
	.input_ready = tunnel_ready,
};

int
forward_mux_input(struct agent_forward *w, struct span in)
{
	int r;

	w->mux.heard = true;
	r = tunnel_input(w->mux.t, in);
	if (r != 0 && r != ERR_AGAIN) {
		forward_failed(w, "The client broke the rules of multiplexed sessions.");
		return 0;
	}
	return r;
}

static struct stream_dial *
first_failed(const struct agent_forward *w)
{
	LIST_EACH(d, &w->mux.dials, struct stream_dial, link)
	{
		if (d->err != 0)
			return d;
	}
	return NULL;
}

void
forward_mux_go(struct agent_forward *w)
{
	struct stream_dial *d;

	/* Each may end others: no walk through the list. */
	while ((d = first_failed(w)) != NULL && tell(d))
		;
	LIST_EACH(waiting, &w->mux.dials, struct stream_dial, link)
	{
		if (waiting->dial == NULL && waiting->err == 0)
			dial(waiting);
	}
	tunnel_go(w->mux.t);
}

void
forward_mux_start(struct agent_forward *w, bool keepalive)
{
	w->mux = (struct forward_mux){ 0 };
	list_init(&w->mux.dials);
	w->mux.t = tunnel_new(w->loop,
	    &(struct tunnel_config){ .own = w->own, .keepalive = keepalive },
	    &tunnel_callbacks, w);
	if (*w->to.host != '\0')
		w->mux.probe = agent_dial_probe(w->loop, &w->to, on_probed, w);
}

void
forward_mux_close(struct agent_forward *w)
{
	agent_dial_cancel(STEAL(w->mux.probe));
	LIST_EACH(d, &w->mux.dials, struct stream_dial, link)
	forget(d);
	tunnel_free(w->mux.t);
}
