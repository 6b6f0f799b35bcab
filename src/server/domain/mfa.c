/* SPDX-License-Identifier: Apache-2.0 */
/* See mfa.h. */
#include "server/domain/mfa.h"

#include "base/text.h"
#include "crypto/crypto.h"
#include "crypto/totp.h"
#include "proto/arn.h"
#include "server/domain/identity.h"

char *
mfa_arn(struct arena *mem, const char *account, const struct store_mfa *m)
{
	return arn_iam(mem, account, "mfa", m->path, m->name);
}

int
mfa_find(
    struct store_tx *tx, struct arena *mem, const char *serial_arn, struct store_mfa *m)
{
	const char *slash = strrchr(serial_arn, '/');
	char *account;
	int r;

	if (slash == NULL)
		return ERR_NOTFOUND;
	if ((r = account_id(tx, mem, &account)) != 0 ||
	    (r = store_mfa_get(tx, mem, slash + 1, m)) != 0)
		return r;
	return strcmp(mfa_arn(mem, account, m), serial_arn) == 0 ? 0 : ERR_NOTFOUND;
}

static bool
is_code(const struct store_mfa *m, int64_t step, const char *code)
{
	char want[TOTP_DIGITS + 1];
	bool same = totp_code(want, m->seed, step) == 0 &&
	    secret_eq(span_str(want), span_str(code));

	secret_wipe(want, sizeof(want));
	return same;
}

static int
accept(struct store_tx *tx, struct store_mfa *m, int64_t step)
{
	m->last_step = step;
	m->failures = 0;
	m->blocked_until_ms = 0;
	return store_mfa_set(tx, m);
}

static int
refuse(struct store_tx *tx, struct store_mfa *m, int64_t now_ms)
{
	int64_t block = MFA_BLOCK_MS;
	int r;

	m->failures++;
	for (int64_t n = MFA_FREE_FAILURES + 1;
	     n < m->failures && block < MFA_BLOCK_MAX_MS; n++)
		block *= 2;
	if (m->failures > MFA_FREE_FAILURES)
		m->blocked_until_ms = now_ms + MIN(block, MFA_BLOCK_MAX_MS);
	r = store_mfa_set(tx, m);
	return r != 0 ? r : ERR_DENIED;
}

/* ---- clocks ---- */

static const char *
drift_row(struct arena *mem, const char *name)
{
	return arena_printf(mem, "mfa-drift:%s", name);
}

/* How many steps the device's clock is ahead, as the last synchronisation found it. */
static int
drift_load(struct store_tx *tx, const char *name, int64_t *steps)
{
	auto_arena mem = { 0 };
	char *text;
	int r = store_meta_get(tx, &mem, drift_row(&mem, name), &text);

	*steps = 0;
	if (r == ERR_NOTFOUND)
		return 0;
	return r != 0
	    ? r
	    : num_parse(span_str(text), -MFA_DRIFT_STEPS, MFA_DRIFT_STEPS, steps);
}

/*
 * What was found is taken one step nearer: so the slack also covers somebody who typed slowly.
 */
static int
drift_store(struct store_tx *tx, const char *name, int64_t found)
{
	int64_t steps = found > 0 ? found - 1 : found < 0 ? found + 1 : 0;
	auto_arena mem = { 0 };

	if (steps == 0)
		return store_meta_del(tx, drift_row(&mem, name));
	return store_meta_put(
	    tx, drift_row(&mem, name), arena_printf(&mem, "%lld", (long long)steps));
}

int
mfa_forget(struct store_tx *tx, const char *name)
{
	int r = drift_store(tx, name, 0);

	return r != 0 ? r : store_mfa_del(tx, name);
}

/* ---- codes ---- */

int
mfa_check(struct store_tx *tx, struct arena *mem, const char *user,
    const char *serial_arn, const char *code, int64_t now_ms)
{
	int64_t now = now_ms / TOTP_STEP_MS, drift;
	struct store_mfa m = { 0 };
	int r = mfa_find(tx, mem, serial_arn, &m);

	if (r != 0)
		return r;
	if (user[0] == '\0' || strcmp(m.user, user) != 0)
		return ERR_NOTFOUND;
	if (now_ms < m.blocked_until_ms)
		return ERR_LIMIT;
	if ((r = drift_load(tx, m.name, &drift)) != 0)
		return r;
	now += drift;
	for (int64_t s = now - MFA_SLACK_STEPS; s <= now + MFA_SLACK_STEPS; s++) {
		if (s > m.last_step && is_code(&m, s, code))
			return accept(tx, &m, s);
	}
	return refuse(tx, &m, now_ms);
}

int
mfa_sync(struct store_tx *tx, struct store_mfa *m, const char *code1, const char *code2,
    int64_t now_ms)
{
	int64_t now = now_ms / TOTP_STEP_MS;
	int r;

	if (now_ms < m->blocked_until_ms)
		return ERR_LIMIT;
	for (int64_t d = -MFA_DRIFT_STEPS; d <= MFA_DRIFT_STEPS; d++) {
		int64_t second = now + d;

		if (second - 1 <= m->last_step || !is_code(m, second - 1, code1) ||
		    !is_code(m, second, code2))
			continue;
		r = drift_store(tx, m->name, d);
		return r != 0 ? r : accept(tx, m, second);
	}
	return refuse(tx, m, now_ms);
}

/* ---- keys that were given for a code ---- */

struct proven {
	struct arena *mem;
	struct proven_key {
		struct proven_key *next;
		struct store_key key;
	} * first;
};

/* Rows are good during the call only, and nothing is written while they are read. */
static bool
keep_proven(void *arg, const struct store_key *k)
{
	struct proven *p = arg;
	struct proven_key *one;

	if (k->session_json[0] == '\0')
		return true;
	one = arena_alloc(p->mem, sizeof(*one));
	one->key = *k;
	one->key.access_key = arena_strdup(p->mem, k->access_key);
	one->key.secret = arena_strdup(p->mem, k->secret);
	one->key.owner = arena_strdup(p->mem, k->owner);
	one->key.token_sha256 = arena_strdup(p->mem, k->token_sha256);
	one->key.session_json = arena_strdup(p->mem, k->session_json);
	one->next = p->first;
	p->first = one;
	return true;
}

static int
forget_proof(
    struct store_tx *tx, struct arena *mem, struct store_key *k, const char *serial_arn)
{
	struct key_session s;
	int r = key_session_read(&s, mem, k->session_json);

	if (r != 0 || s.mfa_ms == 0 || strcmp(s.mfa_serial, serial_arn) != 0)
		return r;
	s.mfa_ms = 0;
	s.mfa_serial = "";
	k->session_json = key_session_write(&s, mem);
	r = store_key_del(tx, k->access_key);
	return r != 0 ? r : store_key_put(tx, k);
}

int
mfa_revoke(struct store_tx *tx, struct arena *mem, const char *serial_arn)
{
	struct proven p = { .mem = mem };
	int r = store_keys(tx, STORE_KEY_USER, NULL, "", keep_proven, &p);

	if (r == 0)
		r = store_keys(tx, STORE_KEY_ROLE, NULL, "", keep_proven, &p);
	for (struct proven_key *k = p.first; r == 0 && k != NULL; k = k->next)
		r = forget_proof(tx, mem, &k->key, serial_arn);
	return r;
}
