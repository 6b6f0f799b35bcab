/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spawning in this process: for an agent that runs as a normal user, and in simulation.
 * See spawner.h.
 */
#include "agent/spawner.h"

#include <sys/prctl.h>

#include "agent/dial.h"
#include "agent/files.h"
#include "agent/launch.h"
#include "agent/sockdial.h"
#include "base/log.h"

enum { SWEEP_MS = 2500 }; /* longer than ev_child_close() takes to give up */

struct local {
	struct spawner base;
	char *dir; /* or NULL */
	bool contain;
	const struct agent_user *user; /* fixed one, or NULL; borrowed */
	struct list children;          /* struct local_child, each owned by its session */
	struct ev_timer sweep;
};

struct local_child {
	struct spawned base;
	struct list link;
	struct ev_child *child; /* NULL: could not be started, or is a connection */
	struct ev_connect *connect;
	bool pty, started;
	struct ev_timer start;
	struct fault why;
};

static struct local *
local_of(struct spawner *sp)
{
	return CONTAINER_OF(sp, struct local, base);
}

/* --- strays ------------------------------------------------------------- */

static void
on_sweep(void *arg)
{
	struct local *l = arg;
	pid_t known[SPAWN_SESSIONS_MAX];
	size_t n = 0, found;

	LIST_EACH(c, &l->children, struct local_child, link)
	if (c->child != NULL && n < ARRAY_LEN(known))
		known[n++] = (pid_t)ev_child_pid(c->child);
	if ((found = supervise_kill_strays(known, n)) > 0)
		log_warn("processes without a session killed", "count=%zu", found);
}

static void
plan_sweep(struct local *l, uint64_t after_ms)
{
	if (l->contain)
		ev_timer_set(l->base.loop, &l->sweep, after_ms, on_sweep, l);
}

/* --- a child ------------------------------------------------------------ */

static void
on_start(void *arg)
{
	struct local_child *c = arg;
	struct ev_stream *io[3] = { NULL, NULL, NULL };

	c->started = true;
	if (c->child == NULL) {
		c->base.h->failed(c->base.arg, c->why.code, c->why.text);
		return;
	}
	for (int i = 0; i < (c->pty ? 1 : 3); i++)
		io[i] = ev_child_take(c->child, i);
	c->base.h->started(c->base.arg, io);
}

static void
on_exit_status(void *arg, int status, int signum)
{
	struct local_child *c = arg;

	if (!c->started) {
		ev_timer_clear(&c->start);
		on_start(c);
	}
	if (signum != 0) /* the supervisor itself was killed */
		plan_sweep(local_of(c->base.spawner), 0);
	c->base.h->exited(c->base.arg, signum != 0 ? 128 + signum : status);
}

static int
find_user(
    struct local *l, const struct spawn_request *r, struct agent_user *u, struct fault *f)
{
	static const struct agent_user_policy self = { .is_root = false,
		.session_user = "" };

	if (l->user != NULL) {
		*u = *l->user;
		return 0;
	}
	return agent_user_allowed(&self, r->user, u, f);
}

static void
on_connected(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct local_child *c = arg;

	c->connect = NULL;
	if (err == 0)
		c->base.h->started(c->base.arg, (struct ev_stream *[3]){ s });
	else
		c->base.h->failed(c->base.arg, err, why);
}

/* We are the user already. */
static void
start_connection(struct local *l, struct local_child *c, struct span path)
{
	char text[SOCKDIAL_PATH_MAX + 1];
	int r = span_copy(text, sizeof(text), path);

	assert(r == 0); /* launch_check() */
	c->connect = ev_connect(l->base.loop, text, 0, DIAL_TIMEOUT_MS, on_connected, c);
}

static int
start(struct local *l, struct local_child *c, const struct spawn_request *r,
    struct fault *f)
{
	struct agent_user u;
	struct launch la;
	int e;

	if ((e = launch_check(r, f)) != 0 || (e = find_user(l, r, &u, f)) != 0)
		return e;
	if (r->kind == SPAWN_SOCKET) {
		start_connection(l, c, r->text);
		return 0;
	}
	launch_init(&la, r, &u, false, l->contain);
	e = ev_child_start(&c->child, l->base.loop, &la.spawn, on_exit_status, c, f);
	launch_fini(&la);
	return e;
}

static struct spawned *
local_spawn(struct spawner *sp, const struct spawn_request *r,
    const struct spawn_handler *h, void *arg)
{
	struct local *l = local_of(sp);
	struct local_child *c = xcalloc(1, sizeof(*c));

	c->base = (struct spawned){ sp, h, arg };
	c->pty = spawn_has_terminal(r->kind);
	list_init(&c->link);
	list_add_tail(&l->children, &c->link);
	if (start(l, c, r, &c->why) != 0)
		c->child = NULL;
	if (c->connect == NULL)
		ev_timer_set(sp->loop, &c->start, 0, on_start, c);
	return &c->base;
}

static void
local_signal(struct spawned *s, int signum)
{
	struct local_child *c = CONTAINER_OF(s, struct local_child, base);

	if (c->child != NULL)
		ev_child_signal(c->child, signum);
}

static void
local_close(struct spawned *s)
{
	struct local_child *c = CONTAINER_OF(s, struct local_child, base);
	struct local *l = local_of(s->spawner);

	ev_timer_clear(&c->start);
	if (c->connect != NULL)
		ev_connect_cancel(c->connect);
	if (c->child != NULL)
		ev_child_close(c->child);
	list_del(&c->link);
	free(c);
	plan_sweep(l, SWEEP_MS);
}

/* --- the spawner -------------------------------------------------------- */

static int
local_save(struct spawner *sp, const char *name, struct span content, struct fault *f)
{
	const struct local *l = local_of(sp);

	if (l->dir == NULL)
		return 0;
	return agent_file_keep(l->dir, name, content, f);
}

static void
local_free(struct spawner *sp)
{
	struct local *l = local_of(sp);

	assert(list_empty(&l->children));
	ev_timer_clear(&l->sweep);
	if (l->contain)
		supervise_kill_all();
	free(l->dir);
	free(l);
}

static const struct spawner_ops local_ops = {
	.spawn = local_spawn,
	.signal = local_signal,
	.close = local_close,
	.save = local_save,
	.free = local_free,
};

struct spawner *
spawner_local_new(struct ev_loop *l, const struct spawner_local_options *o)
{
	struct local *lo = xcalloc(1, sizeof(*lo));

	lo->base = (struct spawner){ &local_ops, l };
	lo->dir = o->dir != NULL ? xstrdup(o->dir) : NULL;
	lo->contain = o->contain;
	lo->user = o->user;
	list_init(&lo->children);
	if (lo->contain && prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
		log_warn("not the parent of orphans",
		    "action=\"what a killed supervisor leaves behind will stay\"");
	return &lo->base;
}
