/* SPDX-License-Identifier: Apache-2.0 */
/* See login.h. */
#include "server/domain/login.h"

#include "base/buf.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "server/domain/password_policy.h"
#include "server/domain/throttle.h"

enum { DAY_MS = 24 * 60 * 60 * 1000 };

/* ---- records ---- */

/* Cuts the next line off; false at the end. */
static bool
next_line(struct span *rest, int64_t *set_ms, struct span *hash)
{
	struct span line, ms;

	if (rest->n == 0 || !span_cut(rest, '\n', &line) || !span_cut(&line, ' ', &ms) ||
	    num_parse(ms, 0, INT64_MAX, set_ms) != 0)
		return false;
	*hash = line;
	return true;
}

int64_t
login_set_ms(const char *record)
{
	struct span rest = span_str(record), hash;
	int64_t ms = 0;

	return next_line(&rest, &ms, &hash) ? ms : 0;
}

static int
verify_hash(struct span hash, const char *password)
{
	char text[PASSWORD_HASH_MAX];
	int r = span_copy(text, sizeof(text), hash);

	return r != 0 ? r : password_verify(text, span_str(password));
}

/* ERR_DENIED also without any password. */
static int
verify_current(const char *record, const char *password)
{
	struct span rest = span_str(record), hash;
	int64_t ms;

	return next_line(&rest, &ms, &hash) ? verify_hash(hash, password) : ERR_DENIED;
}

static int
check_unused(const struct login_work *w)
{
	struct span rest = span_str(w->record), hash;
	int64_t ms;

	for (int64_t i = 0; i < w->remembered && next_line(&rest, &ms, &hash); i++) {
		int r = verify_hash(hash, w->new_password);

		if (r == 0)
			return ERR_EXISTS;
		if (r != ERR_DENIED)
			return r;
	}
	return 0;
}

/* The new line before the old ones, of which no more are kept than could ever be asked for. */
static int
write_record(struct login_work *w)
{
	struct span rest = span_str(w->record), hash;
	char text[PASSWORD_HASH_MAX];
	auto_buf b;
	int64_t ms;
	int r;

	if ((r = password_hash(text, span_str(w->new_password), w->salt)) != 0)
		return r;
	buf_init(&b, LOGIN_REMEMBERED_MAX * (PASSWORD_HASH_MAX + 24UL));
	buf_addf(&b, "%lld %s\n", (long long)w->now_ms, text);
	for (int i = 1; i < LOGIN_REMEMBERED_MAX && next_line(&rest, &ms, &hash); i++)
		buf_addf(&b, "%lld " SPAN_FMT "\n", (long long)ms, SPAN_ARG(hash));
	w->new_record = xstrdup(buf_cstr(&b));
	return buf_check(&b);
}

/* ---- work ---- */

static char *
copy(const char *s)
{
	return s != NULL ? xstrdup(s) : NULL;
}

struct login_work *
login_work_new(struct ev_loop *l, const char *record, const char *old_password,
    const char *new_password, int64_t remembered)
{
	struct login_work *w = xcalloc(1, sizeof(*w));

	w->record = xstrdup(record != NULL ? record : "");
	w->old_password = copy(old_password);
	w->new_password = copy(new_password);
	w->remembered = remembered;
	w->now_ms = ev_wall_ms(l);
	ev_random(l, w->salt, sizeof(w->salt));
	return w;
}

void
login_work_run(void *work)
{
	struct login_work *w = work;

	if (w->old_password != NULL)
		w->r = verify_current(w->record, w->old_password);
	if (w->r == 0 && w->new_password != NULL && (w->r = check_unused(w)) == 0)
		w->r = write_record(w);
}

void
login_work_free(void *work)
{
	struct login_work *w = work;

	if (w == NULL)
		return;
	secret_free(w->old_password);
	secret_free(w->new_password);
	secret_free(w->record);
	secret_free(w->new_record);
	free(w);
}

/* ---- logging in ---- */

/* Owns itself until it has told its verdict. */
struct attempt {
	struct ev_loop *loop;
	struct store *store;
	struct throttle *throttle;
	char *source, *user;
	struct login_work *work;
	bool known;
	struct login_verdict verdict;
	login_cb *cb;
	void *arg;
};

/* What a user without a password is compared with, so that he takes as long as any other. */
#define NOBODY                                                     \
	"0 $argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$" \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"

static void
tell(void *arg)
{
	struct attempt *a = arg;

	a->cb(a->arg, &a->verdict);
	login_work_free(a->work);
	free(a->source);
	free(a->user);
	free(a);
}

static int
used_run(struct store_tx *tx, void *arg, struct fault *f)
{
	const struct attempt *a = arg;
	struct store_login row = { 0 };
	auto_arena mem = { 0 };
	int r = store_login_get(tx, &mem, a->user, &row);

	(void)f;
	if (r != 0)
		return r;
	row.used_ms = a->work->now_ms;
	return store_login_put(tx, &row);
}

/* A right one counts whether or not that could be written down. */
static void
used_done(void *arg, int r, const struct fault *f)
{
	(void)r;
	(void)f;
	tell(arg);
}

/* What the account's policy says about the age. */
static void
judge_age(struct attempt *a)
{
	struct password_policy p;
	struct store_login row = { 0 };
	auto_arena mem = { 0 };
	int64_t age_ms;

	a->verdict.r = password_policy_load(store_reader(a->store), &mem, &p);
	if (a->verdict.r == 0)
		a->verdict.r =
		    store_login_get(store_reader(a->store), &mem, a->user, &row);
	if (a->verdict.r != 0)
		return;
	age_ms = a->work->now_ms - login_set_ms(row.hash);
	a->verdict.change = row.reset;
	if (p.age_max_days > 0 && age_ms > p.age_max_days * DAY_MS) {
		a->verdict.change = true;
		if (p.hard_expiry)
			a->verdict.r = ERR_EXPIRED;
	}
}

static void
refuse(struct attempt *a)
{
	uint64_t ms = throttle_failed(a->throttle, a->source, a->user);

	a->verdict.r = ERR_DENIED;
	if (ms == 0 || !throttle_hold(a->throttle, a->source, ms, tell, a))
		tell(a);
}

static void
verified(void *arg)
{
	struct attempt *a = arg;

	a->verdict.r = a->work->r;
	if (a->verdict.r == ERR_DENIED || (a->verdict.r == 0 && !a->known)) {
		refuse(a);
		return;
	}
	if (a->verdict.r == 0)
		judge_age(a);
	if (a->verdict.r != 0) {
		tell(a);
		return;
	}
	throttle_proved(a->throttle, a->user);
	store_submit(a->store, used_run, used_done, a);
}

static void
verify(void *arg)
{
	login_work_run(((struct attempt *)arg)->work);
}

void
login_verify(struct ev_loop *l, struct store *st, struct throttle *t, const char *source,
    const char *user, const char *password, login_cb *cb, void *arg)
{
	struct attempt *a = xcalloc(1, sizeof(*a));
	struct store_login row = { 0 };
	auto_arena mem = { 0 };
	int r = store_login_get(store_reader(st), &mem, user, &row);

	*a = (struct attempt){ .loop = l,
		.store = st,
		.throttle = t,
		.source = xstrdup(source),
		.user = xstrdup(user),
		.known = r == 0,
		.cb = cb,
		.arg = arg };
	a->work = login_work_new(l, r == 0 ? row.hash : NOBODY, password, NULL, 0);
	if (r != 0 && r != ERR_NOTFOUND)
		a->verdict.r = r;
	else if (!throttle_admits(t, source, user))
		a->verdict.r = ERR_LIMIT;
	if (a->verdict.r != 0)
		ev_defer(l, tell, a);
	else
		ev_work(l, verify, verified, a);
}
