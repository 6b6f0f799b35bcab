/* SPDX-License-Identifier: Apache-2.0 */
/* See access.h. */
#include "server/domain/access.h"

#include "base/log.h"
#include "base/map.h"
#include "policy/managed.h"
#include "proto/arn.h"
#include "server/domain/access_request.h"

/* Everything attached to one user (groups included) or role; or given with one key. */
struct holding {
	struct policy_source *list;
	size_t n, cap;
	struct policy_source boundary;
	bool bounded;
	struct arena mem; /* names and the list */
};

struct access {
	struct ev_loop *loop;
	struct store *store;
	struct map holdings; /* by owner, or by access key for session policies */
	struct map locks;    /* by id: struct store_lock, in lock_mem */
	struct arena lock_mem;
	bool locks_read;
	struct ev_timer timer;
	access_change_fn *fn;
	void *arg;
};

/* ---- one owner's policies ---- */

struct collect {
	struct store_tx *tx;
	struct holding *h;
	const char *owner; /* whose policies are being read */
	int64_t now_ms;
	int err;
};

static void
holding_free(struct holding *h)
{
	for (size_t i = 0; i < h->n; i++)
		policy_free((struct policy *)(uintptr_t)h->list[i].policy);
	if (h->bounded)
		policy_free((struct policy *)(uintptr_t)h->boundary.policy);
	arena_fini(&h->mem);
	free(h);
}

static int
compile(struct policy_source *out, struct arena *mem, enum policy_kind kind, const char *id,
    const char *text)
{
	struct policy_flaw flaw;
	struct policy *p;
	int err = policy_parse(&p, kind, span_str(text), &flaw);

	if (err != 0) {
		log_error("a stored policy is not understood", "policy=%s why=%s", log_q(id),
		    log_q(flaw.message));
		return err;
	}
	*out = (struct policy_source){ .policy = p, .id = arena_strdup(mem, id) };
	return 0;
}

static int
holding_add(
    struct holding *h, enum policy_kind kind, const char *id, const char *text)
{
	int err;

	if (h->n == h->cap) {
		size_t cap = h->cap == 0 ? 8 : 2 * h->cap;
		struct policy_source *list = arena_alloc(&h->mem, cap * sizeof(*list));

		for (size_t i = 0; i < h->n; i++)
			list[i] = h->list[i];
		h->list = list;
		h->cap = cap;
	}
	if ((err = compile(&h->list[h->n], &h->mem, kind, id, text)) == 0)
		h->n++;
	return err;
}

int
access_managed_text(struct store_tx *tx, struct arena *mem, const char *arn,
    int64_t version, const char **text)
{
	const struct policy_managed *m = policy_managed_find(span_str(arn));
	struct store_policy_version v = { 0 };
	struct store_entity e = { 0 };
	struct span name;
	struct arn parts;
	int r;

	if (m != NULL) {
		*text = m->document;
		return 0;
	}
	if (arn_parse(&parts, span_str(arn)) != 0 ||
	    !arn_resource_id(&parts, "policy", &name))
		return ERR_NOTFOUND;
	for (ptrdiff_t slash; (slash = span_find(name, '/')) >= 0;)
		name = span_sub(name, (size_t)slash + 1, name.n);
	if ((r = store_entity_get(tx, mem, STORE_POLICY, arena_str(mem, name), &e)) != 0 ||
	    (r = store_policy_version_get(tx, mem, e.name,
		 version != 0 ? version : e.default_version, &v)) != 0)
		return r;
	*text = v.document;
	return 0;
}

static bool
add_attached(void *arg, const char *owner, const char *policy_arn)
{
	struct collect *c = arg;
	auto_arena mem = { 0 };
	const char *text;

	(void)owner;
	c->err = access_managed_text(c->tx, &mem, policy_arn, 0, &text);
	if (c->err == 0)
		c->err = holding_add(c->h, POLICY_MANAGED, policy_arn, text);
	return c->err == 0;
}

/* "user_alice_work": what AWS's simulator calls the policy "work" of "User/alice". */
static const char *
inline_id(struct arena *mem, const char *owner, const char *name)
{
	char *id = arena_printf(mem, "%s_%s", owner, name);

	id[0] = (char)(id[0] | 0x20);
	*strchr(id, '/') = '_';
	return id;
}

static bool
add_inline(void *arg, const char *name, const char *document)
{
	struct collect *c = arg;
	auto_arena mem = { 0 };

	c->err = holding_add(
	    c->h, POLICY_INLINE, inline_id(&mem, c->owner, name), document);
	return c->err == 0;
}

static int
add_owner(struct collect *c, const char *owner)
{
	int r = store_attached(c->tx, owner, "", add_attached, c);

	c->owner = owner;
	if (r == 0 && c->err == 0)
		r = store_inlines(c->tx, owner, "", add_inline, c);
	return r != 0 ? r : c->err;
}

static bool
add_group(void *arg, const char *holder, const char *member)
{
	struct collect *c = arg;

	(void)member;
	if (span_starts(span_str(holder), "Group/"))
		c->err = add_owner(c, holder);
	return c->err == 0;
}

static int
add_boundary(struct collect *c, const struct store_entity *e)
{
	auto_arena mem = { 0 };
	const char *text;
	int r;

	if (e->boundary[0] == '\0')
		return 0;
	if ((r = access_managed_text(c->tx, &mem, e->boundary, 0, &text)) != 0 ||
	    (r = compile(&c->h->boundary, &c->h->mem, POLICY_MANAGED, e->boundary, text)) != 0)
		return r;
	c->h->bounded = true;
	return 0;
}

/* A role that is gone has no policies: its sessions may do nothing. */
static int
collect(struct collect *c, enum store_entity_kind kind, const char *name, const char *owner)
{
	struct store_entity e = { 0 };
	auto_arena mem = { 0 };
	int r = store_entity_get(c->tx, &mem, kind, name, &e);

	if (r != 0)
		return r == ERR_NOTFOUND ? 0 : r;
	if ((r = add_boundary(c, &e)) != 0 || (r = add_owner(c, owner)) != 0 ||
	    kind != STORE_USER)
		return r;
	r = store_member_of(c->tx, owner, "", add_group, c);
	return r != 0 ? r : c->err;
}

static void
forget(struct access *a)
{
	struct span key;
	void *v;

	for (size_t it = 0; map_next(&a->holdings, &it, &key, &v);) {
		map_del(&a->holdings, key);
		holding_free(v);
	}
	for (size_t it = 0; map_next(&a->locks, &it, &key, &v);)
		map_del(&a->locks, key);
	arena_fini(&a->lock_mem);
	arena_init(&a->lock_mem);
	a->locks_read = false;
}

#define NOTHING                                                                       \
	"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"*\"," \
	"\"Resource\":\"*\"}]}"

/* What an access request allows while its time runs; nothing at all before and after. */
static int
collect_grant(struct collect *c, const char *id)
{
	struct store_access_request row = { 0 };
	auto_arena mem = { 0 };
	int r = store_access_request_get(c->tx, &mem, id, &row);

	if (r != 0 && r != ERR_NOTFOUND)
		return r;
	if (r == 0 && access_request_open(&row, c->now_ms))
		return holding_add(c->h, POLICY_MANAGED, id, row.policy);
	return holding_add(c->h, POLICY_MANAGED, id, NOTHING);
}

/* Session policies belong to the keys they were given with. */
static int
collect_session(struct collect *c, const struct key_session *k)
{
	auto_arena mem = { 0 };
	const char *text;
	int r = 0;

	if (k->access_request[0] != '\0')
		return collect_grant(c, k->access_request);
	if (k->policy[0] != '\0')
		r = holding_add(c->h, POLICY_SESSION, "session policy", k->policy);
	for (size_t i = 0; r == 0 && i < k->npolicy_arns; i++) {
		r = access_managed_text(c->tx, &mem, k->policy_arns[i], 0, &text);
		if (r == 0)
			r = holding_add(c->h, POLICY_MANAGED, k->policy_arns[i], text);
	}
	return r;
}

/* What is kept under this key; else *h is a new one to be filled in, and kept by keep(). */
static const struct holding *
find_holding(struct access *a, const char *key, struct collect *c)
{
	const struct holding *h = map_get(&a->holdings, span_str(key));

	*c = (struct collect){ .tx = store_reader(a->store), .now_ms = ev_wall_ms(a->loop) };
	if (h == NULL) {
		c->h = xcalloc(1, sizeof(*c->h));
		arena_init(&c->h->mem);
	}
	return h;
}

static int
keep(struct access *a, const char *key, struct collect *c, int r,
    const struct holding **out)
{
	if (r != 0) {
		holding_free(c->h);
		return r;
	}
	map_put(&a->holdings, span_str(key), c->h);
	*out = c->h;
	return 0;
}

static int
holding_of_owner(struct access *a, struct arena *mem, enum store_entity_kind kind,
    const char *name, const struct holding **out)
{
	const char *owner = store_owner(mem, kind, name);
	struct collect c;

	if ((*out = find_holding(a, owner, &c)) != NULL)
		return 0;
	return keep(a, owner, &c, collect(&c, kind, name, owner), out);
}

static int
holding_of_session(struct access *a, const struct principal *who, const struct holding **out)
{
	struct collect c;

	if ((*out = find_holding(a, who->access_key, &c)) != NULL)
		return 0;
	return keep(a, who->access_key, &c, collect_session(&c, who->session), out);
}

static bool
has_session_policies(const struct key_session *k)
{
	return k != NULL &&
	    (k->policy[0] != '\0' || k->npolicy_arns > 0 || k->access_request[0] != '\0');
}

int
access_owner_policies(struct access *a, struct arena *mem, enum store_entity_kind kind,
    const char *name, struct policy_set *out)
{
	const struct holding *h;
	int r;

	*out = (struct policy_set){ 0 };
	if (map_len(&a->holdings) + 2 > ACCESS_KEEP_MAX)
		forget(a);
	if ((r = holding_of_owner(a, mem, kind, name, &h)) != 0)
		return r;
	out->identity = (struct policy_sources){ h->list, h->n };
	if (h->bounded)
		out->boundary = (struct policy_sources){ &h->boundary, 1 };
	return 0;
}

/* An access request allows more than the requester has. */
static void
add_sources(
    struct arena *mem, struct policy_sources *to, const struct policy_sources *more)
{
	struct policy_source *list = arena_alloc(mem, (to->n + more->n) * sizeof(*list));

	memcpy(list, more->list, more->n * sizeof(*list));
	if (to->n > 0)
		memcpy(list + more->n, to->list, to->n * sizeof(*list));
	*to = (struct policy_sources){ list, to->n + more->n };
}

int
access_policies(struct access *a, struct arena *mem, const struct principal *who,
    struct policy_set *out)
{
	bool user = who->kind == PRINCIPAL_USER;
	const struct holding *h;
	int r;

	*out = (struct policy_set){ 0 };
	if (who->kind == PRINCIPAL_NONE)
		return 0;
	if ((r = access_owner_policies(a, mem, user ? STORE_USER : STORE_ROLE,
		 user ? who->name : who->role, out)) != 0 ||
	    !has_session_policies(who->session))
		return r;
	if ((r = holding_of_session(a, who, &h)) != 0)
		return r;
	out->session = (struct policy_sources){ h->list, h->n };
	if (who->session->access_request[0] != '\0')
		add_sources(mem, &out->identity, &out->session);
	return 0;
}

/* ---- locks ---- */

static bool
keep_lock(void *arg, const struct store_lock *row)
{
	struct access *a = arg;
	struct store_lock *l = arena_alloc(&a->lock_mem, sizeof(*l));

	*l = (struct store_lock){
		.id = arena_strdup(&a->lock_mem, row->id),
		.arn = arena_strdup(&a->lock_mem, row->arn),
		.reason = arena_strdup(&a->lock_mem, row->reason),
		.by_arn = arena_strdup(&a->lock_mem, row->by_arn),
		.created_ms = row->created_ms,
	};
	map_put(&a->locks, span_str(l->id), l);
	return true;
}

const struct store_lock *
access_lock(struct access *a, const struct principal *who)
{
	struct span id = span_str(who->user_id), role;
	const struct store_lock *l;

	if (!a->locks_read) {
		/* Without the list nobody may be let in: a lock that stands on everybody. */
		static char reason[] = "the locks cannot be read", none[] = "";
		static const struct store_lock unread = {
			.id = none, .arn = none, .reason = reason, .by_arn = none
		};

		if (store_locks(store_reader(a->store), "", keep_lock, a) != 0)
			return &unread;
		a->locks_read = true;
	}
	if (map_len(&a->locks) == 0 || who->kind == PRINCIPAL_NONE)
		return NULL;
	if ((l = map_get(&a->locks, id)) != NULL)
		return l;
	span_cut(&id, ':', &role); /* AROA...:session */
	if ((l = map_get(&a->locks, role)) != NULL || who->kind != PRINCIPAL_NODE)
		return l;
	return map_get(&a->locks, span_str(who->name));
}

/* ---- change ---- */

static void
tell(void *arg)
{
	struct access *a = arg;

	if (a->fn != NULL)
		a->fn(a->arg);
}

void
access_changed(struct access *a)
{
	forget(a);
	if (!ev_timer_is_set(&a->timer))
		ev_timer_set(a->loop, &a->timer, ACCESS_REVIEW_MS, tell, a);
}

void
access_on_change(struct access *a, access_change_fn *fn, void *arg)
{
	a->fn = fn;
	a->arg = arg;
}

struct access *
access_new(struct ev_loop *l, struct store *st)
{
	struct access *a = xcalloc(1, sizeof(*a));
	uint64_t key[2];

	a->loop = l;
	a->store = st;
	ev_random(l, key, sizeof(key));
	map_init(&a->holdings, key[0], key[1]);
	map_init(&a->locks, key[1], key[0]);
	arena_init(&a->lock_mem);
	return a;
}

void
access_free(struct access *a)
{
	if (a == NULL)
		return;
	ev_timer_clear(&a->timer);
	forget(a);
	map_fini(&a->holdings);
	map_fini(&a->locks);
	arena_fini(&a->lock_mem);
	free(a);
}
