/* SPDX-License-Identifier: Apache-2.0 */
/* See throttle.h. */
#include "server/domain/throttle.h"

#include <arpa/inet.h>

#include "base/list.h"
#include "base/map.h"

/* A source or a subject with failures or with answers that wait. */
struct suspect {
	struct list link;  /* the one that failed last is the last */
	int64_t failed_ms; /* on the loop's clock */
	uint32_t failures;
	uint32_t held;
	char name[80]; /* "from 192.0.2.7", "about AKIA..." */
};

struct waiting {
	struct list link;
	struct throttle *t;
	struct suspect *source; /* not forgotten while it holds something */
	struct ev_timer timer;
	ev_cb *cb;
	void *arg;
};

struct throttle {
	struct ev_loop *loop;
	struct map suspects; /* by name */
	struct list order;   /* of suspects */
	struct list waiting;
	size_t nwaiting;
};

/* ---- names ---- */

/* One customer has a whole /64: each address in it is the same one. */
static void
source_name(char out[80], const char *ip)
{
	struct in6_addr a;

	if (inet_pton(AF_INET6, ip, &a) == 1) {
		char hex[17];

		for (size_t i = 0; i < 8; i++)
			snprintf(hex + 2 * i, 3, "%02x", a.s6_addr[i]);
		snprintf(out, 80, "from %s/64", hex);
	} else {
		snprintf(out, 80, "from %.64s", ip);
	}
}

static void
subject_name(char out[80], const char *subject)
{
	snprintf(out, 80, "about %.64s", subject);
}

/* ---- suspects ---- */

static void
forget(struct throttle *t, struct suspect *s)
{
	map_del(&t->suspects, span_str(s->name));
	list_del(&s->link);
	free(s);
}

static void
make_room(struct throttle *t)
{
	LIST_EACH(s, &t->order, struct suspect, link)
	{
		if (map_len(&t->suspects) < THROTTLE_SUBJECTS_MAX)
			return;
		if (s->held == 0)
			forget(t, s);
	}
}

/* Failures fade; who has none left is none. */
static struct suspect *
suspect_find(struct throttle *t, const char *name)
{
	struct suspect *s = map_get(&t->suspects, span_str(name));
	int64_t quiet;

	if (s == NULL)
		return NULL;
	quiet = ((int64_t)ev_now_ms(t->loop) - s->failed_ms) / THROTTLE_FADE_MS;
	if (quiet > 0) {
		s->failures -= (uint32_t)MIN(quiet, (int64_t)s->failures);
		s->failed_ms += quiet * THROTTLE_FADE_MS;
	}
	if (s->failures > 0 || s->held > 0)
		return s;
	forget(t, s);
	return NULL;
}

static uint64_t
delay_of(uint32_t failures)
{
	uint64_t ms = THROTTLE_FIRST_MS;

	if (failures <= THROTTLE_FREE)
		return 0;
	for (uint32_t n = THROTTLE_FREE + 1; n < failures && ms < THROTTLE_MAX_MS; n++)
		ms *= 2;
	return MIN(ms, (uint64_t)THROTTLE_MAX_MS);
}

static uint64_t
fail(struct throttle *t, const char *name)
{
	struct suspect *s = suspect_find(t, name);

	if (s == NULL) {
		make_room(t);
		s = xcalloc(1, sizeof(*s));
		snprintf(s->name, sizeof(s->name), "%s", name);
		list_init(&s->link);
		map_put(&t->suspects, span_str(s->name), s);
	}
	s->failures++;
	s->failed_ms = (int64_t)ev_now_ms(t->loop);
	list_del(&s->link);
	list_add_tail(&t->order, &s->link);
	return delay_of(s->failures);
}

/* ---- attempts ---- */

bool
throttle_admits(struct throttle *t, const char *source, const char *subject)
{
	char name[80];
	struct suspect *s;

	source_name(name, source);
	s = suspect_find(t, name);
	if (s == NULL || s->held < THROTTLE_HELD_MAX)
		return true;
	subject_name(name, subject);
	s = suspect_find(t, name);
	return s == NULL || s->failures <= THROTTLE_FREE;
}

uint64_t
throttle_failed(struct throttle *t, const char *source, const char *subject)
{
	char name[80];
	uint64_t by_source, by_subject = 0;

	source_name(name, source);
	by_source = fail(t, name);
	if (subject[0] != '\0') {
		subject_name(name, subject);
		by_subject = fail(t, name);
	}
	return MAX(by_source, by_subject);
}

void
throttle_proved(struct throttle *t, const char *subject)
{
	char name[80];
	struct suspect *s;

	subject_name(name, subject);
	if ((s = map_get(&t->suspects, span_str(name))) != NULL)
		forget(t, s);
}

/* ---- answers that wait ---- */

static void
wait_over(void *arg)
{
	struct waiting *w = arg;

	w->source->held--;
	w->t->nwaiting--;
	list_del(&w->link);
	w->cb(w->arg);
	free(w);
}

bool
throttle_hold(struct throttle *t, const char *source, uint64_t ms, ev_cb *cb, void *arg)
{
	char name[80];
	struct suspect *s;
	struct waiting *w;

	source_name(name, source);
	s = suspect_find(t, name);
	if (s == NULL || s->held >= THROTTLE_HELD_MAX ||
	    t->nwaiting >= THROTTLE_HELD_ALL_MAX)
		return false;
	w = xcalloc(1, sizeof(*w));
	*w = (struct waiting){ .t = t, .source = s, .cb = cb, .arg = arg };
	list_init(&w->link);
	list_add_tail(&t->waiting, &w->link);
	s->held++;
	t->nwaiting++;
	ev_timer_set(t->loop, &w->timer, ms, wait_over, w);
	return true;
}

void
throttle_drain(struct throttle *t)
{
	LIST_EACH(w, &t->waiting, struct waiting, link)
	{
		ev_timer_clear(&w->timer);
		wait_over(w);
	}
}

/* ---- the whole ---- */

struct throttle *
throttle_new(struct ev_loop *l)
{
	struct throttle *t = xcalloc(1, sizeof(*t));
	uint64_t key[2];

	t->loop = l;
	ev_random(l, key, sizeof(key));
	map_init(&t->suspects, key[0], key[1]);
	list_init(&t->order);
	list_init(&t->waiting);
	return t;
}

void
throttle_free(struct throttle *t)
{
	if (t == NULL)
		return;
	throttle_drain(t);
	LIST_EACH(s, &t->order, struct suspect, link)
	forget(t, s);
	map_fini(&t->suspects);
	free(t);
}
