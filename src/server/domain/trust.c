/* SPDX-License-Identifier: Apache-2.0 */
/* See trust.h. */
#include "server/domain/trust.h"

#include "policy/policy.h"
#include "policy/rewrite.h"
#include "proto/arn.h"
#include "server/domain/identity.h"

struct walk {
	struct store_tx *tx;
	struct arena *mem;
	const char *account;
	const char *unknown; /* the first principal that there is not */
	int err;
};

static const char *
refuse(struct walk *w, struct span principal, int err)
{
	if (w->err == 0) {
		w->err = err;
		w->unknown = arena_str(w->mem, principal);
	}
	return NULL;
}

/* "AROA...:session" is an id and what follows it. */
static const char *
cut_id(struct walk *w, struct span principal, struct span *rest)
{
	*rest = span_sub(principal, IDENTITY_ID_LEN, principal.n);
	return arena_str(w->mem, span_sub(principal, 0, IDENTITY_ID_LEN));
}

static bool
is_id(struct span s)
{
	return s.n >= IDENTITY_ID_LEN &&
	    (span_starts(s, "AIDA") || span_starts(s, "AROA"));
}

/* ---- as it is kept ---- */

static const char *
bind_entity(struct walk *w, struct span principal, enum store_entity_kind kind,
    const char *type, struct span path)
{
	const char *name = arena_str(w->mem, path), *slash = strrchr(name, '/');
	struct store_entity e = { 0 };
	int err =
	    store_entity_get(w->tx, w->mem, kind, slash != NULL ? slash + 1 : name, &e);

	if (err == 0 &&
	    !span_eq_str(principal, arn_iam(w->mem, w->account, type, e.path, e.name)))
		err = ERR_NOTFOUND; /* another path is another one */
	return err == 0 ? e.id : refuse(w, principal, err);
}

static const char *
bind_session(struct walk *w, struct span principal, struct span role_session)
{
	struct span session = role_session, role;
	struct store_entity e = { 0 };
	int err = ERR_NOTFOUND;

	if (span_cut(&session, '/', &role) && session.n > 0)
		err = store_entity_get(
		    w->tx, w->mem, STORE_ROLE, arena_str(w->mem, role), &e);
	if (err != 0)
		return refuse(w, principal, err);
	return arena_printf(w->mem, "%s:" SPAN_FMT, e.id, SPAN_ARG(session));
}

static const char *
bind_id(struct walk *w, struct span principal)
{
	struct store_entity e = { 0 };
	struct span rest;
	int err = store_entity_by_id(w->tx, w->mem, cut_id(w, principal, &rest), &e);

	return err == 0 ? NULL : refuse(w, principal, err);
}

/* Accounts, everybody and federated users are who they are. */
static const char *
bind_one(void *arg, struct span principal)
{
	struct walk *w = arg;
	struct span name;
	struct arn a;

	if (is_id(principal))
		return bind_id(w, principal);
	if (arn_parse(&a, principal) != 0 || span_eq_str(a.resource, "root"))
		return NULL;
	if (!span_eq_str(a.account, w->account))
		return refuse(w, principal, ERR_NOTFOUND);
	if (arn_resource_id(&a, "user", &name))
		return bind_entity(w, principal, STORE_USER, "user", name);
	if (arn_resource_id(&a, "role", &name))
		return bind_entity(w, principal, STORE_ROLE, "role", name);
	if (arn_resource_id(&a, "assumed-role", &name))
		return bind_session(w, principal, name);
	return NULL;
}

/* ---- as it is shown ---- */

static const char *
show_one(void *arg, struct span principal)
{
	struct walk *w = arg;
	struct store_entity e = { 0 };
	struct span rest;
	int err;

	if (!is_id(principal))
		return NULL;
	err = store_entity_by_id(w->tx, w->mem, cut_id(w, principal, &rest), &e);
	if (err != 0)
		return err == ERR_NOTFOUND ? NULL : refuse(w, principal, err);
	if (rest.n > 0)
		return arn_assumed_role(w->mem, w->account, e.name,
		    arena_str(w->mem, span_sub(rest, 1, rest.n)));
	return arn_iam(
	    w->mem, w->account, e.kind == STORE_USER ? "user" : "role", e.path, e.name);
}

/* ---- both ---- */

static int
rewrite(struct walk *w, const char *text, policy_principal_fn *fn, char **out)
{
	auto_buf b = { .max = POLICY_TEXT_MAX };
	int err = policy_rewrite(&b, span_str(text), fn, w);

	if (err == 0)
		err = w->err;
	if (err == 0)
		*out = arena_str(w->mem, buf_span(&b));
	return err;
}

int
trust_bind(struct store_tx *tx, struct arena *mem, const char *account, const char *text,
    char **bound, const char **unknown)
{
	struct walk w = { .tx = tx, .mem = mem, .account = account };
	int err = rewrite(&w, text, bind_one, bound);

	*unknown = w.unknown;
	return err;
}

int
trust_show(struct store_tx *tx, struct arena *mem, const char *account, const char *text,
    char **shown)
{
	struct walk w = { .tx = tx, .mem = mem, .account = account };

	return rewrite(&w, text, show_one, shown);
}
