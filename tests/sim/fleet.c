/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One seed: everybody starts, for two and a half minutes things go wrong, then it is calm
 * for an hour, in which every clock that could keep a session alive runs out.
 */
#include "fleet.h"

#include <stdarg.h>

enum {
	CRASH_MS = 90 * 1000, /* of the server, from one to the next at most */
	DOWN_MS = 30 * 1000,
	LATE_MS = 20 * 1000,
};

void
fleet_fail(struct fleet *f, const char *fmt, ...)
{
	va_list ap;

	f->failed = true;
	fprintf(stderr, "seed %llu, at %llu ms: ", (unsigned long long)f->seed,
	    (unsigned long long)sim_now_ms(f->sim));
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* Small fleets try more of what can happen in the same time; every eighth is a large one. */
static void
choose_size(struct fleet *f)
{
	bool large = f->seed % 8 == 4;

	f->nnodes = large ? FLEET_NODES_MAX : 10 + sim_random_below(f->sim, 40);
	f->npeople = large ? FLEET_PEOPLE_MAX : 30 + sim_random_below(f->sim, 60);
}

static void
setup(struct fleet *f, const struct fleet_options *o)
{
	const struct sim_options so = {
		.seed = o->seed,
		.latency_min_ms = 1,
		.latency_max_ms = 60,
		.buffer = 64 * 1024,
		.cut_per_million = 50,
		.wall_start_ms = 1800000000000,
	};

	*f = (struct fleet){ .seed = o->seed,
		.dir = o->dir,
		.key_private = o->key_private,
		.key_public = o->key_public };
	f->sim = sim_new(&so);
	sim_register(f->sim, "/bin/sh", &shell_program);
	choose_size(f);
	for (unsigned i = 0; i < f->nnodes; i++)
		node_init(f, i);
	server_place_init(f);
	server_up(f);
	for (unsigned i = 0; i < f->npeople; i++) {
		person_init(f, i);
		person_up(&f->people[i]);
	}
	f->server_crash_ms = 5 * 1000 + sim_random_below(f->sim, CRASH_MS);
}

/* What is due: hosts come back, cables are plugged in again. */
static void
heal(struct fleet *f, bool all)
{
	uint64_t now = sim_now_ms(f->sim);
	struct place *server = &f->server.place;

	if (server->up_at_ms != 0 && (all || server->up_at_ms <= now))
		server_up(f);
	for (unsigned i = 0; i < f->nnodes; i++) {
		struct place *p = &f->nodes[i].place;

		place_heal(p, all);
		if (p->up_at_ms != 0 && (all || p->up_at_ms <= now))
			node_up(&f->nodes[i]);
	}
	for (unsigned i = 0; i < f->npeople; i++) {
		struct person *p = &f->people[i];

		place_heal(&p->place, all);
		if (p->wants_crash)
			person_down(p, true);
		p->wants_crash = false;
	}
}

static void
disturb(struct fleet *f)
{
	struct sim_node *n = &f->nodes[sim_random_below(f->sim, f->nnodes)];
	struct person *p = &f->people[sim_random_below(f->sim, f->npeople)];
	uint32_t what = sim_random_below(f->sim, 100);

	if (what < 35) {
		f->cuts += sim_cut_random(f->sim);
	} else if (what < 50) {
		f->cuts += sim_late_random(f->sim, sim_random_below(f->sim, LATE_MS));
	} else if (what < 70) {
		place_trouble(&n->place);
	} else if (what < 97) {
		place_trouble(&p->place);
	} else if (n->place.loop != NULL) {
		node_down(n, true);
		n->place.up_at_ms =
		    sim_now_ms(f->sim) + 1 + sim_random_below(f->sim, 20 * 1000);
	}
	if (f->server.place.loop != NULL && sim_now_ms(f->sim) >= f->server_crash_ms) {
		server_down(f, true);
		f->server.place.up_at_ms =
		    sim_now_ms(f->sim) + 1 + sim_random_below(f->sim, DOWN_MS);
		f->server_crash_ms =
		    f->server.place.up_at_ms + sim_random_below(f->sim, CRASH_MS);
	}
}

static void
teardown(struct fleet *f)
{
	for (unsigned i = 0; i < f->npeople; i++) {
		person_down(&f->people[i], false);
		person_fini(&f->people[i]);
	}
	for (unsigned i = 0; i < f->nnodes; i++)
		node_down(&f->nodes[i], false);
	server_down(f, false);
	config_fini(&f->server.config);
	sim_free(f->sim);
}

void
fleet_run(const struct fleet_options *o, struct outcome *out)
{
	struct fleet *f = xcalloc(1, sizeof(*f));

	setup(f, o);
	while (sim_now_ms(f->sim) < FLEET_TROUBLE_MS) {
		sim_run_for(f->sim, 100 + sim_random_below(f->sim, 600));
		heal(f, false);
		disturb(f);
	}
	heal(f, true);
	for (uint64_t t = 0; t < FLEET_CALM_MS; t += 60 * 1000) {
		sim_run_for(f->sim, 60 * 1000);
		heal(f, true);
	}
	for (int i = 0; i < 300 && !fleet_is_whole(f); i++)
		sim_run_for(f->sim, 1000);
	*out = (struct outcome){ 0 };
	verdict(f, out);
	out->digest = sim_digest(f->sim);
	out->cuts = f->cuts;
	out->server_crashes = f->server.place.crashes;
	out->ok = !f->failed;
	teardown(f);
	free(f);
}
