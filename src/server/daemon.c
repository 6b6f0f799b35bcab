/* SPDX-License-Identifier: Apache-2.0 */
/* See daemon.h. */
#include "server/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "net/tls.h"
#include "server/domain/oidc.h"
#include "server/env.h"
#include "server/notify.h"
#include "server/server.h"
#include "store/store.h"

enum { DESCRIPTORS_SPARE = 64 }; /* store, pool, logs, packages */

static void
on_stop_signal(void *arg)
{
	log_info("stopping", "");
	notify_send("STOPPING=1");
	server_stop(arg);
}

static void
on_reload_signal(void *arg)
{
	struct fault f = { 0 };

	if (server_reload(arg, &f) != 0)
		log_error("certificate not reloaded", "why=%s", log_q(fault_text(&f)));
	else
		log_info("certificate reloaded", "");
}

/* Each agent holds a descriptor: take all that the system gives. */
static void
raise_descriptors(struct config *c)
{
	int64_t given = ev_descriptors_raise(), room = given - DESCRIPTORS_SPARE;

	if (c->connections_max > room && room > 0) {
		log_warn("fewer connections than configured",
		    "connections_max=%lld descriptors=%lld",
		    (long long)c->connections_max, (long long)given);
		c->connections_max = room;
	}
}

/* Two servers on one folder would each believe they own the sessions. */
static int
lock_state(struct config *c, int *fd, struct fault *f)
{
	const char *path = config_path(c, "lock");

	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0 && errno == ENOENT)
		return fault_set(f, ERR_NOTFOUND,
		    "%s does not exist: run 'sallyportd init --state-dir %s' first",
		    c->state_dir, c->state_dir);
	if (*fd < 0)
		return fault_set(f, ERR_IO, "%s: %s", path, strerror(errno));
	if (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
		close(*fd);
		*fd = -1;
		return fault_set(
		    f, ERR_EXISTS, "another sallyportd is running on %s", c->state_dir);
	}
	return 0;
}

static void
run_loop(struct server *s, const struct config *c)
{
	struct ev_loop *loop = server_env(s)->loop;

	ev_on_signal(loop, SIGTERM, on_stop_signal, s);
	ev_on_signal(loop, SIGINT, on_stop_signal, s);
	ev_on_signal(loop, SIGHUP, on_reload_signal, s);
	log_info("serving", "version=%s host=%s port=%u tls=%s account=%s state=%s",
	    SALLYPORT_VERSION, c->listen_host[0] != '\0' ? c->listen_host : "*",
	    server_port(s), c->tls ? "on" : "off", server_env(s)->account, log_q(c->state_dir));
	notify_send("READY=1");
	ev_run(loop);
}

static int
run_server(struct ev_loop *loop, struct config *c, struct fault *f)
{
	struct store *st = NULL;
	struct server *s = NULL;
	int err = store_open(&st, loop, config_path(c, "sallyport.db"), f);

	if (err != 0)
		return err;
	if ((err = server_new(&s, loop, st, c, f)) == 0) {
		run_loop(s, c);
		server_close(s);
	}
	store_close(st);
	server_free(s);
	return err;
}

int
daemon_main(struct config *c)
{
	struct fault f = { 0 };
	struct ev_loop *loop;
	int lock = -1, err;

	signal(SIGPIPE, SIG_IGN);
	raise_descriptors(c);
	if ((err = lock_state(c, &lock, &f)) == 0) {
		loop = ev_loop_new();
		err = run_server(loop, c, &f);
		ev_loop_free(loop);
		close(lock);
	}
	if (err != 0) {
		log_error("sallyportd cannot run", "why=%s", log_q(fault_text(&f)));
		return 1;
	}
	log_info("stopped", "");
	return 0;
}

/* As at the start; the loop never runs. */
static int
check_oidc(const struct config *c, struct fault *f)
{
	struct ev_loop *loop = ev_loop_new();
	struct oidc *o = NULL;
	int err = oidc_new(&o, loop, c->oidc_ca_file, c->oidc_deny, f);

	oidc_free(o);
	ev_loop_free(loop);
	return err;
}

int
daemon_check(const struct config *c, struct fault *f)
{
	struct tls_ctx *tls;
	int err = check_oidc(c, f);

	if (err != 0 || !c->tls)
		return err;
	if (access(c->tls_cert, F_OK) != 0)
		return fault_set(f, ERR_NOTFOUND,
		    "there is no certificate %s: run 'sallyportd init' first, or set "
		    "tls_cert",
		    c->tls_cert);
	if ((err = tls_server_new(&tls, c->tls_cert, c->tls_key, f)) == 0)
		tls_ctx_free(tls);
	return err;
}
