/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One port session of the plugin, with the texts of the stock one that scripts wait for
 * ("Waiting for connections..."); see port.h.
 */
#include <ctype.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "client/port/port.h"

struct port_session {
	const struct port_host *host;
	void *arg;
	struct port_wish wish;
	struct ev_listener *listener;
	struct port *port; /* one of the two, once it is open */
	struct port_stdio *stdio;
	bool accepted;   /* the first connection was told of */
	bool terminates; /* the agent takes Flag TerminateSession */
	bool stopping;
	struct ev_timer stop;
};

static void PRINTF(2, 3) say(struct port_session *s, const char *fmt, ...)
{
	va_list ap;
	char text[1024];

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->host->say(s->arg, text);
}

static void
on_refused(void *arg, int why)
{
	(void)why; /* the text is the stock plugin's */
	say(arg, "\nConnection to destination port failed, check SSM Agent logs.\n");
}

static const struct port_ops port_ops = {
	.refused = on_refused,
};

/* --- the local port ---------------------------------------------------------------------- */

static void
on_accept(void *arg, struct ev_stream *c)
{
	struct port_session *s = arg;

	if (s->stopping) {
		ev_close(c);
		return;
	}
	if (!s->accepted)
		say(s,
		    s->wish.mode == PORT_MUX ? "\nConnection accepted for session [%s]\n"
					     : "Connection accepted for session %s.\n",
		    s->host->session_id);
	s->accepted = true;
	if (port_take(s->port, c) != 0)
		log_warn("connection refused: too many", "session=%s connections=%zu",
		    s->host->session_id, port_connections(s->port));
}

/* "Address already in use" as Go programs say it. */
static void
say_bind_failure(
    struct port_session *s, const char *network, const char *where, const struct fault *f)
{
	char reason[sizeof(f->text)];
	const char *text = fault_text(f), *last = text;

	for (const char *p = text; (p = strstr(p, ": ")) != NULL;)
		last = p += 2;
	snprintf(reason, sizeof(reason), "%s", last);
	reason[0] = (char)tolower((unsigned char)reason[0]);
	say(s, "Cannot perform start session: listen %s %s: bind: %s\n", network, where,
	    reason);
}

/* The path as it is listened on; relative ones are taken from where we are. */
static char *
socket_path(const char *path)
{
	char dir[4096];

	if (path[0] == '/' || getcwd(dir, sizeof(dir)) == NULL)
		return xstrdup(path);
	return xasprintf("%s/%s", dir, path);
}

static int
listen_unix(struct port_session *s)
{
	auto_free char *path = socket_path(s->wish.local_socket);
	struct fault f = { 0 };

	if (ev_listen(&s->listener, s->host->loop, path, 0, on_accept, s, &f) != 0) {
		say_bind_failure(s, "unix", s->wish.local_socket, &f);
		return ERR_IO;
	}
	say(s, "Unix socket %s opened for sessionId %s.", s->wish.local_socket,
	    s->host->session_id);
	return 0;
}

static int
listen_tcp(struct port_session *s)
{
	struct fault f = { 0 };
	int64_t port = 0;
	char where[64];

	snprintf(where, sizeof(where), "127.0.0.1:%s", s->wish.local_port);
	if (s->wish.local_port[0] != '\0' &&
	    num_parse(span_str(s->wish.local_port), 0, 65535, &port) != 0) {
		say(s,
		    "Cannot perform start session: listen tcp: address %s: invalid "
		    "port\n",
		    s->wish.local_port);
		return ERR_INVALID;
	}
	if (ev_listen(&s->listener, s->host->loop, "127.0.0.1", (uint16_t)port, on_accept,
		s, &f) != 0) {
		say_bind_failure(s, "tcp", where, &f);
		return ERR_IO;
	}
	say(s, "Port %u opened for sessionId %s.", ev_listener_port(s->listener),
	    s->host->session_id);
	return 0;
}

static int
open_local(struct port_session *s)
{
	int r = s->wish.is_unix ? listen_unix(s) : listen_tcp(s);

	if (r != 0)
		return r;
	say(s, "%s", s->wish.mode == PORT_MUX ? "\nWaiting for connections...\n" : "\n");
	s->port = port_new(
	    s->host->loop, &s->wish, port_wire_of(s->host->session), &port_ops, s);
	return 0;
}

/* --- the end --------------------------------------------------------------------------------- */

static void
give_up(void *arg)
{
	struct port_session *s = arg;

	s->host->terminate(s->arg);
}

/* What is written last belongs to the agent before it hears of the end: see above. */
static void
on_stdio_done(void *arg)
{
	port_session_stop(arg);
}

/*
 * The agent is asked first: it closes its side, and channel_closed ends us.  Where that
 * does not come, the service is called.
 */
void
port_session_stop(struct port_session *s)
{
	uint8_t flag[4];
	bool again = s->stopping;

	s->stopping = true;
	if (!again && s->wish.mode != PORT_STDIO)
		say(s, "Terminate signal received, exiting.\n");
	flag_encode(flag, FLAG_TERMINATE_SESSION);
	if (again || !s->terminates ||
	    client_session_send(
		s->host->session, PAYLOAD_FLAG, span_of(flag, sizeof(flag))) != 0) {
		give_up(s);
		return;
	}
	ev_timer_set(s->host->loop, &s->stop, PORT_STOP_MS, give_up, s);
}

/* --- life cycle ------------------------------------------------------------------------------- */

struct port_session *
port_session_new(const struct port_host *host, void *arg, const struct session_info *info)
{
	struct port_session *s = xcalloc(1, sizeof(*s));

	(void)ev_descriptors_raise();
	s->host = host;
	s->arg = arg;
	s->terminates = handshake_agent_takes_terminate(info->agent_version);
	port_wish_read(&s->wish, info);
	if (s->wish.mode == PORT_STDIO)
		s->stdio = port_stdio_new(host->loop, host->io, s->wish.takes_end,
		    port_wire_of(host->session), on_stdio_done, s);
	else if (open_local(s) != 0)
		host->terminate(arg);
	return s;
}

void
port_session_free(struct port_session *s)
{
	if (s == NULL)
		return;
	ev_timer_clear(&s->stop);
	if (s->listener != NULL)
		ev_listener_close(s->listener);
	port_free(s->port);
	port_stdio_free(s->stdio);
	port_wish_fini(&s->wish);
	free(s);
}

/* 0, ERR_AGAIN, or the tunnel is broken: then nothing but a new session helps. */
int
port_session_data(struct port_session *s, uint32_t payload_type, struct span data)
{
	int r = 0;

	if (s->stopping)
		return 0;
	if (s->stdio != NULL)
		return port_stdio_data(s->stdio, payload_type, data);
	if (s->port != NULL)
		r = port_data(s->port, payload_type, data);
	if (r == 0 || r == ERR_AGAIN)
		return r;
	say(s,
	    "Cannot perform start session: the agent broke the rules of the "
	    "multiplexing\n");
	s->stopping = true;
	ev_timer_set(s->host->loop, &s->stop, 0, give_up, s);
	return 0;
}

void
port_session_go(struct port_session *s)
{
	if (s->stdio != NULL)
		port_stdio_go(s->stdio);
	else if (s->port != NULL)
		port_go(s->port);
}

void
port_session_input(struct port_session *s, struct span in)
{
	if (s->stdio != NULL)
		port_stdio_input(s->stdio, in);
}

void
port_session_eof(struct port_session *s)
{
	if (s->stdio != NULL)
		port_stdio_eof(s->stdio);
}

bool
port_session_is_stdio(const struct port_session *s)
{
	return s->stdio != NULL;
}
