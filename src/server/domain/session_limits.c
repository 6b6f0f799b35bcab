/* SPDX-License-Identifier: Apache-2.0 */
/* How many sessions a node and a principal may have at once. */
#include "server/domain/session_priv.h"

/* Exists while its principal has sessions. */
struct session_owner {
	size_t nlive;
};

void
sessions_set_limits(struct sessions *s, size_t per_node, size_t per_owner)
{
	s->per_node_max = per_node;
	s->per_owner_max = per_owner;
}

void
session_owner_add(struct session *se)
{
	struct sessions *s = se->owner;
	struct span id = span_str(se->row.owner_user_id);
	struct session_owner *o = map_get(&s->owners, id);

	if (o == NULL) {
		o = xcalloc(1, sizeof(*o));
		map_put(&s->owners, id, o);
	}
	o->nlive++;
}

void
session_owner_remove(struct session *se)
{
	struct sessions *s = se->owner;
	struct span id = span_str(se->row.owner_user_id);
	struct session_owner *o = map_get(&s->owners, id);

	if (--o->nlive == 0)
		free(map_del(&s->owners, id));
}

int
session_limits_check(struct sessions *s, const char *node_id, const char *owner_arn,
    const char *owner_user_id, size_t more, struct fault *f)
{
	const struct session_seat *seat = map_get(&s->seats, span_str(node_id));
	const struct session_owner *o = map_get(&s->owners, span_str(owner_user_id));
	size_t at_node = seat != NULL ? seat->nlive : 0;
	size_t of_owner = o != NULL ? o->nlive : 0;

	if (at_node + more > s->per_node_max) {
		s->refused_node++;
		return fault_set(f, ERR_LIMIT,
		    "%s has reached its maximum of %zu concurrent sessions.", node_id,
		    s->per_node_max);
	}
	if (of_owner + more > s->per_owner_max) {
		s->refused_owner++;
		return fault_set(f, ERR_LIMIT,
		    "%s has reached its maximum of %zu concurrent sessions.", owner_arn,
		    s->per_owner_max);
	}
	return 0;
}
