/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port sessions from the person's side: connections to a local port, or standard input and
 * output, over one data channel.
 *
 *	port.c          which way it goes; connections <-> payloads
 *	port_mux.c      many connections at once (net/tunnel.h)
 *	port_basic.c    one after the other, for agents from before that
 *	port_stdio.c    standard input and output (ssh's ProxyCommand)
 *	port_session.c  one session of the plugin: local port, texts, signals
 *
 * The ways know the data channel only as a struct port_wire, so they can be tested
 * without one.  Nothing is read from a socket that the channel has no room for.
 */
#pragma once

#include "client/session/session.h"
#include "client/terminal/terminal.h"

enum port_mode { PORT_MUX, PORT_BASIC, PORT_STDIO };

enum {
	PORT_WAITING_MAX = 64,         /* basic: connections that wait for their turn */
	PORT_EOF_QUIET_MS = 30 * 1000, /* stdio: a stock agent, after our input's end */
	PORT_EOF_POLL_MS = 250,        /* stdio: is anybody still reading us? */
	PORT_STOP_MS =
	    2000, /* after Flag TerminateSession, until the service is called */
};

/* --- what a session asks for ----------------------------------------------------------- */

/* The properties of the handshake.  Texts are the reader's to free: port_wish_fini(). */
struct port_wish {
	enum port_mode mode;
	char *local_port; /* "" or "0": any */
	char *local_socket;
	bool is_unix;        /* local_socket instead of local_port */
	bool own;            /* of the tunnel: both showed our extension */
	bool keepalive;      /* of the tunnel: the agent wants it */
	bool tells_attached; /* of the tunnel: the agent says when it is connected */
	bool takes_end; /* PORT_STDIO: the agent takes a word for the end of our input */
};
void port_wish_read(struct port_wish *w, const struct session_info *info);
void port_wish_fini(struct port_wish *w);

/* --- connections ------------------------------------------------------------------------- */

/* The data channel underneath. */
struct port_wire_ops {
	/* The longest payload that send() takes now; 0: none, port_go() will be called. */
	size_t (*room)(void *arg);
	int (*send)(void *arg, uint32_t payload_type, struct span data);
	void (*pump)(void *arg);    /* after port_data() said ERR_AGAIN: offer it again */
	bool (*drained)(void *arg); /* the agent acknowledged all that was sent */
};
struct port_wire {
	const struct port_wire_ops *ops;
	void *arg;
};
/* That of a session, which must live as long as what is made with it. */
struct port_wire port_wire_of(struct client_session *s);

/* What the owner is told. */
struct port_ops {
	/* The agent could not connect; why: an ERR_*, or 0 when it did not say. */
	void (*refused)(void *arg, int why);
	/* The answer to port_ask(), as in net/tunnel.h; who never asks needs none. */
	void (*answered)(void *arg, void *asker, struct ev_stream *s, int why);
};

struct port; /* PORT_MUX or PORT_BASIC; owned by who made it, closes its sockets */

struct port *port_new(struct ev_loop *l, const struct port_wish *w, struct port_wire wire,
    const struct port_ops *ops, void *arg);
void port_free(struct port *p); /* NULL is fine; no callback but ops->answered() */
/* A connection for the other end; takes s, and closes it on an error (ERR_LIMIT). */
int port_take(struct port *p, struct ev_stream *s) MUST_USE;
/* The same for one who waits to hear whether there is a connection; where the agent does
 * not tell, the answer is yes, at once. */
int port_ask(struct port *p, struct ev_stream *s, void *asker) MUST_USE;
/* A payload of the agent.  ERR_AGAIN: not now.  Other codes: the session is broken. */
int port_data(struct port *p, uint32_t payload_type, struct span data) MUST_USE;
void port_go(struct port *p);                  /* there is room again */
size_t port_connections(const struct port *p); /* open ones and waiting ones */

/* --- standard input and output ------------------------------------------------------------- */

struct port_stdio;

/*
 * done: nobody reads us any more, or our input has ended and nothing more comes.  Where the
 * agent takes a word for that end, the service decides how long it answers.
 */
struct port_stdio *port_stdio_new(struct ev_loop *l, struct stdio *io, bool takes_end,
    struct port_wire wire, void (*done)(void *arg), void *arg);
void port_stdio_free(struct port_stdio *p);
void port_stdio_input(struct port_stdio *p, struct span in);
void port_stdio_eof(struct port_stdio *p);
int port_stdio_data(
    struct port_stdio *p, uint32_t payload_type, struct span data) MUST_USE;
void port_stdio_go(struct port_stdio *p);

/* --- one session of the plugin ------------------------------------------------------------- */

struct port_host {
	struct ev_loop *loop;
	struct client_session *session;
	struct stdio *io;
	const char *session_id;
	/* To the person, in the words of the stock plugin. */
	void (*say)(void *arg, const char *text);
	void (*terminate)(void *arg); /* TerminateSession, then leave */
};

struct port_session; /* owner: whoever made it; before the client_session goes */

/* on_ready() of a session of type Port.  It may call host->terminate(). */
struct port_session *port_session_new(
    const struct port_host *host, void *arg, const struct session_info *info);
void port_session_free(struct port_session *s); /* NULL is fine */
int port_session_data(
    struct port_session *s, uint32_t payload_type, struct span data) MUST_USE;
void port_session_go(struct port_session *s);
void port_session_input(struct port_session *s, struct span in);
void port_session_eof(struct port_session *s);
/* A signal: ends the session; the second time without waiting for the agent. */
void port_session_stop(struct port_session *s);
bool port_session_is_stdio(const struct port_session *s);
