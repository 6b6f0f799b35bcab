/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport-agent run`.
 *
 *	normal user:  worker, which starts sessions itself
 *	root:         fork; the parent becomes the monitor, the child the worker, which
 *	              reads its files and then gives up root (agent/monitor.h)
 */
#include "agent/cli.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/files.h"
#include "agent/monitor.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "ev/ev.h"

/* What a worker needs; read while it still may. */
struct worker {
	struct agent_reg reg;
	struct buf key, new_key, saved;
	struct tls_ctx *tls;
	struct ev_loop *loop;
	struct spawner *spawner;
	struct agent *agent;
	bool lost; /* the monitor */
};

static int
load(struct worker *w, const char *dir, struct fault *f)
{
	int r;

	if ((r = agent_reg_load(&w->reg, dir, f)) != 0)
		return r;
	if (*w->reg.access_key == '\0' &&
	    (r = agent_file_read(&w->key, dir, FILE_NODE_KEY, f)) != 0)
		return r;
	if (agent_file_read(&w->new_key, dir, FILE_NODE_KEY_NEW, NULL) != 0)
		buf_reset(&w->new_key);
	if (agent_file_read(&w->saved, dir, FILE_CREDENTIALS, NULL) != 0)
		buf_reset(&w->saved);
	return cli_tls(&w->tls, w->reg.ca_file, f);
}

static void
on_stopped(void *arg)
{
	struct worker *w = arg;

	ev_stop(w->loop);
}

static void
on_stop_signal(void *arg)
{
	struct worker *w = arg;

	log_info("stopping", "");
	agent_stop(w->agent, on_stopped, w);
}

static void
on_monitor_lost(void *arg)
{
	struct worker *w = arg;

	w->lost = true;
	ev_stop(w->loop);
}

static int
start(struct worker *w, bool is_root, struct fault *f)
{
	const struct agent_options o = {
		.node_id = w->reg.node_id,
		.endpoint = w->reg.endpoint,
		.region = w->reg.region,
		.credentials = {
		    .fingerprint = w->reg.fingerprint,
		    .access_key = w->reg.access_key,
		    .secret_key = w->reg.secret_key,
		    .key = buf_span(&w->key),
			.new_key = buf_span(&w->new_key),
		    .saved = buf_span(&w->saved),
		},
		.tls = w->tls,
		.proxy = cli_proxy(),
		.no_proxy = cli_no_proxy(),
		.spawner = w->spawner,
		.policy = { .is_root = is_root, .session_user = w->reg.session_user },
		.deny_forward = w->reg.deny_forward,
		.trim = true,
		.keep_status = true,
	};
	int r = agent_new(&w->agent, w->loop, &o, f);

	buf_fini(&w->key); /* the agent has what it needs */
	buf_fini(&w->new_key);
	buf_fini(&w->saved);
	return r;
}

/* One pool thread (names are looked up elsewhere) and one heap do, and memory counts. */
static void
save_memory(void)
{
	(void)setenv("UV_THREADPOOL_SIZE", "1", 0);
	(void)mallopt(M_ARENA_MAX, 1);
}

/* fd -1: no monitor. */
static int
serve(struct worker *w, const char *dir, int fd, struct fault *f)
{
	int r;

	save_memory();
	(void)ev_descriptors_raise();
	crypto_init();
	if ((r = load(w, dir, f)) != 0)
		return r;
	if (fd != -1 && (r = monitor_drop_privileges(f)) != 0)
		return r;
	w->loop = ev_loop_new();
	w->spawner = fd != -1
	    ? spawner_remote_new(w->loop, fd, on_monitor_lost, w)
	    : spawner_local_new(w->loop,
		  &(struct spawner_local_options){ .dir = dir, .contain = true });
	if ((r = start(w, fd != -1, f)) != 0)
		return r;
	log_info("running", "node=%s endpoint=%s version=%s", w->reg.node_id,
	    w->reg.endpoint, SALLYPORT_VERSION);
	ev_on_signal(w->loop, SIGTERM, on_stop_signal, w);
	ev_on_signal(w->loop, SIGINT, on_stop_signal, w);
	ev_run(w->loop);
	return w->lost ? fault_set(f, ERR_CLOSED, "the root process is gone") : 0;
}

static int
work(const char *dir, int fd)
{
	struct worker w = { 0 };
	struct fault f = { 0 };
	int r = serve(&w, dir, fd, &f);

	if (r != 0)
		cli_complain("%s", fault_text(&f));
	agent_free(w.agent);
	spawner_free(w.spawner);
	if (w.loop != NULL)
		ev_loop_free(w.loop);
	tls_ctx_free(w.tls);
	buf_fini(&w.key);
	buf_fini(&w.new_key);
	buf_fini(&w.saved);
	agent_reg_fini(&w.reg);
	if (fd == -1) /* else the monitor does it */
		agent_file_remove(dir, FILE_STATUS);
	return r == 0 ? CLI_OK : CLI_FAILED;
}

/* Root: the registration is read here, too, by the side that the worker cannot reach. */
static int
split(const char *dir)
{
	struct monitor_options o = { .dir = dir, .policy = { .is_root = true } };
	struct agent_reg reg;
	struct fault f = { 0 };
	int sv[2], r;

	if (agent_reg_load(&reg, dir, &f) != 0) {
		cli_complain("%s", fault_text(&f));
		return CLI_FAILED;
	}
	o.policy.session_user = reg.session_user;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) == -1 ||
	    (o.worker = fork()) == -1) {
		cli_complain("cannot split: %s", strerror(errno));
		agent_reg_fini(&reg);
		return CLI_FAILED;
	}
	if (o.worker == 0) {
		agent_reg_fini(&reg);
		close(sv[0]);
		exit(work(dir, sv[1]));
	}
	close(sv[1]);
	o.fd = sv[0];
	r = monitor_run(&o);
	agent_reg_fini(&reg);
	return r;
}

/* As the worker changes to another directory, the folder is known by its full name. */
int
cli_run(const struct cli_options *o)
{
	auto_free char *full = realpath(o->dir, NULL);
	const char *dir = full != NULL ? full : o->dir;
	struct fault f = { 0 };
	int lock, r = agent_dir_lock(&lock, dir, &f);

	/* Without the folder there is no registration, which is what has to be said. */
	if (r != 0 && r != ERR_NOTFOUND) {
		cli_complain("%s", fault_text(&f));
		return CLI_FAILED;
	}
	return geteuid() == 0 ? split(dir) : work(dir, -1);
}
