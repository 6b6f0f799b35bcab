/* SPDX-License-Identifier: Apache-2.0 */
/* `sallyport-agent run`. */
#include "agent/cli.h"

#include <signal.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/files.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "ev/ev.h"

/* What a worker needs; read while it still may. */
struct worker {
	struct agent_reg reg;
	struct buf key, saved;
	struct tls_ctx *tls;
	struct ev_loop *loop;
	struct spawner *spawner;
	struct agent *agent;
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

static int
start(struct worker *w, struct fault *f)
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
		    .saved = buf_span(&w->saved),
		},
		.tls = w->tls,
		.proxy = cli_proxy(),
		.no_proxy = cli_no_proxy(),
		.spawner = w->spawner,
		.policy = { .is_root = false, .session_user = w->reg.session_user },
		.keep_status = true,
	};
	int r = agent_new(&w->agent, w->loop, &o, f);

	buf_fini(&w->key); /* the agent has what it needs */
	buf_fini(&w->saved);
	return r;
}

int
cli_run(const struct cli_options *o)
{
	struct worker w = { 0 };
	struct fault f = { 0 };
	int r = CLI_FAILED;

	crypto_init();
	if (load(&w, o->dir, &f) != 0)
		goto out;
	w.loop = ev_loop_new();
	w.spawner = spawner_local_new(
	    w.loop, &(struct spawner_local_options){ .dir = o->dir, .contain = true });
	if (start(&w, &f) != 0)
		goto out;
	log_info("running", "node=%s endpoint=%s version=%s", w.reg.node_id,
	    w.reg.endpoint, SALLYPORT_VERSION);
	ev_on_signal(w.loop, SIGTERM, on_stop_signal, &w);
	ev_on_signal(w.loop, SIGINT, on_stop_signal, &w);
	ev_run(w.loop);
	r = CLI_OK;
out:
	if (r != CLI_OK)
		cli_complain("%s", fault_text(&f));
	agent_free(w.agent);
	spawner_free(w.spawner);
	if (w.loop != NULL)
		ev_loop_free(w.loop);
	tls_ctx_free(w.tls);
	buf_fini(&w.key);
	buf_fini(&w.saved);
	agent_reg_fini(&w.reg);
	return r;
}
