/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The libuv backend: names to addresses.
 *
 * getaddrinfo() blocks for as long as a name server is silent, and nothing can stop it.  In
 * a small pool one such name would keep all others waiting, and the loop's own server among
 * them.  So each name has a thread of its own, which ends with it; LOOKUPS of them at once,
 * the others wait their turn.  Whoever asks for a name that is being looked up joins.
 *
 *	evu_ask --\
 *	evu_ask ---+--> lookup --(thread)--> evu_names, shared by all who asked
 *	evu_ask --/
 *
 * A thread outlives the loop if it has to: what both touch is the struct resolver, and the
 * last one frees it.
 */
#include "ev/backend.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>

#include "ev/uv_backend.h"

enum { LOOKUPS = 16, STACK = 512 * 1024 };

struct evu_resolver {
	pthread_mutex_t lock;
	struct ev_loop *loop; /* NULL: it is gone */
	uint32_t refs;        /* the loop, and each thread */
	/* Of the loop alone: */
	struct list running, waiting; /* struct lookup */
	uint32_t nrunning;
};

/* Owned by the resolver's lists; without a loop, by its thread. */
struct lookup {
	struct list link;
	struct evu_resolver *r;
	char *host, *service;
	struct list asks; /* struct evu_ask */
	/* The thread's, until it has posted: */
	bool done; /* under the lock */
	int err;   /* EAI_* */
	int sys;   /* errno, for EAI_SYSTEM */
	struct addrinfo *ai;
};

/* --- what is shared with the threads -------------------------------------------- */

static struct evu_resolver *
resolver_new(struct ev_loop *l)
{
	struct evu_resolver *r = xcalloc(1, sizeof(*r));

	pthread_mutex_init(&r->lock, NULL);
	r->loop = l;
	r->refs = 1;
	list_init(&r->running);
	list_init(&r->waiting);
	return r;
}

/* With the lock; gives it back. */
static void
resolver_drop(struct evu_resolver *r)
{
	bool last = --r->refs == 0;

	pthread_mutex_unlock(&r->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static void
lookup_free(struct lookup *lu)
{
	list_del(&lu->link);
	if (lu->ai != NULL)
		freeaddrinfo(lu->ai);
	free(lu->host);
	free(lu->service);
	free(lu);
}

static struct evu_names *
names_new(struct addrinfo *ai_take)
{
	struct evu_names *n = xcalloc(1, sizeof(*n));

	n->refs = 1;
	n->ai = ai_take;
	return n;
}

void
evu_names_drop(struct evu_names *n)
{
	if (n == NULL || --n->refs > 0)
		return;
	if (n->ai != NULL)
		freeaddrinfo(n->ai);
	free(n);
}

/* --- a thread --------------------------------------------------------------------- */

static void on_done(void *arg);

static void *
run(void *arg)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV };
	struct lookup *lu = arg;
	struct evu_resolver *r = lu->r;

	lu->err = getaddrinfo(lu->host, lu->service, &hints, &lu->ai);
	lu->sys = errno;
	if (lu->err != 0)
		lu->ai = NULL;
	pthread_mutex_lock(&r->lock);
	lu->done = true;
	if (r->loop != NULL)
		ev_post(r->loop, on_done, lu);
	else
		lookup_free(lu);
	resolver_drop(r);
	return NULL;
}

/* Signals belong to the loop's thread. */
static int
start(struct lookup *lu)
{
	struct evu_resolver *r = lu->r;
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	int e;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_mutex_lock(&r->lock);
	r->refs++;
	pthread_mutex_unlock(&r->lock);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	e = pthread_create(&thread, &attr, run, lu);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (e != 0) {
		pthread_mutex_lock(&r->lock);
		resolver_drop(r);
		return ERR_LIMIT;
	}
	list_del(&lu->link);
	list_add_tail(&r->running, &lu->link);
	r->nrunning++;
	return 0;
}

/* --- the loop's side ---------------------------------------------------------------- */

static const char *
words(const struct lookup *lu)
{
	return lu->err == EAI_SYSTEM ? strerror(lu->sys) : gai_strerror(lu->err);
}

/* Tells all who asked; they may ask for the next name. */
static void
answer(struct lookup *lu)
{
	bool unknown =
	    lu->err == EAI_NONAME || lu->err == EAI_NODATA || lu->err == EAI_FAIL;
	const char *why = lu->err == 0 ? NULL : unknown ? "" : words(lu);
	struct evu_names *n = names_new(STEAL(lu->ai));

	while (!list_empty(&lu->asks)) {
		struct evu_ask *a = LIST_FIRST(&lu->asks, struct evu_ask, link);

		list_del(&a->link);
		a->lookup = NULL;
		n->refs += why == NULL;
		a->cb(a->arg, why == NULL ? n : NULL, why);
	}
	evu_names_drop(n);
}

static void
start_next(struct evu_resolver *r)
{
	while (r->nrunning < LOOKUPS && !list_empty(&r->waiting)) {
		struct lookup *lu = LIST_FIRST(&r->waiting, struct lookup, link);

		if (list_empty(&lu->asks)) {
			lookup_free(lu);
			continue;
		}
		if (start(lu) == 0)
			continue;
		if (r->nrunning > 0)
			return; /* when the next one ends */
		lu->err = EAI_AGAIN;
		list_del(&lu->link); /* nobody may join any more */
		answer(lu);
		lookup_free(lu);
	}
}

static void
on_done(void *arg)
{
	struct lookup *lu = arg;
	struct evu_resolver *r = lu->r;

	list_del(&lu->link);
	r->nrunning--;
	start_next(r);
	answer(lu);
	lookup_free(lu);
}

static struct lookup *
find(struct evu_resolver *r, const char *host, const char *service)
{
	struct list *lists[] = { &r->running, &r->waiting };

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		LIST_EACH(lu, lists[i], struct lookup, link)
		{
			if (strcmp(lu->host, host) == 0 &&
			    strcmp(lu->service, service) == 0)
				return lu;
		}
	return NULL;
}

static void
on_start(void *arg)
{
	struct evu_loop *l = arg;

	start_next(l->resolver);
}

void
evu_lookup(struct evu_loop *l, struct evu_ask *a, const char *host, const char *service)
{
	struct lookup *lu;

	if (l->resolver == NULL)
		l->resolver = resolver_new(&l->base);
	if ((lu = find(l->resolver, host, service)) == NULL) {
		lu = xcalloc(1, sizeof(*lu));
		lu->r = l->resolver;
		lu->host = xstrdup(host);
		lu->service = xstrdup(service);
		list_init(&lu->asks);
		list_init(&lu->link);
		list_add_tail(&l->resolver->waiting, &lu->link);
		ev_defer(&l->base, on_start, l);
	}
	a->lookup = lu;
	list_init(&a->link);
	list_add_tail(&lu->asks, &a->link);
}

/* A thread that runs goes on; the next who asks may join it. */
void
evu_lookup_cancel(struct evu_ask *a)
{
	if (a->lookup == NULL)
		return;
	list_del(&a->link);
	a->lookup = NULL;
}

void
evu_lookups_end(struct evu_loop *l)
{
	struct evu_resolver *r = STEAL(l->resolver);

	if (r == NULL)
		return;
	pthread_mutex_lock(&r->lock);
	r->loop = NULL;
	LIST_EACH(lu, &r->waiting, struct lookup, link)
	lookup_free(lu);
	while (!list_empty(&r->running)) {
		struct lookup *lu = LIST_FIRST(&r->running, struct lookup, link);

		list_del(&lu->link);
		if (lu->done) /* its post is not heard any more */
			lookup_free(lu);
	}
	resolver_drop(r);
}
