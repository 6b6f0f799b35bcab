/* SPDX-License-Identifier: Apache-2.0 */
/* The control plane: everything that sallyportd runs, on a simulated host. */
#include "fleet.h"

#include <unistd.h>

#include "store/store.h"

static void
remove_store(const struct fleet *f)
{
	static const char *const suffix[] = { "", "-wal", "-shm" };
	char path[256];

	for (size_t i = 0; i < ARRAY_LEN(suffix); i++) {
		(void)snprintf(path, sizeof(path), "%s/fleet.db%s", f->dir, suffix[i]);
		(void)unlink(path);
	}
}

void
server_place_init(struct fleet *f)
{
	struct sim_server *s = &f->server;

	s->place = (struct place){ .fleet = f, .name = "server" };
	remove_store(f);
	(void)snprintf(s->path, sizeof(s->path), "inline:%s/fleet.db", f->dir);
	config_init(&s->config);
	s->config.tls = false;
	s->config.listen_port = FLEET_PORT;
	s->config.region = FLEET_REGION;
}

static int
add_nodes(struct store_tx *tx, void *arg, struct fault *fault)
{
	struct fleet *f = arg;
	auto_buf public = { .max = 4096 };
	int r = 0;

	buf_add(&public, buf_span(f->key_public));
	for (unsigned i = 0; r == 0 && i < f->nnodes; i++) {
		struct sim_node *n = &f->nodes[i];
		bool is_static = n->access_key[0] != '\0';
		const struct store_node row = {
			.id = n->id,
			.public_key = (char *)(is_static ? "" : buf_cstr(&public)),
			.fingerprint = n->id,
			.iam_role = (char *)IDENTITY_NODE_ROLE,
			.registered_ms = 1,
		};
		const struct store_key key = {
			.access_key = n->access_key,
			.secret = n->id,
			.kind = STORE_KEY_NODE,
			.owner = n->id,
			.active = true,
		};

		r = store_node_put(tx, &row);
		if (r == 0 && is_static)
			r = store_key_put(tx, &key);
	}
	return r == 0 ? 0 : fault_set(fault, r, "nodes not written");
}

static int
first_start(struct fleet *f, struct fault *fault)
{
	struct sim_server *s = &f->server;
	int r;

	account_draw(s->place.loop, &f->account);
	r = account_init(s->store, s->place.loop, &f->account, fault);
	if (r == 0)
		r = store_apply(s->store, add_nodes, f, fault);
	f->admin =
	    (struct sigv4_credentials){ f->account.access_key, f->account.secret, NULL };
	return r;
}

void
server_up(struct fleet *f)
{
	struct sim_server *s = &f->server;
	struct fault fault = { 0 };
	int r;

	s->place.loop = sim_host(f->sim, "server");
	s->place.up_at_ms = 0;
	if ((r = store_open(&s->store, s->place.loop, s->path, &fault)) == 0 &&
	    f->account.account[0] == '\0')
		r = first_start(f, &fault);
	if (r == 0)
		r = server_new(&s->server, s->place.loop, s->store, &s->config, &fault);
	if (r != 0) {
		fprintf(stderr, "the server does not start: %s\n", fault_text(&fault));
		abort();
	}
}

/* In the order of run_server() in daemon.c. */
void
server_down(struct fleet *f, bool crash)
{
	struct sim_server *s = &f->server;

	if (s->place.loop == NULL)
		return;
	if (crash) {
		s->place.crashes++;
		sim_crash(s->place.loop);
	}
	server_close(s->server);
	store_close(s->store);
	server_free(s->server);
	ev_loop_free(s->place.loop);
	s->server = NULL;
	s->store = NULL;
	s->place.loop = NULL;
}
