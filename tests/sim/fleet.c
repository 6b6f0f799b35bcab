/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One seed: everybody starts, for two and a half minutes things go wrong, then it is calm
 * for an hour, in which every clock that could keep a session alive runs out.
 */
#include "fleet.h"

#include <stdarg.h>

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
	for (unsigned i = 0; i < FLEET_NODES; i++)
		node_init(f, i);
	server_place_init(f);
	server_up(f);
	for (unsigned i = 0; i < FLEET_PEOPLE; i++) {
		person_init(f, i);
		person_up(&f->people[i]);
	}
	f->server_crash_ms = 20 * 1000 + sim_random_below(f->sim, 100 * 1000);
}

/* What is due: hosts come back, cables are plugged in again. */
static void
heal(struct fleet *f, bool all)
{
	uint64_t now = sim_now_ms(f->sim);
	struct place *server = &f->server.place;

	if (server->up_at_ms != 0 && (all || server->up_at_ms <= now))
		server_up(f);
	for (unsigned i = 0; i < FLEET_NODES; i++) {
		struct place *p = &f->nodes[i].place;

		place_heal(p, all);
		if (p->up_at_ms != 0 && (all || p->up_at_ms <= now))
			node_up(&f->nodes[i]);
	}
	for (unsigned i = 0; i < FLEET_PEOPLE; i++) {
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
	struct sim_node *n = &f->nodes[sim_random_below(f->sim, FLEET_NODES)];
	struct person *p = &f->people[sim_random_below(f->sim, FLEET_PEOPLE)];
	uint32_t what = sim_random_below(f->sim, 100);

	if (what < 50) {
		f->cuts += sim_cut_random(f->sim);
	} else if (what < 70) {
		place_trouble(&n->place);
	} else if (what < 93) {
		place_trouble(&p->place);
	} else if (n->place.loop != NULL) {
		node_down(n, true);
		n->place.up_at_ms =
		    sim_now_ms(f->sim) + 1 + sim_random_below(f->sim, 20 * 1000);
	}
	if (f->server_crash_ms != 0 && sim_now_ms(f->sim) >= f->server_crash_ms) {
		f->server_crash_ms = 0;
		server_down(f, true);
		f->server.place.up_at_ms =
		    sim_now_ms(f->sim) + 1 + sim_random_below(f->sim, 30 * 1000);
	}
}

static void
teardown(struct fleet *f)
{
	for (unsigned i = 0; i < FLEET_PEOPLE; i++) {
		person_down(&f->people[i], false);
		buf_fini(&f->people[i].typed);
		buf_fini(&f->people[i].expected);
	}
	for (unsigned i = 0; i < FLEET_NODES; i++)
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
	out->ok = !f->failed;
	teardown(f);
	free(f);
}
