/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks: one call that cuts a principal off everywhere.  AWS has no operation for it; people
 * there attach a policy that denies everything and hope that nothing caches.
 *
 * A lock stands on an id, not on a name.  A user or role must exist; of a role's sessions any
 * name may be locked, for they come and go.
 */
#include "proto/arn.h"
#include "proto/ids.h"
#include "server/api/record.h"

enum { LIST_MAX = 50, SESSION_MAX = 64 };

/* RoleSessionName: [\w+=,.@-]{2,64}; a node's is its id. */
#define SESSION_CHARS                                                              \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+=,.@-"

/* Who is meant by "user/alice", "role/deploy", "role/deploy/ci", "mi-..." or an ARN. */
struct whom {
	const char *id, *arn;
	const char *reason;
};

static int
nobody(struct api_call *c)
{
	return api_fail(c, "ResourceNotFoundException",
	    "There is no principal %s. It is user/NAME, role/NAME, role/NAME/SESSION, the "
	    "id of a node, or the ARN of one of these.",
	    api_str(c, "Principal"));
}

/* What follows the last slash: names of users and roles have none, paths do. */
static struct span
last_part(struct span s)
{
	for (ptrdiff_t slash; (slash = span_find(s, '/')) >= 0;)
		s = span_sub(s, (size_t)slash + 1, s.n);
	return s;
}

static int
find_entity(struct store_tx *tx, struct api_call *c, enum store_entity_kind kind,
    struct span name, struct whom *who)
{
	struct store_entity e;
	int err = store_entity_get(tx, &c->mem, kind, arena_str(&c->mem, name), &e);

	if (err != 0)
		return err == ERR_NOTFOUND ? nobody(c) : err;
	who->id = e.id;
	who->arn = arn_iam(&c->mem, c->env->account, kind == STORE_USER ? "user" : "role",
	    e.path, e.name);
	return 0;
}

static int
find_session(struct store_tx *tx, struct api_call *c, struct span role,
    struct span session, struct whom *who)
{
	size_t n = strspn(arena_str(&c->mem, session), SESSION_CHARS);
	int err;

	if (session.n == 0 || session.n > SESSION_MAX || n != session.n)
		return nobody(c);
	if ((err = find_entity(tx, c, STORE_ROLE, role, who)) != 0)
		return err;
	who->id =
	    arena_printf(&c->mem, "%s:" SPAN_FMT, who->id, SPAN_ARG(session));
	who->arn = arn_assumed_role(&c->mem, c->env->account, arena_str(&c->mem, role),
	    arena_str(&c->mem, session));
	return 0;
}

static int
find_node(struct store_tx *tx, struct api_call *c, struct span id, struct whom *who)
{
	struct store_node n;
	int err = store_node_get(tx, &c->mem, arena_str(&c->mem, id), &n);

	if (err != 0)
		return err == ERR_NOTFOUND ? nobody(c) : err;
	who->id = n.id;
	who->arn = arn_node(&c->mem, c->region, c->env->account, n.id);
	return 0;
}

/* "role/NAME/SESSION", for people; an ARN of a role has its path there. */
static int
find_short(struct store_tx *tx, struct api_call *c, struct span s, struct whom *who)
{
	struct span kind, name;

	if (id_node_valid(s))
		return find_node(tx, c, s, who);
	if (!span_cut(&s, '/', &kind) || s.n == 0)
		return nobody(c);
	if (span_eq_str(kind, "user"))
		return find_entity(tx, c, STORE_USER, s, who);
	if (!span_eq_str(kind, "role"))
		return nobody(c);
	if (span_find(s, '/') < 0)
		return find_entity(tx, c, STORE_ROLE, s, who);
	span_cut(&s, '/', &name);
	return find_session(tx, c, name, s, who);
}

static int
find_whom(struct store_tx *tx, struct api_call *c, struct whom *who)
{
	struct span given = span_str(api_str(c, "Principal")), id, node, role;
	struct arn a;

	if (arn_parse(&a, given) != 0)
		return find_short(tx, c, given, who);
	if (arn_node_id(&node, given) == 0)
		return find_node(tx, c, node, who);
	if (!span_eq_str(a.account, c->env->account))
		return nobody(c);
	if (arn_resource_id(&a, "user", &id))
		return find_entity(tx, c, STORE_USER, last_part(id), who);
	if (arn_resource_id(&a, "role", &id))
		return find_entity(tx, c, STORE_ROLE, last_part(id), who);
	if (arn_resource_id(&a, "assumed-role", &id) && span_find(id, '/') > 0) {
		span_cut(&id, '/', &role);
		return find_session(tx, c, role, id, who);
	}
	return nobody(c);
}

static int
answer(struct api_call *c)
{
	const struct whom *who = c->user;

	jw_field_str(&c->w, "Principal", who->arn);
	return 0;
}

static void
record(struct api_call *c, struct jsonw *w)
{
	const struct whom *who = c->user;

	record_text(w, "Principal", who->arn);
}

/* ---- LockPrincipal ---- */

static bool
is_caller(const struct api_call *c, const char *id)
{
	const char *own = c->auth.who.user_id;
	size_t n = strlen(id);

	return strncmp(own, id, n) == 0 && (own[n] == '\0' || own[n] == ':');
}

static int
lock_change(struct store_tx *tx, struct api_call *c)
{
	struct whom *who = c->user;
	struct store_lock l;
	int err;

	if ((err = find_whom(tx, c, who)) != 0 || (err = resource_add(c, who->arn)) != 0)
		return err;
	if (is_caller(c, who->id))
		return api_fail(c, "ValidationException",
		    "This would lock the caller out: somebody else has to do that.");
	l = (struct store_lock){
		.id = arena_strdup(&c->mem, who->id),
		.arn = arena_strdup(&c->mem, who->arn),
		.reason = arena_strdup(&c->mem, api_str(c, "Reason")),
		.by_arn = arena_strdup(&c->mem, c->auth.who.arn),
		.created_ms = c->now_ms,
	};
	return store_lock_put(tx, &l);
}

static int
lock_principal(struct api_call *c)
{
	c->user = arena_alloc(&c->mem, sizeof(struct whom));
	return api_write(c, lock_change, answer);
}

/* ---- UnlockPrincipal ---- */

/* Also of somebody who was deleted since: by what the list shows. */
struct search {
	struct store_lock found;
	struct arena *mem;
	const char *arn;
};

static bool
match_arn(void *arg, const struct store_lock *l)
{
	struct search *s = arg;

	if (strcmp(l->arn, s->arn) != 0)
		return true;
	s->found.id = arena_strdup(s->mem, l->id);
	return false;
}

static int
unlock_change(struct store_tx *tx, struct api_call *c)
{
	struct whom *who = c->user;
	struct search s = { .mem = &c->mem, .arn = api_str(c, "Principal") };
	int err;

	if ((err = store_locks(tx, "", match_arn, &s)) != 0)
		return err;
	if (s.found.id != NULL) {
		who->id = s.found.id;
		who->arn = s.arn;
	} else if ((err = find_whom(tx, c, who)) != 0) {
		return err;
	}
	if ((err = resource_add(c, who->arn)) == 0)
		err = store_lock_del(tx, who->id);
	if (err == ERR_NOTFOUND)
		return api_fail(
		    c, "ResourceNotFoundException", "%s is not locked.", who->arn);
	return err;
}

static int
unlock_principal(struct api_call *c)
{
	c->user = arena_alloc(&c->mem, sizeof(struct whom));
	return api_write(c, unlock_change, answer);
}

/* ---- ListLocks ---- */

static bool
write_lock(void *arg, const struct store_lock *l)
{
	struct page *p = arg;
	struct jsonw *w = &p->c->w;

	if (!page_take(p, l->id))
		return false;
	jw_open(w, '{');
	jw_field_str(w, "Principal", l->arn);
	jw_field_str(w, "PrincipalId", l->id);
	jw_field_str(w, "Reason", l->reason);
	jw_field_str(w, "LockedBy", l->by_arn);
	jw_field_time(w, "CreatedDate", l->created_ms);
	jw_close(w, '}');
	return true;
}

static int
list_locks(struct api_call *c)
{
	struct page p;
	int err = page_open(&p, c, "Locks", api_int(c, "MaxResults", LIST_MAX));

	if (err != 0)
		return err;
	err = store_locks(api_reader(c), p.after, write_lock, &p);
	page_close(&p);
	return err;
}

#define PRINCIPAL "Principal*: string{1..2048}"

const struct api_op own_lock_ops[] = {
	{
	    .service = API_SALLYPORT,
	    .access = API_WRITE,
	    .name = "LockPrincipal",
	    .action = "sallyport:LockPrincipal",
	    .resource = "*",
	    .input = "{ " PRINCIPAL "; Reason*: string{1..256} }",
	    .review = true,
	    .run = lock_principal,
	    .response = record,
	},
	{
	    .service = API_SALLYPORT,
	    .access = API_WRITE,
	    .name = "UnlockPrincipal",
	    .action = "sallyport:UnlockPrincipal",
	    .resource = "*",
	    .input = "{ " PRINCIPAL " }",
	    .review = true,
	    .run = unlock_principal,
	    .response = record,
	},
	{
	    .service = API_SALLYPORT,
	    .access = API_READ,
	    .name = "ListLocks",
	    .action = "sallyport:ListLocks",
	    .resource = "*",
	    .input = "{ MaxResults: integer{1..50}; NextToken: string }",
	    .run = list_locks,
	},
	{ 0 },
};
