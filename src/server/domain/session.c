/* SPDX-License-Identifier: Apache-2.0 */
/* The table of live sessions and the state machine drawn in session.h. */
#include "base/log.h"
#include "server/domain/session_priv.h"

static char state_names[][16] = {
	[SESSION_CONNECTING] = "Connecting",
	[SESSION_CONNECTED] = "Connected",
	[SESSION_DISCONNECTED] = "Disconnected",
	[SESSION_TERMINATING] = "Terminating",
	[SESSION_TERMINATED] = "Terminated",
	[SESSION_FAILED] = "Failed",
};

const char *
session_state_name(enum session_state s)
{
	return state_names[s];
}

bool
session_is_over(const struct session *se)
{
	return se->state >= SESSION_TERMINATING;
}

/* --- the one door ---------------------------------------------------------------- */

void
session_move(struct session *se, enum session_state to)
{
	static const uint8_t allowed[] = {
		[SESSION_CONNECTING] = 1 << SESSION_CONNECTED | 1 << SESSION_TERMINATING |
		    1 << SESSION_FAILED,
		[SESSION_CONNECTED] =
		    1 << SESSION_DISCONNECTED | 1 << SESSION_TERMINATING,
		[SESSION_DISCONNECTED] =
		    1 << SESSION_CONNECTED | 1 << SESSION_TERMINATING,
		[SESSION_TERMINATING] = 1 << SESSION_TERMINATED,
		[SESSION_TERMINATED] = 0,
		[SESSION_FAILED] = 0,
	};

	enum session_state from = se->state;

	assert(allowed[from] & 1 << to);
	log_info("session", "id=%s from=%s to=%s details=%s", se->row.id, se->row.status,
	    state_names[to], log_q(se->row.details));
	se->state = to;
	se->row.status = state_names[to];
	session_write_status(se, from);
	session_set_clock(se);
}

/* --- the table -------------------------------------------------------------------- */

struct session_seat *
session_seat(struct sessions *s, const char *node_id)
{
	struct session_seat *seat = map_get(&s->seats, span_str(node_id));

	if (seat != NULL)
		return seat;
	seat = xcalloc(1, sizeof(*seat));
	snprintf(seat->node_id, sizeof(seat->node_id), "%s", node_id);
	list_init(&seat->live);
	list_init(&seat->farewells);
	map_put(&s->seats, span_str(node_id), seat);
	return seat;
}

void
session_seat_leave(struct sessions *s, struct session_seat *seat)
{
	if (!list_empty(&seat->live) || !list_empty(&seat->farewells))
		return;
	map_del(&s->seats, span_str(seat->node_id));
	free(seat);
}

static void
copy_secret(char **field, char kept[65], const char *hex)
{
	*field = kept;
	if (hex == NULL || str_copy(kept, 65, hex) != 0)
		kept[0] = '\0'; /* none */
}

/* Every string of the row, into the session's own memory. */
static void
copy_row(struct session *se, const struct store_session *row)
{
	struct arena *mem = &se->mem;

	se->row = *row;
	se->row.id = arena_strdup(mem, row->id);
	se->row.target = arena_strdup(mem, row->target);
	se->row.document = arena_strdup(mem, row->document);
	se->row.reason = arena_strdup(mem, row->reason);
	se->row.owner_arn = arena_strdup(mem, row->owner_arn);
	se->row.owner_user_id = arena_strdup(mem, row->owner_user_id);
	se->row.access_key = arena_strdup(mem, row->access_key);
	se->row.source_ip = arena_strdup(mem, row->source_ip);
	se->row.access_request = arena_strdup(mem, row->access_request);
	se->row.region = arena_strdup(mem, row->region);
	se->row.details = arena_strdup(mem, row->details);
	se->row.content_json = arena_strdup(mem, row->content_json);
	se->row.run_as = arena_strdup(mem, row->run_as);
	se->row.status = state_names[SESSION_CONNECTING];
	se->row.token_sha256 = se->token_sha256;
	if (str_copy(se->token_sha256, sizeof(se->token_sha256), row->token_sha256) != 0)
		se->token_sha256[0] = '\0'; /* not a hash: opens nothing */
	copy_secret(&se->row.resume_sha256, se->resume_sha256, row->resume_sha256);
	copy_secret(
	    &se->row.resume_prev_sha256, se->resume_prev_sha256, row->resume_prev_sha256);
	if (se->row.idle_min <= 0)
		se->row.idle_min = SESSION_IDLE_MIN_DEFAULT;
}

/* The maximum duration counts from the start by the calendar; 0: none. */
static uint64_t
max_by(const struct sessions *s, const struct store_session *row)
{
	int64_t left;

	if (row->max_duration_min <= 0)
		return 0;
	left = row->start_ms + row->max_duration_min * 60000 - ev_wall_ms(s->loop);
	return ev_now_ms(s->loop) + (left > 1 ? (uint64_t)left : 1);
}

struct session *
session_add(struct sessions *s, const struct store_session *row)
{
	struct session *se = xcalloc(1, sizeof(*se)), *old;
	uint64_t now = ev_now_ms(s->loop);

	arena_init(&se->mem);
	copy_row(se, row);
	se->owner = s;
	se->state = SESSION_CONNECTING;
	se->last_data_ms = se->away_since_ms[0] = se->away_since_ms[1] = now;
	se->open_by_ms = now + SESSION_OPEN_MS;
	se->warned_of_ms = UINT64_MAX;
	se->max_by_ms = max_by(s, &se->row);
	se->seat = session_seat(s, se->row.target);
	list_init(&se->at_seat);
	list_add_tail(&se->seat->live, &se->at_seat);
	se->seat->nlive++;
	session_owner_add(se);
	old = map_put(&s->live, span_str(se->row.id), se);
	assert(old == NULL); /* ids are random and rows are unique */
	session_set_clock(se);
	return se;
}

static void
session_free(struct session *se)
{
	ev_timer_clear(&se->timer);
	arena_fini(&se->mem);
	free(se);
}

void
session_remove(struct session *se)
{
	struct sessions *s = se->owner;
	struct session *old;

	ev_timer_clear(&se->timer);
	map_del(&s->live, span_str(se->row.id));
	list_del(&se->at_seat);
	se->seat->nlive--;
	session_owner_remove(se);
	session_seat_leave(s, STEAL(se->seat));
	old = map_put(&s->ended, span_str(se->row.id), se);
	assert(old == NULL);
}

void
session_forget(struct session *se)
{
	map_del(&se->owner->ended, span_str(se->row.id));
	session_free(se);
}

struct session *
session_find(struct sessions *s, const char *id)
{
	return map_get(&s->live, span_str(id));
}

void
sessions_stats(const struct sessions *s, struct sessions_stats *out)
{
	*out = (struct sessions_stats){
		.refused_node = s->refused_node,
		.refused_owner = s->refused_owner,
		.swept = s->swept,
	};
}

size_t
sessions_live(const struct sessions *s)
{
	return map_len(&s->live);
}

/* --- making and freeing the table --------------------------------------------------- */

int
sessions_new(struct sessions **out, struct ev_loop *l, struct store *st, struct nodes *n,
    struct fault *f)
{
	struct sessions *s = xcalloc(1, sizeof(*s));
	uint64_t key[8];
	int r;

	*out = NULL;
	s->loop = l;
	s->store = st;
	s->nodes = n;
	ev_random(l, key, sizeof(key));
	map_init(&s->live, key[0], key[1]);
	map_init(&s->seats, key[2], key[3]);
	map_init(&s->owners, key[4], key[5]);
	map_init(&s->ended, key[6], key[7]);
	sessions_set_limits(s, SESSION_PER_NODE_MAX, SESSION_PER_OWNER_MAX);
	list_init(&s->farewells);
	/* In this order: loading sessions may end some, and so add farewells. */
	if ((r = farewells_load(s, f)) != 0 || (r = sessions_load(s, f)) != 0) {
		sessions_free(s);
		return r;
	}
	nodes_on_online(n, session_node_online, s);
	sessions_sweep_start(s);
	*out = s;
	return 0;
}

void
sessions_each(struct sessions *s, session_fn *fn, void *arg)
{
	struct span key;
	void *v;

	for (size_t it = 0; map_next(&s->live, &it, &key, &v);)
		fn(arg, v);
}

void
sessions_free(struct sessions *s)
{
	struct span key;
	void *v;
	size_t it;

	if (s == NULL)
		return;
	sessions_sweep_stop(s);
	for (it = 0; map_next(&s->live, &it, &key, &v);)
		session_free(v);
	for (it = 0; map_next(&s->ended, &it, &key, &v);)
		session_free(v);
	farewells_free(s);
	for (it = 0; map_next(&s->seats, &it, &key, &v);)
		free(v);
	map_fini(&s->live);
	map_fini(&s->ended);
	map_fini(&s->seats);
	for (it = 0; map_next(&s->owners, &it, &key, &v);)
		free(v);
	map_fini(&s->owners);
	free(s);
}

/* --- what the gateway reports ----------------------------------------------------------
 */

void
session_joined(struct session *se, enum session_end end, struct session_channel *ch)
{
	if (session_is_over(se)) {
		ch->close(ch, "");
		return;
	}
	se->channel = ch;
	se->joined[end] = true;
	if (end == SESSION_AGENT && se->said_away) {
		se->said_away = false;
		session_say(se, "the node is back");
	}
	if (end == SESSION_AGENT)
		se->agent_was_joined = se->start_sent = true;
	else
		se->client_was_joined = true;
	if (se->joined[!end] && se->state != SESSION_CONNECTED)
		session_move(se, SESSION_CONNECTED);
	else
		session_set_clock(se);
}

void
session_left(struct session *se, enum session_end end, const char *why)
{
	if (!se->joined[end])
		return;
	se->joined[end] = false;
	se->away_why[end] = why;
	se->away_since_ms[end] = ev_now_ms(se->owner->loop);
	if (se->state == SESSION_CONNECTED)
		session_move(se, SESSION_DISCONNECTED);
	else if (!session_is_over(se))
		session_set_clock(se);
}

void
session_active(struct session *se, enum session_end from, size_t bytes)
{
	se->bytes[from] += bytes;
	se->last_data_ms = ev_now_ms(se->owner->loop);
}
