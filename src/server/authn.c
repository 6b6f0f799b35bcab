/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authentication: SigV4 claims against the keys in the store.
 *
 * Order as recorded at AWS: form, date, scope, key known, signature, session token.  A
 * refusal says nothing about which of key, secret or token was wrong beyond AWS's
 * classes.
 */
#include "server/authn.h"

#include "base/text.h"
#include "crypto/crypto.h"
#include "ev/ev.h"
#include "net/http_server.h"
#include "proto/ids.h"
#include "proto/sigv4.h"
#include "server/domain/key_usage.h"
#include "server/domain/throttle.h"

struct authn {
	struct ev_loop *loop;
	struct store *store;
	struct key_usage *usage;
	struct throttle *throttle;
};

/* One request on its way through the checks. */
struct attempt {
	struct authn *a;
	struct arena *mem;
	const char *source; /* address */
	struct sigv4_request r;
	struct sigv4_auth claim;
	struct authn_result *out;
};

#define TEXT_UNKNOWN "The security token included in the request is invalid."
#define TEXT_TOKEN   "The security token included in the request is invalid"
#define TEXT_EXPIRED "The security token included in the request is expired"
#define TEXT_SIGNATURE                                                              \
	"The request signature we calculated does not match the signature you "     \
	"provided. "                                                                \
	"Check your AWS Secret Access Key and signing method. Consult the service " \
	"documentation for details."

struct authn *
authn_new(struct ev_loop *l, struct store *st, struct key_usage *usage,
    struct throttle *throttle)
{
	struct authn *a = xcalloc(1, sizeof(*a));

	a->loop = l;
	a->store = st;
	a->usage = usage;
	a->throttle = throttle;
	return a;
}

void
authn_free(struct authn *a)
{
	free(a);
}

bool
authn_is_signed(const struct http_req *r)
{
	if (http1_get(r->head, "Authorization").p != NULL)
		return true;
	return r->query.n > 0 &&
	    memmem(r->query.p, r->query.n, "X-Amz-Algorithm=", 16) != NULL;
}

/* Cuts the front of *s up to a slash, which is written "%2F" in a query. */
static bool
cut_scope(struct span *s, struct span *part)
{
	for (size_t i = 0; i < s->n; i++) {
		size_t sep = s->p[i] == '/'                  ? 1
		    : span_starts(span_sub(*s, i, 3), "%2F") ? 3
							     : 0;

		if (sep > 0) {
			*part = span_sub(*s, 0, i);
			*s = span_sub(*s, i + sep, s->n);
			return true;
		}
	}
	return false;
}

/* Credential=<key>/<day>/<region>/<service>/aws4_request */
struct span
authn_scope_service(const struct http_req *r)
{
	struct span s = http1_get(r->head, "Authorization"), part = SPAN_NONE;
	const char *name = "Credential=";
	const uint8_t *at;

	if (s.p == NULL) {
		s = r->query;
		name = "X-Amz-Credential=";
	}
	if (s.n == 0 || (at = memmem(s.p, s.n, name, strlen(name))) == NULL)
		return SPAN_NONE;
	s = span_sub(s, (size_t)(at - s.p) + strlen(name), s.n);
	for (int i = 0; i < 4; i++) {
		if (!cut_scope(&s, &part))
			return SPAN_NONE;
	}
	return part;
}

static int
deny(struct attempt *t, enum authn_reason why, const char *text)
{
	t->out->why = why;
	if (text != NULL)
		(void)fault_set(&t->out->fault, ERR_DENIED, "%s", text);
	return ERR_DENIED;
}

static enum authn_reason
reason_of(enum sigv4_reason why)
{
	switch (why) {
	case SIGV4_MISSING:
		return AUTHN_MISSING;
	case SIGV4_INCOMPLETE:
	case SIGV4_BAD_ALGORITHM:
	case SIGV4_BAD_DATE:
		return AUTHN_INCOMPLETE;
	case SIGV4_EXPIRED:
	case SIGV4_NOT_YET:
		return AUTHN_CLOCK;
	case SIGV4_BOTH:
	case SIGV4_HOST_NOT_SIGNED:
	case SIGV4_HEADER_NOT_SIGNED:
		return AUTHN_FORM;
	case SIGV4_BAD_SCOPE:
		return AUTHN_SCOPE;
	case SIGV4_BAD_PAYLOAD_HASH:
		return AUTHN_PAYLOAD;
	default:
		return AUTHN_SIGNATURE;
	}
}

/* Refused by sigv4_*: the text is there, or it is the one of a mismatch. */
static int
deny_sigv4(struct attempt *t, enum sigv4_reason why)
{
	if (why == SIGV4_BAD_PAYLOAD_HASH)
		return deny(t, AUTHN_PAYLOAD,
		    "The provided 'x-amz-content-sha256' header does not match what was "
		    "computed.");
	if (why == SIGV4_BAD_SIGNATURE)
		return deny(t, AUTHN_SIGNATURE, TEXT_SIGNATURE);
	return deny(t, reason_of(why), NULL);
}

static void
attempt_init(struct attempt *t, struct http_req *req)
{
	const struct http1_head *h = req->head;
	struct sigv4_header *headers =
	    arena_alloc(t->mem, (h->nheaders + 1) * sizeof(*headers));

	for (size_t i = 0; i < h->nheaders; i++)
		headers[i] =
		    (struct sigv4_header){ h->headers[i].name, h->headers[i].value };
	t->r = (struct sigv4_request){
		.method = h->method,
		.path = req->path,
		.query = req->query,
		.headers = headers,
		.nheaders = h->nheaders,
		.body = req->body,
	};
}

/* IAM and STS allow the wider window, as S3 does. */
static int64_t
skew_of(const char *service)
{
	bool wide = strcmp(service, "iam") == 0 || strcmp(service, "sts") == 0 ||
	    strcmp(service, "s3") == 0;

	return wide ? SIGV4_SKEW_S3_MS : SIGV4_SKEW_MS;
}

/* Whatever else a stranger writes there is kept nowhere. */
static const char *
claimed_key(const struct attempt *t)
{
	struct span id = span_str(t->claim.access_key);

	return id_access_key_valid(id) || id_node_valid(id) ? t->claim.access_key : NULL;
}

/* Everything that can be judged without the key. */
static int
check_claim(struct attempt *t, const char *service)
{
	struct fault *f = &t->out->fault;
	enum sigv4_reason why;
	int64_t now = ev_wall_ms(t->a->loop);

	if (sigv4_parse(&t->claim, &t->r, t->mem, &why, f) != 0)
		return deny_sigv4(t, why);
	t->out->claimed = claimed_key(t);
	if (sigv4_check_time(&t->claim, now, skew_of(service), &why, f) != 0 ||
	    sigv4_check_scope(&t->claim, service, &why, f) != 0)
		return deny_sigv4(t, why);
	if (!id_region_valid(span_str(t->claim.region)))
		return deny(
		    t, AUTHN_SCOPE, "Credential should be scoped to a valid region. ");
	t->out->region = t->claim.region;
	t->out->presigned = t->claim.presigned;
	if (!throttle_admits(t->a->throttle, t->source, t->claim.access_key))
		return deny(t, AUTHN_THROTTLED, "Rate exceeded");
	return 0;
}

/*
 * The end of an attempt: r is what became of it.  A key that works forgives nothing: it is in
 * use all the time, and guesses in between would be free.
 */
static int
settle(struct attempt *t, int r)
{
	enum authn_reason why = t->out->why;

	if (why == AUTHN_UNKNOWN_KEY || why == AUTHN_SIGNATURE || why == AUTHN_TOKEN)
		t->out->hold_ms =
		    throttle_failed(t->a->throttle, t->source, t->claim.access_key);
	return r;
}

static bool
token_matches(const struct store_key *k, const char *token)
{
	uint8_t sum[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	if (k->token_sha256[0] == '\0')
		return token == NULL;
	if (token == NULL)
		return false;
	sha256(sum, span_str(token));
	hex_encode(hex, sum, sizeof(sum));
	return secret_eq(span_str(hex), span_str(k->token_sha256));
}

/* The owner of a key that proved itself may be gone though the key is not. */
static int
named(struct attempt *t, int err)
{
	if (err != 0) /* as far as it was read: somebody of the same name, perhaps */
		principal_init(&t->out->who);
	if (err == ERR_NOTFOUND)
		return deny(t, AUTHN_UNKNOWN_KEY, TEXT_UNKNOWN);
	if (err != 0)
		return deny(t, AUTHN_FAILED, "The identities cannot be read.");
	t->out->who.access_key = t->claim.access_key;
	return 0;
}

static int
find_key(struct attempt *t, struct store_key *k)
{
	int err = ERR_NOTFOUND;

	if (id_access_key_valid(span_str(t->claim.access_key)))
		err = store_key_get(
		    store_reader(t->a->store), t->mem, t->claim.access_key, k);
	if (err == ERR_NOTFOUND || (err == 0 && !k->active))
		return deny(t, AUTHN_UNKNOWN_KEY, TEXT_UNKNOWN);
	if (err != 0)
		return deny(t, AUTHN_FAILED, "The keys cannot be read.");
	return 0;
}

static int
verify_key(struct attempt *t, const char *service)
{
	struct store_tx *tx = store_reader(t->a->store);
	int64_t now = ev_wall_ms(t->a->loop);
	enum sigv4_reason why;
	struct store_key k;
	int err;

	if ((err = check_claim(t, service)) != 0 || (err = find_key(t, &k)) != 0)
		return err;
	if (sigv4_verify(&t->claim, &t->r, span_str(k.secret), t->mem, &why) != 0)
		return deny_sigv4(t, why);
	if (!token_matches(&k, t->claim.security_token))
		return deny(t, AUTHN_TOKEN, TEXT_TOKEN);
	if (k.expires_ms != 0 && k.expires_ms <= now)
		return deny(t, AUTHN_EXPIRED_TOKEN, TEXT_EXPIRED);
	if ((err = named(t, identity_of_key_row(tx, t->mem, &k, &t->out->who))) == 0)
		key_usage_note(t->a->usage, k.access_key,
		    &(struct key_used){ now, service, t->out->region });
	return err;
}

/* RSA keys are few and large; one is loaded for each of the rare token calls. */
static int
verify_rsa(struct attempt *t, const struct store_node *n)
{
	enum sigv4_reason why = SIGV4_BAD_SIGNATURE;
	struct rsa_key *key = NULL;
	int err;

	if (rsa_load_public(&key, span_str(n->public_key), NULL) != 0)
		return deny(t, AUTHN_UNKNOWN_KEY, TEXT_UNKNOWN);
	err = sigv4_verify_rsa(&t->claim, &t->r, key, t->mem, &why);
	rsa_free(key);
	return err == 0 ? 0 : deny_sigv4(t, why);
}

static int
verify_node(struct attempt *t, const char *service)
{
	struct store_tx *tx = store_reader(t->a->store);
	struct store_node n;
	int err;

	if ((err = check_claim(t, service)) != 0)
		return err;
	if (!id_node_valid(span_str(t->claim.access_key)))
		return deny(t, AUTHN_UNKNOWN_KEY, TEXT_UNKNOWN);
	err = store_node_get(tx, t->mem, t->claim.access_key, &n);
	if (err == ERR_NOTFOUND || (err == 0 && n.public_key[0] == '\0'))
		return deny(t, AUTHN_UNKNOWN_KEY, TEXT_UNKNOWN);
	if (err != 0)
		return deny(t, AUTHN_FAILED, "The nodes cannot be read.");
	if ((err = verify_rsa(t, &n)) != 0)
		return err;
	return named(t, identity_of_node(tx, t->mem, n.id, &t->out->who));
}

static int
attempt(struct authn *a, struct http_req *r, const char *service, struct arena *mem,
    struct authn_result *out, int (*verify)(struct attempt *, const char *))
{
	struct attempt t = { .a = a, .mem = mem, .out = out, .source = r->peer_ip };

	*out = (struct authn_result){ 0 };
	principal_init(&out->who);
	attempt_init(&t, r);
	return settle(&t, verify(&t, service));
}

int
authn_request(struct authn *a, struct http_req *r, const char *service, struct arena *mem,
    struct authn_result *out)
{
	return attempt(a, r, service, mem, out, verify_key);
}

int
authn_node_key(struct authn *a, struct http_req *r, const char *service,
    struct arena *mem, struct authn_result *out)
{
	return attempt(a, r, service, mem, out, verify_node);
}
