/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session of a copy: what the thread says goes to the node as Output, and the other way
 * round.  See copy.h.
 *
 *	STARTING --ready--> COPYING --the thread is done--> CLOSING --on_end--> over
 *	                        \____________ on_end (lost, terminated) ________^
 */
#include "client/copy/copy.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/run/start.h"
#include "client/session/live.h"

enum {
	CHUNK = 64 * 1024,
	TURN = 8,          /* payloads in one turn of the loop */
	CLOSING_MS = 5000, /* for the node's last words */
	TICK_MS = 200,
};

struct copying {
	const struct copy_wish *wish;
	struct ev_loop *loop;
	struct copy_show *show;
	struct copy_target target; /* of a download */
	struct live *live;
	struct ev_stream *s; /* to the thread; NULL: not yet, or done */
	struct buf rest;     /* of the last payload; what s did not take yet */
	struct copy_engine engine;
	bool started; /* the thread */
	bool full;    /* not reading: the channel has no room */
	bool held;    /* the channel keeps a payload for us */
	bool eof_due; /* the node is to be told that nothing more comes */
	bool stopped; /* by a signal */
	bool over;
	struct ev_timer tick, closing, ready;
};

/* --- the end ------------------------------------------------------------------------------ */

static void
on_closing_late(void *arg)
{
	struct copying *c = arg;

	live_terminate(c->live);
}

/* The node ends the session when it has heard that nothing more comes. */
static void
tell_end(struct copying *c)
{
	uint8_t flag[4];
	int r;

	if (!c->eof_due)
		return;
	flag_encode(flag, FLAG_END_OF_INPUT);
	r = client_session_send(
	    live_session(c->live), PAYLOAD_FLAG, span_of(flag, sizeof(flag)));
	c->eof_due = r == ERR_AGAIN;
}

static void
offer_again(void *arg)
{
	struct copying *c = arg;

	if (!c->held)
		return;
	c->held = false;
	client_session_pump(live_session(c->live));
}

/* The thread has closed its end: it has done what it could. */
static void
engine_done(struct copying *c)
{
	ev_close(STEAL(c->s));
	copy_engine_join(&c->engine);
	c->started = false;
	buf_reset(&c->rest);
	if (c->engine.err == ERR_PROTOCOL)
		copy_show_error(c->show,
		    "%s broke the rules of copying: nothing more was taken from it",
		    c->wish->node_name);
	else if (c->engine.err != 0 && !c->over)
		copy_show_error(c->show, "%s ended the copy before it was complete",
		    c->wish->node_name);
	if (c->over)
		return;
	c->eof_due = true;
	tell_end(c);
	ev_timer_set(c->loop, &c->closing, CLOSING_MS, on_closing_late, c);
	ev_timer_set(c->loop, &c->ready, 0, offer_again, c); /* to be dropped */
}

/* --- both directions -------------------------------------------------------------------------- */

static void
want(struct copying *c)
{
	ev_stream_want(c->s, !c->full, c->rest.len > 0);
}

/* One payload.  ERR_LIMIT: the channel has no room. */
static int
move(struct copying *c)
{
	uint8_t buf[CHUNK];
	size_t room = MIN(client_session_bulk_room(live_session(c->live)), sizeof(buf)), got = 0;
	int r;

	if (room == 0)
		return ERR_LIMIT;
	if ((r = ev_read(c->s, buf, room, &got)) != 0)
		return r;
	return client_session_send(
	    live_session(c->live), PAYLOAD_OUTPUT, span_of(buf, got));
}

static void
on_readable(void *arg)
{
	struct copying *c = arg;
	int r = 0;

	for (int i = 0; i < TURN && r == 0; i++)
		r = move(c);
	if (r != 0 && r != ERR_AGAIN && r != ERR_LIMIT) {
		engine_done(c);
		return;
	}
	c->full = r == ERR_LIMIT;
	want(c);
}

/* Writes what the thread takes now; the rest is kept. */
static void
put(struct copying *c, struct span in)
{
	size_t n;
	int r = 0;

	while (in.n > 0 && (r = ev_write(c->s, in.p, in.n, &n)) == 0)
		in = span_sub(in, n, in.n);
	if (r == ERR_AGAIN)
		buf_add(&c->rest, in);
	/* else it has closed its end, which is seen by reading */
}

static void
on_room(void *arg)
{
	struct copying *c = arg;
	size_t n;

	while (c->rest.len > 0 && ev_write(c->s, c->rest.p, c->rest.len, &n) == 0)
		buf_consume(&c->rest, n);
	want(c);
	if (c->rest.len == 0)
		ev_timer_set(c->loop, &c->ready, 0, offer_again, c);
}

static int
on_data(void *arg, uint32_t payload_type, struct span data)
{
	struct copying *c = arg;

	if (payload_type != PAYLOAD_OUTPUT || c->s == NULL)
		return 0;
	if (c->rest.len > 0) {
		c->held = true;
		return ERR_AGAIN;
	}
	put(c, data);
	want(c);
	return 0;
}

static void
on_writable(void *arg)
{
	struct copying *c = arg;

	tell_end(c);
	if (c->s == NULL || !c->full)
		return;
	c->full = false;
	want(c);
}

/* --- the session -------------------------------------------------------------------------------- */

static int
start_engine(struct copying *c, struct fault *f)
{
	static const struct ev_stream_ops ops = { on_readable, on_room };
	int fd[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == -1)
		return fault_set(f, ERR_LIMIT, "no socket: %s", strerror(errno));
	for (int i = 0; i < 2; i++)
		(void)setsockopt(
		    fd[i], SOL_SOCKET, SO_SNDBUF, &(int){ 1024 * 1024 }, sizeof(int));
	c->engine = (struct copy_engine){
		.wish = c->wish, .show = c->show, .target = &c->target, .fd = fd[0]
	};
	if ((c->s = ev_stream_adopt(c->loop, fd[1])) == NULL) {
		close(fd[0]);
		close(fd[1]);
		return fault_set(f, ERR_LIMIT, "the socket cannot be watched");
	}
	ev_stream_set(c->s, &ops, c);
	if ((r = copy_engine_start(&c->engine, f)) != 0) {
		ev_close(STEAL(c->s));
		close(fd[0]);
		return r;
	}
	c->started = true;
	want(c);
	return 0;
}

static void
say_unable(struct copying *c)
{
	copy_show_error(c->show,
	    "the agent on %s cannot copy files: use scp or sftp (see sallyport "
	    "ssh-config "
	    "--help), or install sallyport-agent of this release there",
	    c->wish->node_name);
}

static void
on_ready(void *arg, const struct session_info *info)
{
	struct copying *c = arg;
	struct fault f = { 0 };

	if (!info->own_peer || info->type != DOCUMENT_COPY)
		say_unable(c);
	else if (start_engine(c, &f) == 0)
		return;
	else
		copy_show_error(c->show, "%s", fault_text(&f));
	live_terminate(c->live);
}

static void
on_lost(void *arg, bool lost, const char *why)
{
	struct copying *c = arg;

	if (lost)
		copy_show_notice(c->show, "%s: connection lost (%s); reconnecting",
		    c->wish->node_name, why);
	else
		copy_show_notice(c->show, "%s: connection restored", c->wish->node_name);
}

static void
on_notice(void *arg, const char *text)
{
	struct copying *c = arg;

	copy_show_notice(c->show, "%s: %s", c->wish->node_name, text);
}

/* No session came about; text: the service's code and words. */
static void
say_not_started(struct copying *c, const char *text)
{
	const char *hint = "";

	if (strncmp(text, "TargetNotConnected", strlen("TargetNotConnected")) == 0)
		hint = ": is sallyport-agent running there?";
	else if (strncmp(text, "InvalidDocument", strlen("InvalidDocument")) == 0)
		hint = ": this server has no document Sallyport-CopyFiles that could be "
		       "used";
	copy_show_error(c->show, "%s%s", text, hint);
}

static void
say_end(struct copying *c, const char *text)
{
	if (live_session(c->live) == NULL)
		say_not_started(c, text);
	else if (!c->started && strstr(text, document_type_name(DOCUMENT_COPY)) != NULL)
		say_unable(c); /* the agent does not know this type of session */
	else if (text[0] != '\0')
		copy_show_error(
		    c->show, "%s: the session ended: %s", c->wish->node_name, text);
	else if (!copy_show_failed(c->show))
		copy_show_error(c->show,
		    "%s: the session ended before the copy was complete",
		    c->wish->node_name);
}

static void
on_end(void *arg, const char *text)
{
	struct copying *c = arg;
	bool early = c->s != NULL || !ev_timer_is_set(&c->closing);

	c->over = true;
	if (early && !c->stopped)
		say_end(c, text);
	ev_stop(c->loop);
}

static const struct live_ops live_ops = {
	.on_ready = on_ready,
	.on_data = on_data,
	.on_writable = on_writable,
	.on_lost = on_lost,
	.on_notice = on_notice,
	.on_end = on_end,
};

/* --- the whole ------------------------------------------------------------------------------------ */

static void
on_signal(void *arg)
{
	struct copying *c = arg;

	if (c->stopped) { /* the second one does not wait */
		ev_stop(c->loop);
		return;
	}
	c->stopped = true;
	copy_show_error(
	    c->show, "interrupted: the same command goes on where this one stopped");
	live_terminate(c->live);
}

static void
on_tick(void *arg)
{
	struct copying *c = arg;

	copy_show_tick(c->show);
	ev_timer_set(c->loop, &c->tick, TICK_MS, on_tick, c);
}

static void
converse(struct copying *c, struct cli *cli)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	auto_buf body = { .max = START_BODY_MAX };

	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		ev_on_signal(c->loop, signals[i], on_signal, c);
	start_body(&body,
	    &(struct starting){ .target = c->wish->node_id,
		.document = "Sallyport-CopyFiles",
		.reason = c->wish->reason });
	c->live =
	    live_start(c->loop, cli->api, &cli->settings, buf_span(&body), &live_ops, c);
	on_tick(c);
	ev_run(c->loop);
	ev_timer_clear(&c->tick);
	ev_timer_clear(&c->closing);
	ev_timer_clear(&c->ready);
	if (c->s != NULL) /* the thread sees the end and comes back */
		ev_close(STEAL(c->s));
	if (c->started)
		copy_engine_join(&c->engine);
	live_free(c->live);
}

int
copy_run(struct cli *cli, const struct copy_wish *w)
{
	struct copying c = { .wish = w, .loop = cli->loop, .target = { .dir = -1 } };
	struct fault f = { 0 };
	bool failed;

	c.show = copy_show_new(w);
	buf_init(&c.rest, AGENTMSG_PAYLOAD_MAX);
	if (!w->upload &&
	    copy_target_open(&c.target, w->target, (w->flags & COPY_INTO) != 0, &f) != 0)
		copy_show_error(c.show, "%s", fault_text(&f));
	else
		converse(&c, cli);
	copy_target_close(&c.target);
	buf_fini(&c.rest);
	failed = copy_show_failed(c.show);
	copy_show_free(c.show);
	return failed ? CLI_FAILED : CLI_OK;
}
