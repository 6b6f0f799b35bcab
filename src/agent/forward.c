/* SPDX-License-Identifier: Apache-2.0 */
/* See forward.h.  Which of the two kinds it is; what they do is in their own files. */
#include "agent/forward.h"

#include "agent/forward_int.h"
#include "agent/sockdial.h"
#include "base/log.h"
#include "base/text.h"
#include "proto/agentmsg.h"
#include "proto/handshake.h"

static int
read_port(uint16_t *port, const struct session_document *doc)
{
	int64_t n;

	if (num_parse(span_str(doc->port), 1, 65535, &n) != 0)
		return ERR_INVALID;
	*port = (uint16_t)n;
	return 0;
}

static bool
is_socket(const struct session_document *doc)
{
	return *doc->remote_socket != '\0';
}

int
agent_forward_check(const struct session_document *doc, struct fault *f)
{
	uint16_t port;

	if (is_socket(doc))
		return sockdial_check(span_str(doc->remote_socket), f);
	if (read_port(&port, doc) != 0)
		return fault_set(
		    f, ERR_INVALID, "\"%.60s\" is no port number", doc->port);
	if (strlen(doc->host) > DIAL_HOST_MAX)
		return fault_set(f, ERR_INVALID, "the host's name is too long");
	if (*doc->host == '/')
		return fault_set(f, ERR_INVALID,
		    "the host is a name or an address, not the path of a socket");
	return 0;
}

bool
forward_may_open(struct agent_forward *w)
{
	return w->ops->may_open == NULL || w->ops->may_open(w->arg);
}

void
forward_report(
    struct agent_forward *w, const struct ev_stream *s, int err, const char *why)
{
	struct own_event e = {
		.kind = OWN_EVENT_PORT,
		.host = w->to.host,
		.address = s != NULL ? ev_peer_ip(s) : "",
		.port = w->to.port,
		.socket = w->to.path,
	};

	if (w->ops->report == NULL)
		return;
	if (err != 0) {
		e.error = own_event_error(err);
		e.message = why;
	}
	w->ops->report(w->arg, &e);
}

void
forward_failed(struct agent_forward *w, const char *why)
{
	if (w->over)
		return;
	w->over = true;
	w->ops->failed(w->arg, why);
}

void
forward_ended(struct agent_forward *w)
{
	if (w->over)
		return;
	w->over = true;
	w->ops->ended(w->arg);
}

void
forward_input_ready(struct agent_forward *w)
{
	if (!w->wants_input || w->over)
		return;
	w->wants_input = false;
	w->ops->input_ready(w->arg);
}

struct agent_forward *
agent_forward_start(struct ev_loop *l, const struct agent_forward_options *o,
    const struct agent_forward_ops *ops, void *arg)
{
	struct agent_forward *w = xcalloc(1, sizeof(*w));
	bool local = strcmp(o->doc->forward_type, "LocalPortForwarding") == 0;

	w->loop = l;
	w->ops = ops;
	w->arg = arg;
	w->own = o->own;
	w->to.host = o->doc->host;
	w->to.policy = o->policy;
	w->to.path = o->doc->remote_socket;
	w->to.spawner = o->spawner;
	w->to.user = o->user;
	w->to.session_id = o->session_id;
	w->is_mux = local && handshake_client_does_mux(o->client_version);
	if (!is_socket(o->doc) && read_port(&w->to.port, o->doc) != 0)
		assert(0 && "the document was not checked");
	if (w->is_mux)
		forward_mux_start(
		    w, !o->own && !handshake_client_keepalive_off(o->client_version));
	else
		forward_basic_start(w, local);
	return w;
}

int
agent_forward_input(struct agent_forward *w, struct span in)
{
	int r;

	if (w->over)
		return 0;
	r = w->is_mux ? forward_mux_input(w, in) : forward_basic_input(w, in);
	w->wants_input = w->wants_input || r == ERR_AGAIN;
	return r;
}

int
agent_forward_flag(struct agent_forward *w, uint32_t flag)
{
	int r;

	if (w->over)
		return 0;
	r = w->is_mux ? 0 : forward_basic_flag(w, flag);
	w->wants_input = w->wants_input || r == ERR_AGAIN;
	return r;
}

void
agent_forward_go(struct agent_forward *w)
{
	if (w->over)
		return;
	if (w->is_mux)
		forward_mux_go(w);
	else
		forward_basic_go(w);
}

void
agent_forward_close(struct agent_forward *w)
{
	if (w == NULL)
		return;
	w->over = true;
	if (w->is_mux)
		forward_mux_close(w);
	else
		forward_basic_close(w);
	free(w);
}
