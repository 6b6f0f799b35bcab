/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A review walks over a list of ids that it took at its beginning: whatever comes and goes
 * meanwhile is looked up again.  A change that happens during a walk begins another one.
 */
#include "server/review.h"

#include "base/log.h"
#include "proto/arn.h"
#include "server/authorise.h"
#include "server/config.h"
#include "server/domain/access.h"
#include "server/domain/session.h"
#include "server/reauthorise.h"

struct subject {
	char id[ID_SESSION_MAX + 1]; /* of a session or a node */
	bool node;
};

struct review {
	const struct server_env *env;
	struct ev_timer timer;
	struct subject *list;
	size_t n, cap, next;
	bool again;
};

static void
take(struct review *v, const char *id, bool node)
{
	if (v->n == v->cap) {
		v->cap = v->cap == 0 ? 64 : 2 * v->cap;
		v->list = xrealloc(v->list, v->cap * sizeof(*v->list));
	}
	v->list[v->n].node = node;
	if (str_copy(v->list[v->n].id, sizeof(v->list[v->n].id), id) == 0)
		v->n++;
}

static void
take_session(void *arg, struct session *se)
{
	take(arg, se->row.id, false);
}

static void
take_node(void *arg, const char *node_id)
{
	take(arg, node_id, true);
}

static void
judge_session(struct review *v, const char *id)
{
	struct session *se = session_find(v->env->sessions, id);
	auto_arena mem = { 0 };
	const char *why = "";

	if (se == NULL || reauthorise_session(v->env, se, &mem, &why) == 0)
		return;
	log_info("session is not allowed any more", "session=%s why=%s", id, log_q(why));
	session_revoke(se, arena_printf(&mem, "not allowed any more: %s", why));
}

/* One without a key of its own is spoken for by whoever may; it is asked at each call. */
static void
judge_node(struct review *v, const char *id)
{
	struct store_tx *tx = store_reader(v->env->store);
	auto_arena mem = { 0 };
	const struct authz_facts facts = {
		.region = v->env->config->region,
		.source_ip = "",
		.user_agent = "",
		.tls = v->env->config->tls,
		.now_ms = ev_wall_ms(v->env->loop),
	};
	const char *arn = arn_node(&mem, facts.region, v->env->account, id), *why = "";
	struct store_node row = { 0 };
	struct principal who;

	if (store_node_get(tx, &mem, id, &row) != 0 || row.public_key[0] == '\0' ||
	    identity_of_node(tx, &mem, id, &who) != 0 ||
	    authorise(v->env,
		&(struct authz_request){ .who = &who,
		    .action = "ssmmessages:OpenControlChannel",
		    .resources = &arn,
		    .nresources = 1,
		    .facts = &facts },
		&mem, &why) == 0)
		return;
	log_info("node is not allowed any more", "node=%s why=%s", id, log_q(why));
	sessions_terminate_node(v->env->sessions, id, "the node is not allowed any more");
	node_evict(v->env->nodes, id, "it is not allowed any more");
}

static void
walk(void *arg)
{
	struct review *v = arg;

	for (size_t i = 0; i < REVIEW_TURN && v->next < v->n; i++) {
		const struct subject *s = &v->list[v->next++];

		if (s->node)
			judge_node(v, s->id);
		else
			judge_session(v, s->id);
	}
	if (v->next == v->n && v->again) {
		v->again = false;
		v->n = v->next = 0;
		sessions_each(v->env->sessions, take_session, v);
		nodes_each(v->env->nodes, take_node, v);
	}
	if (v->next < v->n)
		ev_timer_set(v->env->loop, &v->timer, 0, walk, v);
}

static void
on_change(void *arg)
{
	struct review *v = arg;

	v->again = true;
	if (!ev_timer_is_set(&v->timer))
		ev_timer_set(v->env->loop, &v->timer, 0, walk, v);
}

struct review *
review_new(const struct server_env *env)
{
	struct review *v = xcalloc(1, sizeof(*v));

	v->env = env;
	access_on_change(env->access, on_change, v);
	return v;
}

void
review_free(struct review *v)
{
	if (v == NULL)
		return;
	access_on_change(v->env->access, NULL, NULL);
	ev_timer_clear(&v->timer);
	free(v->list);
	free(v);
}
