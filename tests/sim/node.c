/* SPDX-License-Identifier: Apache-2.0 */
/* A machine with an agent, as sallyport-agent would run it for a normal user. */
#include "fleet.h"

void
node_init(struct fleet *f, unsigned i)
{
	struct sim_node *n = &f->nodes[i];

	place_init(&n->place, f, "node", i);
	(void)snprintf(n->id, sizeof(n->id), "mi-%017u", i);
	if (i % 5 == 0)
		(void)snprintf(n->access_key, sizeof(n->access_key), "AKIA%016u", i + 10);
	n->place.up_at_ms = 1 + sim_random_below(f->sim, 5000);
}

static void
platform(struct agent_platform *p)
{
	*p = (struct agent_platform){
		.name = "Simulated", .version = "1", .ip = "192.0.2.1"
	};
}

void
node_up(struct sim_node *n)
{
	static const struct agent_user user = { .name = "somebody",
		.home = "/home/somebody",
		.shell = "/bin/sh",
		.uid = 1000,
		.gid = 1000 };
	struct fleet *f = n->place.fleet;
	struct fault fault = { 0 };
	bool is_static = n->access_key[0] != '\0';
	struct agent_options o = {
		.node_id = n->id,
		.endpoint = FLEET_ENDPOINT,
		.region = FLEET_REGION,
		.credentials = {
			.fingerprint = n->id,
			.access_key = n->access_key,
			.secret_key = is_static ? n->id : "",
			.key = is_static ? SPAN_NONE : buf_span(f->key_private),
		},
		.policy = { .is_root = false, .session_user = "" },
		.platform = platform,
	};

	n->place.up_at_ms = 0;
	n->place.loop = sim_host(f->sim, n->place.name);
	n->spawner = spawner_local_new(
	    n->place.loop, &(struct spawner_local_options){ .user = &user });
	o.spawner = n->spawner;
	n->service = service_new(n->place.loop);
	if (agent_new(&n->agent, n->place.loop, &o, &fault) != 0) {
		fprintf(stderr, "the agent does not start: %s\n", fault_text(&fault));
		abort();
	}
}

void
node_down(struct sim_node *n, bool crash)
{
	if (n->place.loop == NULL)
		return;
	if (crash) {
		n->place.crashes++;
		sim_crash(n->place.loop);
	}
	agent_free(STEAL(n->agent));
	spawner_free(STEAL(n->spawner));
	service_free(STEAL(n->service));
	ev_loop_free(STEAL(n->place.loop));
}
