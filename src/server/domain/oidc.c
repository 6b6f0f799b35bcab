/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An issuer's keys:  discovery document -> jwks_uri -> set of keys -> whoever waits is told.
 */
#include "server/domain/oidc.h"

#include "base/log.h"
#include "base/map.h"
#include "codec/http1.h"
#include "codec/uri.h"
#include "net/http_client.h"
#include "net/tls.h"
#include "proto/dial_policy.h"

#define DISCOVERY "/.well-known/openid-configuration"

struct issuer {
	struct oidc *oidc;
	char *url;
	struct jwks *keys; /* NULL: none yet */
	uint64_t keys_ms;
	uint64_t tried_ms; /* the end of the last try */
	int err;           /* what came of it */
	bool tried;
	struct http_call *call; /* under way */
	struct list waits;
};

struct oidc {
	struct ev_loop *loop;
	struct tls_ctx *tls;
	struct http_client *http;
	struct dial_policy deny;
	struct map issuers; /* by URL */
};

/* ---- the end of a try ---- */

static void
tell(struct issuer *i)
{
	while (!list_empty(&i->waits)) {
		struct oidc_wait *w = LIST_FIRST(&i->waits, struct oidc_wait, link);

		oidc_wait_end(w);
		w->fn(w->arg);
	}
}

static void
tried(struct issuer *i, int err)
{
	i->tried = true;
	i->tried_ms = ev_now_ms(i->oidc->loop);
	i->err = err;
}

static void
fetched(struct issuer *i, struct jwks *keys_take)
{
	jwks_free(i->keys);
	i->keys = keys_take;
	i->keys_ms = ev_now_ms(i->oidc->loop);
	tried(i, 0);
	log_info("keys of an identity provider", "issuer=%s keys=%zu", log_q(i->url),
	    jwks_len(i->keys));
	tell(i);
}

static void
failed(struct issuer *i, int err, const char *what, const char *why)
{
	tried(i, err);
	log_warn("keys of an identity provider cannot be had", "issuer=%s what=%s why=%s",
	    log_q(i->url), what, log_q(why));
	tell(i);
}

/* ---- the two documents ---- */

/* A document, or NULL and the try is over. */
static const struct http_response *
document(struct issuer *i, const char *what, const struct http_response *r, int err,
    const char *why)
{
	char text[64];

	i->call = NULL;
	if (err == 0 && r->status == 200)
		return r;
	if (err == 0) {
		(void)snprintf(text, sizeof(text), "it answered %d", r->status);
		why = text;
	}
	failed(i, err == 0 && r->status < 500 ? ERR_INVALID : ERR_IO, what, why);
	return NULL;
}

static void
on_keys(void *arg, const struct http_response *r, int err, const char *why)
{
	struct issuer *i = arg;
	struct jwks *keys = NULL;
	struct fault f = { 0 };

	if ((r = document(i, "keys", r, err, why)) == NULL)
		return;
	if (jwks_parse(&keys, r->body, &f) != 0)
		failed(i, ERR_INVALID, "keys", fault_text(&f));
	else
		fetched(i, keys);
}

/* A proxy dials by itself: then only what is an address already can be looked at. */
static bool
may_ask(const char *url)
{
	char ip[DIAL_IP_TEXT];
	struct url u;

	return url_parse(&u, span_str(url), NULL) == 0 &&
	    strcmp(u.scheme, "https") == 0 && !dial_host_is_forbidden(ip, u.host);
}

static void
get(struct issuer *i, const char *url, const char *what, size_t max, http_done_cb *cb)
{
	static const struct http_header accept = { "Accept", "application/json" };
	const struct http_request q = {
		.method = "GET",
		.url = url,
		.headers = &accept,
		.nheaders = 1,
		.timeout_ms = OIDC_DEADLINE_MS,
		.response_max = max,
	};

	if (may_ask(url))
		i->call = http_call(i->oidc->http, &q, cb, i);
	else
		failed(i, ERR_INVALID, what, "its address is not one that may be asked");
}

static void
on_discovery(void *arg, const struct http_response *r, int err, const char *why)
{
	struct issuer *i = arg;
	auto_arena mem = { 0 };
	const char *uri = NULL;
	struct fault f = { 0 };

	if ((r = document(i, "discovery", r, err, why)) == NULL)
		return;
	if (jwt_discovery_parse(&uri, &mem, r->body, i->url, &f) != 0)
		failed(i, ERR_INVALID, "discovery", fault_text(&f));
	else
		get(i, uri, "keys", JWKS_TEXT_MAX, on_keys);
}

/* ---- issuers ---- */

static void
issuer_free(struct issuer *i)
{
	http_call_cancel(i->call);
	while (!list_empty(&i->waits))
		oidc_wait_end(LIST_FIRST(&i->waits, struct oidc_wait, link));
	jwks_free(i->keys);
	free(i->url);
	free(i);
}

static void
make_room(struct oidc *o)
{
	struct issuer *oldest = NULL;
	struct span key;
	void *v;

	for (size_t it = 0; map_next(&o->issuers, &it, &key, &v);) {
		struct issuer *i = v;

		if (i->call == NULL && (oldest == NULL || i->tried_ms < oldest->tried_ms))
			oldest = i;
	}
	if (oldest != NULL) {
		map_del(&o->issuers, span_str(oldest->url));
		issuer_free(oldest);
	}
}

static struct issuer *
issuer_of(struct oidc *o, const char *url)
{
	struct issuer *i = map_get(&o->issuers, span_str(url));

	if (i != NULL)
		return i;
	if (map_len(&o->issuers) >= OIDC_ISSUERS_MAX)
		make_room(o);
	i = xcalloc(1, sizeof(*i));
	i->oidc = o;
	i->url = xstrdup(url);
	list_init(&i->waits);
	map_put(&o->issuers, span_str(url), i);
	return i;
}

/* Whether asking the issuer is due, or under way. */
static bool
may_fetch(const struct issuer *i, uint64_t now)
{
	uint64_t pause = i->err != 0 ? OIDC_RETRY_MS : OIDC_AGAIN_MS;

	return i->call != NULL || !i->tried || now - i->tried_ms >= pause;
}

/* False: it failed at once. */
static bool
fetch(struct issuer *i)
{
	size_t n = strlen(i->url);
	auto_free char *url = NULL;

	if (i->call != NULL)
		return true;
	url =
	    xasprintf("%.*s" DISCOVERY, (int)(i->url[n - 1] == '/' ? n - 1 : n), i->url);
	get(i, url, "discovery", JWT_DISCOVERY_MAX, on_discovery);
	return i->call != NULL;
}

/* ---- what others see ---- */

static bool
allowed(void *arg, const char *ip)
{
	const struct oidc *o = arg;

	return dial_policy_allows(&o->deny, ip);
}

static const char *
either(const char *a, const char *b)
{
	const char *value = getenv(a);

	return value != NULL && *value != '\0' ? value : getenv(b);
}

int
oidc_new(struct oidc **out, struct ev_loop *l, const char *ca_file, const char *deny,
    struct fault *f)
{
	struct oidc *o = xcalloc(1, sizeof(*o));
	struct fault inner = { 0 };
	uint64_t key[2];
	int err;

	if ((err = dial_policy_parse(&o->deny, deny, &inner)) != 0)
		err = fault_set(f, err, "oidc_deny: %s", fault_text(&inner));
	else if ((err = tls_client_new(
		      &o->tls, ca_file[0] != '\0' ? ca_file : NULL, &inner)) != 0)
		err = fault_set(f, err, "oidc_ca_file: %s", fault_text(&inner));
	if (err != 0) {
		free(o);
		return err;
	}
	o->loop = l;
	o->http = http_client_new(l, o->tls, either("https_proxy", "HTTPS_PROXY"),
	    either("no_proxy", "NO_PROXY"));
	http_client_allow(o->http, allowed, o);
	ev_random(l, key, sizeof(key));
	map_init(&o->issuers, key[0], key[1]);
	*out = o;
	return 0;
}

void
oidc_free(struct oidc *o)
{
	struct span key;
	void *v;

	if (o == NULL)
		return;
	for (size_t it = 0; map_next(&o->issuers, &it, &key, &v);) {
		map_del(&o->issuers, key);
		issuer_free(v);
	}
	map_fini(&o->issuers);
	http_client_free(o->http);
	tls_ctx_free(o->tls);
	free(o);
}

void
oidc_wait_end(struct oidc_wait *w)
{
	if (w->link.next != NULL)
		list_del(&w->link);
}

/* Old keys are better than none while the issuer is away; unknown ones are looked for. */
int
oidc_verify(struct oidc *o, const struct jwt *t, struct oidc_wait *w)
{
	struct issuer *i = issuer_of(o, t->iss);
	uint64_t now = ev_now_ms(o->loop), age = now - i->keys_ms;
	bool have = i->keys != NULL && age < OIDC_STALE_MS;
	int r = have ? jwks_verify(i->keys, t) : ERR_NOTFOUND;

	if (have && age < OIDC_FRESH_MS && r != ERR_NOTFOUND)
		return r;
	if (!w->done && may_fetch(i, now) && fetch(i)) {
		w->done = true;
		list_init(&w->link);
		list_add_tail(&i->waits, &w->link);
		return ERR_AGAIN;
	}
	if (have)
		return r;
	return i->err != 0 ? i->err : ERR_IO;
}
