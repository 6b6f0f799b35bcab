/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users with keys and roles with trust policies, put where the operations of IAM put them, and
 * calls of STS in one line each.
 */
#pragma once

#include "world.h"

#include "crypto/totp.h"
#include "server/domain/access.h"
#include "server/domain/temp_key.h"
#include "server/domain/trust.h"

#define SEED "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

/* With ' for ", and the account for ACCOUNT. */
#define POLICY(statements) "{'Version':'2012-10-17','Statement':[" statements "]}"
#define ALLOW(action, resource) \
	"{'Effect':'Allow','Action':" action ",'Resource':" resource "}"
#define TRUST(action, principal) \
	"{'Effect':'Allow','Action':" action ",'Principal':" principal "}"
#define TRUST_IF(action, principal, condition)                         \
	"{'Effect':'Allow','Action':" action ",'Principal':" principal \
	",'Condition':" condition "}"
#define ANYBODY_HERE "{'AWS':'ACCOUNT'}"

static inline char *
text(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* The account's id, and quotes that do not hurt the eye in C. */
static inline char *
filled(struct world *w, const char *s)
{
	const char *account = strstr(s, "ACCOUNT");
	char *out = account == NULL
	    ? arena_strdup(&w->mem, s)
	    : arena_printf(&w->mem, "%.*s%s%s", (int)(account - s), s, w->account.account,
		  account + 7);

	for (char *p = out; *p != '\0'; p++)
		*p = *p == '\'' ? '"' : *p;
	return strstr(out, "ACCOUNT") != NULL ? filled(w, out) : out;
}

struct somebody {
	enum store_entity_kind kind;
	const char *name, *id, *policy, *trust; /* policy, trust: NULL none */
	int64_t max_session_s;
	struct signer keys; /* of a user */
};

static inline int
somebody_run(struct store_tx *tx, void *arg, struct fault *f)
{
	const struct somebody *s = arg;
	auto_arena mem = { 0 };
	const char *owner = store_owner(&mem, s->kind, s->name), *unknown;
	char *account, *trust = NULL;

	(void)f;
	assert_int_equal(account_id(tx, &mem, &account), 0);
	if (s->trust != NULL)
		assert_int_equal(
		    trust_bind(tx, &mem, account, s->trust, &trust, &unknown), 0);
	assert_int_equal(store_entity_put(tx,
			     &(struct store_entity){ .kind = s->kind,
				 .name = text(s->name),
				 .id = text(s->id),
				 .path = text("/"),
				 .trust = trust,
				 .max_session_s = s->max_session_s }),
	    0);
	if (s->policy != NULL)
		assert_int_equal(store_inline_put(tx, owner, "own", s->policy), 0);
	if (s->kind != STORE_USER)
		return 0;
	return store_key_put(tx,
	    &(struct store_key){ .access_key = text(s->keys.access_key),
		.secret = text(s->keys.secret),
		.kind = STORE_KEY_USER,
		.owner = text(s->name),
		.active = true });
}

static inline void
add_somebody(struct world *w, struct somebody s)
{
	if (s.policy != NULL)
		s.policy = filled(w, s.policy);
	if (s.trust != NULL)
		s.trust = filled(w, s.trust);
	assert_int_equal(store_apply(w->store, somebody_run, &s, NULL), 0);
	access_changed(server_env(w->server)->access);
}

/* "AIDAALICE777777777777" */
static inline char *
id_of(struct world *w, const char *prefix, const char *name)
{
	char *id = arena_printf(&w->mem, "%s%s77777777777777777", prefix, name);

	id[IDENTITY_ID_LEN] = '\0';
	for (char *p = id; *p != '\0'; p++)
		*p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
	return id;
}

static inline struct signer
add_user(struct world *w, const char *name, const char *policy)
{
	struct signer keys = { .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };

	keys.access_key = arena_printf(
	    &w->mem, "AKIAAAAAAAAAAAAAAA%c%c", 'A' + name[0] % 16, 'A' + name[1] % 16);
	add_somebody(w,
	    (struct somebody){ .kind = STORE_USER,
		.name = name,
		.id = id_of(w, "AIDA", name),
		.policy = policy,
		.keys = keys });
	return keys;
}

static inline void
add_role(struct world *w, const char *name, const char *trust, const char *policy)
{
	add_somebody(w,
	    (struct somebody){ .kind = STORE_ROLE,
		.name = name,
		.id = id_of(w, "AROA", name),
		.policy = policy,
		.trust = trust,
		.max_session_s = 7200 });
}

static inline const char *
role_arn(struct world *w, const char *name)
{
	return arena_printf(&w->mem, "arn:aws:iam::%s:role/%s", w->account.account, name);
}

/* ---- second factors ---- */

static inline int
device_run(struct store_tx *tx, void *arg, struct fault *f)
{
	(void)f;
	return store_mfa_put(tx,
	    &(struct store_mfa){
		.name = arg, .path = text("/"), .user = arg, .seed = text(SEED) });
}

/* The serial number of a new device of a user. */
static inline const char *
add_device(struct world *w, const char *user)
{
	assert_int_equal(store_apply(w->store, device_run, text(user), NULL), 0);
	return arena_printf(&w->mem, "arn:aws:iam::%s:mfa/%s", w->account.account, user);
}

static inline const char *
code_now(struct world *w)
{
	char *code = arena_alloc(&w->mem, TOTP_DIGITS + 1);

	assert_int_equal(
	    totp_code(code, SEED, ev_wall_ms(w->server_loop) / TOTP_STEP_MS), 0);
	return code;
}

/* ---- calls ---- */

static inline void
sts_as(struct world *w, const struct signer *s, const char *op, const char *form)
{
	query_as(w, s, "sts", "2011-06-15", op, form);
}

static inline void
assume_as(struct world *w, const struct signer *s, const char *role, const char *more)
{
	sts_as(w, s, "AssumeRole",
	    arena_printf(&w->mem, "RoleArn=%s&RoleSessionName=deploy%s%s",
		role_arn(w, role), more[0] != '\0' ? "&" : "", more));
}

/* The keys of the last answer. */
static inline struct signer
keys_given(struct world *w)
{
	expect_ok(w);
	return (struct signer){ .access_key = element(w, "AccessKeyId"),
		.secret = element(w, "SecretAccessKey"),
		.token = element(w, "SessionToken") };
}

/* How the server sees the owner of these keys. */
static inline void
principal_of(struct world *w, const struct signer *s, struct principal *who)
{
	assert_int_equal(identity_of_key(store_reader(w->store), &w->mem, s->access_key,
			     ev_wall_ms(w->server_loop), who, NULL),
	    0);
}

static inline void
describe_sessions_as(struct world *w, const struct signer *s)
{
	call_as(w, s, "AmazonSSM.DescribeSessions", "{\"State\":\"Active\"}");
}

static inline void
wait_s(struct world *w, int64_t s)
{
	sim_run_for(w->sim, (uint64_t)s * 1000);
}

/* Another one of the same name: what was given to the first is not for it. */
static inline int
replace_entity(struct store_tx *tx, enum store_entity_kind kind, const char *name, const char *id)
{
	assert_int_equal(store_entity_del(tx, kind, name), 0);
	return store_entity_put(tx,
	    &(struct store_entity){
		.kind = kind, .name = text(name), .id = text(id), .path = text("/") });
}
