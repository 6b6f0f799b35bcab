/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard input and output over one data channel; see port.h.
 *
 * The protocol of stock agents has no word for the end of our input.  The stock plugin
 * leaves at that moment and loses what is under way; here the rest is sent and the answer
 * is waited for, as long as something comes and somebody reads.  Our own agent is told, and
 * ends the session when the service does.
 */
#include "client/port/port.h"

#include <poll.h>
#include <unistd.h>

#include "base/buf.h"

struct port_stdio {
	struct ev_loop *loop;
	struct stdio *io;
	struct port_wire wire;
	void (*done)(void *arg);
	void *arg;
	struct buf pending; /* input that the channel had no room for */
	bool takes_end, end_told, eof;
	uint64_t heard_ms; /* when the last byte went either way */
	struct ev_timer poll;
};

static void
tell_end(struct port_stdio *p)
{
	uint8_t flag[4];

	if (!p->takes_end || p->end_told || p->pending.len > 0 ||
	    p->wire.ops->room(p->wire.arg) < sizeof(flag))
		return;
	flag_encode(flag, FLAG_END_OF_INPUT);
	p->end_told =
	    p->wire.ops->send(p->wire.arg, PAYLOAD_FLAG, span_of(flag, sizeof(flag))) == 0;
}

static void
feed(struct port_stdio *p)
{
	size_t room;

	while (p->pending.len > 0 && (room = p->wire.ops->room(p->wire.arg)) > 0) {
		size_t n = MIN(p->pending.len, room);

		if (p->wire.ops->send(p->wire.arg, PAYLOAD_OUTPUT, span_of(p->pending.p, n)) != 0)
			break;
		buf_consume(&p->pending, n);
	}
	if (!p->eof)
		stdio_allow(p->io, p->pending.len == 0 ? STDIO_READ_MAX : 0);
	else
		tell_end(p);
}

static bool
is_read(void)
{
	struct pollfd fd = { .fd = STDOUT_FILENO };

	return poll(&fd, 1, 0) <= 0 || (fd.revents & (POLLERR | POLLNVAL)) == 0;
}

static void
on_poll(void *arg)
{
	struct port_stdio *p = arg;
	uint64_t now = ev_now_ms(p->loop);

	if (p->takes_end || p->pending.len > 0 || !p->wire.ops->drained(p->wire.arg))
		p->heard_ms = now;
	if (!is_read() || now - p->heard_ms >= PORT_EOF_QUIET_MS)
		p->done(p->arg);
	else
		ev_timer_set(p->loop, &p->poll, PORT_EOF_POLL_MS, on_poll, p);
}

void
port_stdio_input(struct port_stdio *p, struct span in)
{
	buf_add(&p->pending, in);
	feed(p);
}

void
port_stdio_eof(struct port_stdio *p)
{
	p->eof = true;
	p->heard_ms = ev_now_ms(p->loop);
	feed(p);
	on_poll(p);
}

int
port_stdio_data(struct port_stdio *p, uint32_t payload_type, struct span data)
{
	if (payload_type != PAYLOAD_OUTPUT)
		return 0;
	p->heard_ms = ev_now_ms(p->loop);
	return stdio_write(p->io, STDOUT_FILENO, data) == ERR_AGAIN ? ERR_AGAIN : 0;
}

void
port_stdio_go(struct port_stdio *p)
{
	feed(p);
}

struct port_stdio *
port_stdio_new(struct ev_loop *l, struct stdio *io, bool takes_end,
    struct port_wire wire, void (*done)(void *arg), void *arg)
{
	struct port_stdio *p = xcalloc(1, sizeof(*p));

	p->loop = l;
	p->io = io;
	p->takes_end = takes_end;
	p->wire = wire;
	p->done = done;
	p->arg = arg;
	buf_init(&p->pending, STDIO_READ_MAX);
	feed(p);
	return p;
}

void
port_stdio_free(struct port_stdio *p)
{
	if (p == NULL)
		return;
	ev_timer_clear(&p->poll);
	buf_fini(&p->pending);
	free(p);
}
