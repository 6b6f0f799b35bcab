/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts and what happens to them, except that they crash. */
#include "fleet.h"

void
place_init(struct place *p, struct fleet *f, const char *kind, unsigned index)
{
	*p = (struct place){ .fleet = f };
	(void)snprintf(p->name, sizeof(p->name), "%s-%u", kind, index);
}

void
place_trouble(struct place *p)
{
	struct sim_world *w = p->fleet->sim;
	uint64_t now = sim_now_ms(w);

	if (sim_random_below(w, 2) == 0) {
		if (p->cut_until_ms == 0)
			sim_partition(w, p->name, "server", true);
		p->cut_until_ms = now + 1 + sim_random_below(w, 40 * 1000);
	} else if (p->loop != NULL) {
		sim_slow(p->loop, 1000 + sim_random_below(w, 20 * 1000));
		p->slow_until_ms = now + 1 + sim_random_below(w, 30 * 1000);
	}
}

void
place_heal(struct place *p, bool all)
{
	struct sim_world *w = p->fleet->sim;
	uint64_t now = sim_now_ms(w);

	if (p->cut_until_ms != 0 && (all || p->cut_until_ms <= now)) {
		sim_partition(w, p->name, "server", false);
		p->cut_until_ms = 0;
	}
	if (p->slow_until_ms != 0 && (all || p->slow_until_ms <= now)) {
		if (p->loop != NULL)
			sim_slow(p->loop, 0);
		p->slow_until_ms = 0;
	}
}
