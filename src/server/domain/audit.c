/* SPDX-License-Identifier: Apache-2.0 */
/* See audit.h. */
#include "server/domain/audit.h"

#include "base/log.h"
#include "base/text.h"
#include "codec/jsonw.h"
#include "ev/ev.h"
#include "server/domain/identity.h"
#include "server/domain/key_session.h"

enum {
	PRUNE_MS = 60 * 60 * 1000, /* how often retention looks */
	PRUNE_FIRST_MS = 60 * 1000,
	PEM_MAX = 4096,
	BUCKETS = 256, /* a power of two; more of them share theirs */
};
#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)

/* So many events at once, and one more each refill_ms. */
struct bucket_limits {
	uint64_t burst, refill_ms;
};
static const struct bucket_limits limits[] = {
	[AUDIT_STRANGER] = { 20, 10 * 1000 },
	[AUDIT_NODE] = { 300, 1000 },
	/* A tree of small files is no attack; and somebody let the session begin. */
	[AUDIT_REPORT] = { 20 * 1000, 10 },
};
/* All strangers together: what they can fill in a day is known. */
static const struct bucket_limits limits_all = { 200, 2 * 1000 };

struct bucket {
	bool used;
	uint64_t left;
	uint64_t since_ms; /* loop clock: what came before was refilled */
	uint64_t left_out;
};

struct audit {
	struct ev_loop *loop;
	struct store *store;
	char account[AUDIT_ACCOUNT_LEN + 1];
	char region[64];
	char public_key[PEM_MAX];
	int64_t retention_days;
	struct ev_timer prune_timer;
	struct bucket buckets[ARRAY_LEN(limits)][BUCKETS];
	struct bucket all;
	uint64_t bucket_seed;
	struct audit_stats stats;
};

/* --- events --------------------------------------------------------------------------- */

void
audit_draw_id(struct audit *a, char out[37])
{
	uint8_t raw[16];

	ev_random(a->loop, raw, sizeof(raw));
	uuid_format(out, raw);
}

struct audit_event
audit_event_new(struct audit *a, const char *source, const char *name)
{
	struct audit_event e = {
		.name = name,
		.source = source,
		.region = a->region,
		.account = a->account,
		.time_ms = ev_wall_ms(a->loop),
		.service = true,
	};

	audit_draw_id(a, e.id);
	return e;
}

struct audit_identity
audit_identity_of(const struct principal *who, const char *claimed)
{
	if (who->kind == PRINCIPAL_NONE)
		return (struct audit_identity){ .access_key = claimed };
	return (struct audit_identity){
		.arn = who->arn,
		.role_arn = who->role_arn,
		.user_id = who->user_id,
		.access_key = who->access_key,
		.created_ms = who->session != NULL ? who->session->issued_ms : 0,
		.mfa = who->session != NULL && who->session->mfa_ms != 0,
	};
}

static void
add_resource(struct audit_record *r, struct arena *mem, const char *arn)
{
	if (r->nresources < AUDIT_RESOURCES_MAX && !audit_resource_is_any(arn))
		audit_resource_of(&r->resources[r->nresources++], mem, arn);
}

void
audit_record_make(struct audit_record *r, struct arena *mem, const struct audit_event *e)
{
	static const char omitted[] = "{\"omitted\":\"too large\"}";
	auto_buf b = { .max = AUDIT_EVENT_MAX };

	*r = (struct audit_record){ .time_ms = e->time_ms };
	audit_event_write(&b, e);
	if (buf_check(&b) != 0) {
		struct audit_event small = *e;

		small.request = small.response = small.details = SPAN(omitted);
		buf_reset(&b);
		audit_event_write(&b, &small);
	}
	r->text = arena_strdup(mem, buf_cstr(&b));
	for (size_t i = 0; i < e->nresources; i++)
		add_resource(r, mem, e->resources[i]);
}

int
audit_record_append(struct store_tx *tx, const struct audit_record *r)
{
	return store_audit_append(tx, r->text, r->resources, r->nresources, r->time_ms);
}

/* --- written behind ------------------------------------------------------------------- */

struct note {
	struct audit *audit;
	struct audit_record record;
	struct arena mem;
	audit_done_fn *done; /* NULL: nobody waits */
	void *arg;
};

static int
note_run(struct store_tx *tx, void *arg, struct fault *f)
{
	struct note *n = arg;

	(void)f;
	return audit_record_append(tx, &n->record);
}

static void
note_done(void *arg, int r, const struct fault *f)
{
	struct note *n = arg;

	if (r != 0) {
		log_error("event not recorded", "event=%s why=%s", log_q(n->record.text),
		    log_q(fault_text(f)));
		audit_failed(n->audit);
	}
	if (n->done != NULL)
		n->done(n->arg, r);
	arena_fini(&n->mem);
	free(n);
}

void
audit_note(struct audit *a, const struct audit_event *e)
{
	audit_commit(a, e, NULL, NULL);
}

void
audit_commit(
    struct audit *a, const struct audit_event *e, audit_done_fn *done, void *arg)
{
	struct note *n = xcalloc(1, sizeof(*n));

	n->audit = a;
	n->done = done;
	n->arg = arg;
	arena_init(&n->mem);
	audit_record_make(&n->record, &n->mem, e);
	store_submit(a->store, note_run, note_done, n);
}

void
audit_failed(struct audit *a)
{
	a->stats.failed++;
}

/* --- those who may not fill the disk -------------------------------------------------- */

static bool
bucket_take(struct bucket *b, const struct bucket_limits *l, uint64_t now_ms)
{
	uint64_t more;

	if (!b->used)
		*b = (struct bucket){ .used = true, .left = l->burst, .since_ms = now_ms };
	more = (now_ms - b->since_ms) / l->refill_ms;
	b->left = MIN(b->left + more, l->burst);
	b->since_ms += more * l->refill_ms;
	if (b->left == 0)
		return false;
	b->left--;
	return true;
}

/* FNV-1a with a seed: strangers cannot choose whose bucket they share. */
static size_t
bucket_of(const struct audit *a, const char *who)
{
	uint64_t h = a->bucket_seed;

	for (; *who != '\0'; who++)
		h = (h ^ (uint8_t)*who) * 0x100000001b3u;
	return (h >> 32 ^ h) & (BUCKETS - 1);
}

bool
audit_admit(struct audit *a, enum audit_class class, const char *who, uint64_t *left_out)
{
	struct bucket *b = &a->buckets[class][bucket_of(a, who)];
	uint64_t now_ms = ev_now_ms(a->loop);

	*left_out = 0;
	if (!bucket_take(b, &limits[class], now_ms) ||
	    (class == AUDIT_STRANGER && !bucket_take(&a->all, &limits_all, now_ms))) {
		if (b->left_out++ == 0)
			log_warn(
			    "too many events to record them all", "from=%s", log_q(who));
		a->stats.left_out++;
		return false;
	}
	*left_out = b->left_out;
	b->left_out = 0;
	return true;
}

/* --- retention ------------------------------------------------------------------------ */

struct prune {
	struct audit *audit;
	int64_t before_ms, now_ms, removed;
};

static void prune(void *arg);

static int
prune_run(struct store_tx *tx, void *arg, struct fault *f)
{
	struct prune *p = arg;

	(void)f;
	return store_audit_prune(tx, p->before_ms, p->now_ms, &p->removed);
}

static void
prune_done(void *arg, int r, const struct fault *f)
{
	struct prune *p = arg;
	struct audit *a = p->audit;
	bool more = r == 0 && p->removed > 0;

	if (r != 0)
		log_error("old events not removed", "why=%s", log_q(fault_text(f)));
	else if (p->removed > 0)
		log_info("old events removed", "events=%lld", (long long)p->removed);
	a->stats.removed += r == 0 ? (uint64_t)p->removed : 0;
	free(p);
	ev_timer_set(a->loop, &a->prune_timer, more ? 1 : PRUNE_MS, prune, a);
}

static void
prune(void *arg)
{
	struct audit *a = arg;
	struct prune *p = xcalloc(1, sizeof(*p));

	p->audit = a;
	p->now_ms = ev_wall_ms(a->loop);
	p->before_ms = p->now_ms - a->retention_days * DAY_MS;
	store_submit(a->store, prune_run, prune_done, p);
}

/* --- start ---------------------------------------------------------------------------- */

/* Said in the log and in the trail itself; verifying names the place. */
static void
tell_damage(struct audit *a, const char *damage)
{
	struct audit_event e =
	    audit_event_new(a, "sallyport.amazonaws.com", "AuditTrailDamaged");
	auto_buf details = { .max = 1024 };
	struct jsonw w;

	log_error("the audit trail is damaged", "what=%s", log_q(damage));
	jw_init(&w, &details);
	jw_open(&w, '{');
	jw_field_str(&w, "reason", damage);
	jw_close(&w, '}');
	e.details = buf_span(&details);
	audit_note(a, &e);
}

static int
start(struct audit *a, const struct audit_options *o, struct fault *f)
{
	struct store_audit_key k = {
		.key = o->key,
		.account = o->account,
		.is_new = o->key_is_new,
		.now_ms = ev_wall_ms(o->loop),
	};
	auto_buf pem = { .max = PEM_MAX - 1 };
	char damage[200];
	int r;

	ed25519_store_public(o->key, &pem);
	if ((r = str_copy(a->account, sizeof(a->account), o->account)) != 0 ||
	    (r = str_copy(a->region, sizeof(a->region), o->region)) != 0 ||
	    (r = str_copy(a->public_key, sizeof(a->public_key), buf_cstr(&pem))) != 0)
		return fault_set(f, r, "the audit trail cannot be set up");
	if ((r = store_audit_start(o->store, &k, damage, f)) != 0)
		return r;
	if (damage[0] != '\0')
		tell_damage(a, damage);
	return 0;
}

int
audit_new(struct audit **out, const struct audit_options *o, struct fault *f)
{
	struct audit *a = xcalloc(1, sizeof(*a));
	int r;

	a->loop = o->loop;
	a->store = o->store;
	a->retention_days = o->retention_days;
	ev_random(o->loop, &a->bucket_seed, sizeof(a->bucket_seed));
	if ((r = start(a, o, f)) != 0) {
		free(a);
		return r;
	}
	if (a->retention_days > 0)
		ev_timer_set(o->loop, &a->prune_timer, PRUNE_FIRST_MS, prune, a);
	*out = a;
	return 0;
}

void
audit_free(struct audit *a)
{
	if (a == NULL)
		return;
	ev_timer_clear(&a->prune_timer);
	free(a);
}

const char *
audit_public_key(const struct audit *a)
{
	return a->public_key;
}

void
audit_stats(const struct audit *a, struct audit_stats *out)
{
	*out = a->stats;
}
