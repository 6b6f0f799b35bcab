/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated backend: children as functions.
 *
 * A child's terminal or pipes are connections within its host; this file holds the
 * child's ends of them.  Everything that is done to the child (signals, sizes) waits in a
 * list and reaches the program from an event, never from inside the call that caused it.
 */
#include "ev/sim_backend.h"

#include <signal.h>

enum { ACT_SIGNAL, ACT_RESIZE };

struct act {
	int what;
	int signum;
	uint16_t rows, cols;
};

/* Output that was not taken yet: p[off..off+n). */
struct pending {
	uint8_t *p;
	size_t off, n, cap;
};

struct sim_child {
	struct ev_child base;
	struct list link; /* host->children */
	struct sim_host *host;
	const struct sim_program *prog; /* NULL: nothing is registered under the path */
	bool pty;
	int64_t pid;
	struct sim_stream *theirs[3]; /* the owner's ends, not taken yet */
	struct sim_stream *mine[3];   /* the program's ends; a terminal has only [0] */
	struct sim_stream *tty; /* the owner's end of the terminal, whoever has it */
	struct pending out[3];
	struct act *acts;
	uint32_t nacts;
	struct sim_event act_ev, exit_ev;
	bool exiting, dead;
	int status, signum;
	void *data;
};

static void
child_log_end(struct sim_child *c)
{
	sim_note(c->host->world, (uint64_t)c->pid << 16 | (uint64_t)(uint8_t)c->status);
}

/* --- the end -------------------------------------------------------------------- */

static void
on_exit_event(void *arg)
{
	struct sim_child *c = arg;

	child_log_end(c);
	c->base.cb(c->base.arg, c->signum != 0 ? -1 : c->status, c->signum);
}

static void
die(struct sim_child *c, int status, int signum)
{
	if (c->dead)
		return;
	c->dead = true;
	c->status = status;
	c->signum = signum;
	for (int i = 0; i < 3; i++) {
		if (c->mine[i] != NULL)
			ev_close(&c->mine[i]->base);
		c->mine[i] = NULL;
		free(c->out[i].p);
		c->out[i] = (struct pending){ 0 };
	}
	sim_at(c->host->world, &c->exit_ev, 0);
}

/* A real process would still be blocked in write(2) while output waits. */
static void
exit_if_done(struct sim_child *c)
{
	if (c->exiting && c->out[0].n + c->out[1].n + c->out[2].n == 0)
		die(c, c->status, 0);
}

static void
release(struct sim_child *c)
{
	struct sim_world *w = c->host->world;

	die(c, -1, SIGKILL);
	sim_unschedule(w, &c->exit_ev);
	sim_unschedule(w, &c->act_ev);
	for (int i = 0; i < 3; i++)
		if (c->theirs[i] != NULL)
			ev_close(&c->theirs[i]->base);
	if (c->tty != NULL)
		c->tty->child = NULL;
	list_del(&c->link);
	free(c->acts);
	free(c->data);
	sim_free_later(w, c);
}

/* --- bytes ------------------------------------------------------------------------ */

static void
flush(struct sim_child *c, int i)
{
	struct ev_stream *s = &c->mine[i]->base;
	struct pending *out = &c->out[i];
	size_t put;
	int r = 0;

	while (out->n > 0 && (r = ev_write(s, out->p + out->off, out->n, &put)) == 0) {
		out->off += put;
		out->n -= put;
	}
	if (r == ERR_CLOSED || r == ERR_IO)
		out->n = 0; /* nobody reads it any more */
	ev_stream_want(s, s->want_read, out->n > 0);
	exit_if_done(c);
}

static void
on_writable(void *arg)
{
	struct sim_child *c = arg;

	for (int i = 0; i < 3 && !c->dead; i++)
		if (c->mine[i] != NULL)
			flush(c, i);
}

static void
hang_up(struct sim_child *c)
{
	if (c->prog->signal != NULL)
		c->prog->signal(c, SIGHUP);
	else
		die(c, -1, SIGHUP);
}

static void
on_readable(void *arg)
{
	struct sim_child *c = arg;
	struct ev_stream *s = &c->mine[0]->base;
	uint8_t p[4096];
	size_t n;
	int r;

	while (!c->dead && (r = ev_read(s, p, sizeof(p), &n)) != ERR_AGAIN) {
		if (r == 0) {
			if (c->prog->input != NULL)
				c->prog->input(c, span_of(p, n));
			continue;
		}
		ev_stream_want(s, false, s->want_write);
		if (c->pty)
			hang_up(c);
		else if (c->prog->input != NULL)
			c->prog->input(c, SPAN_NONE);
		return;
	}
}

/* Standard output and error of a child with pipes: only writing. */
static void
ignore(void *arg)
{
	(void)arg;
}

static const struct ev_stream_ops input_ops = { on_readable, on_writable };
static const struct ev_stream_ops output_ops = { ignore, on_writable };

/* --- for programs ------------------------------------------------------------------ */

void
sim_child_output(struct sim_child *c, int which, struct span s)
{
	int i = c->pty ? 0 : which;
	struct pending *out = &c->out[i];

	assert(which == 1 || which == 2);
	if (c->dead || c->exiting || s.n == 0)
		return;
	if (out->off > 0 && (out->n == 0 || out->off > out->cap / 2)) {
		memmove(out->p, out->p + out->off, out->n);
		out->off = 0;
	}
	if (out->off + out->n + s.n > out->cap) {
		out->cap = MAX(2 * out->cap, out->off + out->n + s.n);
		out->p = xrealloc(out->p, out->cap);
	}
	memcpy(out->p + out->off + out->n, s.p, s.n);
	out->n += s.n;
	ev_stream_want(&c->mine[i]->base, c->mine[i]->base.want_read, true);
}

void
sim_child_exit(struct sim_child *c, int status)
{
	if (c->dead || c->exiting)
		return;
	c->exiting = true;
	c->status = status & 255;
	exit_if_done(c);
}

void *
sim_child_data(struct sim_child *c, size_t size)
{
	if (c->data == NULL)
		c->data = xcalloc(1, size);
	return c->data;
}

void
sim_register(struct sim_world *w, const char *path, const struct sim_program *p)
{
	for (uint32_t i = 0; i < w->nprograms; i++) {
		if (strcmp(w->programs[i].path, path) == 0) {
			w->programs[i].program = p;
			return;
		}
	}
	w->programs = xrealloc(w->programs, (w->nprograms + 1) * sizeof(w->programs[0]));
	w->programs[w->nprograms++] = (struct sim_registered){ xstrdup(path), p };
}

static const struct sim_program *
find_program(const struct sim_world *w, const char *path)
{
	for (uint32_t i = 0; i < w->nprograms; i++)
		if (strcmp(w->programs[i].path, path) == 0)
			return w->programs[i].program;
	return NULL;
}

/* --- what is done to the child --------------------------------------------------------
 */

static bool
is_harmless(int signum)
{
	return signum == 0 || signum == SIGCONT || signum == SIGCHLD ||
	    signum == SIGWINCH || signum == SIGURG;
}

static void
take_signal(struct sim_child *c, int signum)
{
	if (signum == SIGKILL)
		die(c, -1, SIGKILL);
	else if (c->prog->signal != NULL)
		c->prog->signal(c, signum);
	else if (!is_harmless(signum))
		die(c, -1, signum);
}

static void
on_act(void *arg)
{
	struct sim_child *c = arg;
	struct act a;

	if (c->dead || c->nacts == 0)
		return;
	a = c->acts[0];
	memmove(c->acts, c->acts + 1, --c->nacts * sizeof(a));
	if (c->nacts > 0)
		sim_at(c->host->world, &c->act_ev, 0);
	if (a.what == ACT_SIGNAL)
		take_signal(c, a.signum);
	else if (c->prog->resize != NULL)
		c->prog->resize(c, a.rows, a.cols);
}

static void
add_act(struct sim_child *c, struct act a)
{
	if (c->dead || c->base.loop->dead)
		return;
	c->acts = xrealloc(c->acts, (c->nacts + 1) * sizeof(a));
	c->acts[c->nacts++] = a;
	if (c->act_ev.pos == 0)
		sim_at(c->host->world, &c->act_ev, 0);
}

/* --- the backend's functions
 * ------------------------------------------------------------ */

static void
open_end(struct sim_child *c, int i)
{
	struct sim_conn *conn = sim_conn_new(c->host, c->host);

	c->theirs[i] = conn->end[0];
	c->mine[i] = conn->end[1];
	c->theirs[i]->no_half_close = true;
	ev_stream_set(&c->mine[i]->base, i == 0 ? &input_ops : &output_ops, c);
}

int
sim_child_start(struct ev_child **out, struct ev_loop *l, const struct ev_spawn *sp,
    ev_exit_cb *cb, void *arg, struct fault *f)
{
	struct sim_host *h = sim_host_of(l);
	struct sim_child *c;

	if (l->dead)
		return fault_set(f, ERR_CLOSED, "the host has crashed");
	c = xcalloc(1, sizeof(*c));
	c->base = (struct ev_child){ l, cb, arg };
	c->host = h;
	c->pty = sp->pty;
	c->pid = ++h->last_pid;
	c->prog = find_program(h->world, sp->argv[0]);
	sim_event_init(&c->act_ev, 's', on_act, c);
	sim_event_init(&c->exit_ev, 'x', on_exit_event, c);
	list_init(&c->link);
	list_add_tail(&h->children, &c->link);
	for (int i = 0; i < (sp->pty ? 1 : 3); i++)
		open_end(c, i);
	if (sp->pty) {
		c->tty = c->theirs[0];
		c->tty->child = c;
	}
	*out = &c->base;
	if (c->prog == NULL) {
		die(c, 127, 0); /* as if execve() had not found it */
		return 0;
	}
	ev_stream_want(&c->mine[0]->base, true, false);
	if (c->prog->start != NULL)
		c->prog->start(c, sp);
	return 0;
}

struct ev_stream *
sim_child_take(struct ev_child *base, int which)
{
	struct sim_child *c = CONTAINER_OF(base, struct sim_child, base);
	struct sim_stream *s = c->theirs[which];

	assert(s != NULL); /* each may be taken once */
	c->theirs[which] = NULL;
	return &s->base;
}

int64_t
sim_child_pid(const struct ev_child *base)
{
	return ((const struct sim_child *)base)->pid;
}

void
sim_child_signal(struct ev_child *base, int signum)
{
	add_act(CONTAINER_OF(base, struct sim_child, base),
	    (struct act){ .what = ACT_SIGNAL, .signum = signum });
}

void
sim_pty_resize(struct ev_stream *base, uint16_t rows, uint16_t cols)
{
	struct sim_stream *s = CONTAINER_OF(base, struct sim_stream, base);

	if (s->child != NULL)
		add_act(s->child,
		    (struct act){ .what = ACT_RESIZE, .rows = rows, .cols = cols });
}

void
sim_child_close(struct ev_child *base)
{
	release(CONTAINER_OF(base, struct sim_child, base));
}

void
sim_child_stream_gone(struct sim_child *c)
{
	c->tty = NULL;
}

void
sim_children_crash(struct sim_host *h)
{
	LIST_EACH(c, &h->children, struct sim_child, link)
	{
		die(c, -1, SIGKILL);
		sim_unschedule(h->world, &c->exit_ev);
		sim_unschedule(h->world, &c->act_ev);
	}
}

void
sim_children_free(struct sim_host *h)
{
	while (!list_empty(&h->children))
		release(LIST_FIRST(&h->children, struct sim_child, link));
}
