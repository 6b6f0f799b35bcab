/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of an issuer, and where it says they are.  See jwt.h.
 */
#include "proto/jwt.h"

#include "base/buf.h"
#include "base/text.h"
#include "codec/json.h"
#include "codec/uri.h"
#include "crypto/jws.h"

enum { NUMBER_MAX = 1024, URI_MAX = 2048 };

struct entry {
	char *kid, *alg; /* NULL: not said */
	struct jws_key *key;
};

struct jwks {
	struct entry list[JWKS_KEYS_MAX];
	size_t n;
};

static int
number(struct buf *out, const json_t *j, const char *member)
{
	const char *s = json_get_str(j, member);

	buf_init(out, NUMBER_MAX);
	return s == NULL ? ERR_INVALID : base64url_decode(out, span_str(s));
}

static int
read_rsa(struct jws_key **out, const json_t *j)
{
	auto_buf n, e;
	int nr = number(&n, j, "n"), er = number(&e, j, "e");

	return nr != 0 || er != 0 ? ERR_INVALID
				  : jws_key_rsa(out, buf_span(&n), buf_span(&e));
}

static int
read_curve(struct jws_key **out, const json_t *j, const char *crv, bool edwards)
{
	auto_buf x, y;
	int xr = number(&x, j, "x"), yr = number(&y, j, "y");

	if (xr != 0)
		return ERR_INVALID;
	if (edwards)
		return strcmp(crv, "Ed25519") == 0 ? jws_key_ed(out, buf_span(&x))
						   : ERR_UNSUPPORTED;
	return yr != 0 ? ERR_INVALID : jws_key_ec(out, crv, buf_span(&x), buf_span(&y));
}

/* Only public keys for signatures are of use; "oct" is a shared secret and never is. */
static int
read_key(struct jws_key **out, const json_t *j)
{
	const char *kty = json_get_str(j, "kty"), *use = json_get_str(j, "use");
	const char *crv = json_get_str(j, "crv");

	if (kty == NULL || (use != NULL && strcmp(use, "sig") != 0))
		return ERR_UNSUPPORTED;
	if (strcmp(kty, "RSA") == 0)
		return read_rsa(out, j);
	if (crv != NULL && strcmp(kty, "EC") == 0)
		return read_curve(out, j, crv, false);
	if (crv != NULL && strcmp(kty, "OKP") == 0)
		return read_curve(out, j, crv, true);
	return ERR_UNSUPPORTED;
}

static char *
copy(const json_t *j, const char *member)
{
	const char *s = json_get_str(j, member);

	return s != NULL ? xstrdup(s) : NULL;
}

int
jwks_parse(struct jwks **out, struct span text, struct fault *f)
{
	auto_json *j = NULL;
	const json_t *keys, *one;
	struct jwks *k;
	size_t i;
	int err;

	if (text.n > JWKS_TEXT_MAX)
		return fault_set(f, ERR_LIMIT, "the set of keys is too long");
	if ((err = json_read(&j, text, f)) != 0)
		return err;
	if ((keys = json_get_arr(j, "keys")) == NULL)
		return fault_set(f, ERR_INVALID, "the set of keys has no list \"keys\"");
	if (json_array_size(keys) > JWKS_KEYS_MAX)
		return fault_set(
		    f, ERR_LIMIT, "the set holds more than %d keys", JWKS_KEYS_MAX);
	k = xcalloc(1, sizeof(*k));
	json_array_foreach(keys, i, one)
	{
		if (read_key(&k->list[k->n].key, one) != 0)
			continue;
		k->list[k->n].kid = copy(one, "kid");
		k->list[k->n++].alg = copy(one, "alg");
	}
	*out = k;
	return 0;
}

void
jwks_free(struct jwks *k)
{
	if (k == NULL)
		return;
	for (size_t i = 0; i < k->n; i++) {
		jws_key_free(k->list[i].key);
		free(k->list[i].kid);
		free(k->list[i].alg);
	}
	free(k);
}

size_t
jwks_len(const struct jwks *k)
{
	return k->n;
}

/* A token that names no key speaks of the only one that fits. */
static const struct jws_key *
find(const struct jwks *k, const struct jwt *t)
{
	const struct jws_key *found = NULL;

	for (size_t i = 0; i < k->n; i++) {
		const struct entry *e = &k->list[i];

		if (!jws_alg_fits(span_str(t->alg), e->key) ||
		    (e->alg != NULL && strcmp(e->alg, t->alg) != 0))
			continue;
		if (t->kid[0] != '\0') {
			if (e->kid != NULL && strcmp(e->kid, t->kid) == 0)
				return e->key;
		} else if (found != NULL) {
			return NULL;
		} else {
			found = e->key;
		}
	}
	return found;
}

int
jwks_verify(const struct jwks *k, const struct jwt *t)
{
	const struct jws_key *key;

	if (!jws_alg_known(span_str(t->alg)))
		return ERR_UNSUPPORTED;
	if ((key = find(k, t)) == NULL)
		return ERR_NOTFOUND;
	return jws_verify(key, span_str(t->alg), t->message, t->signature);
}

int
jwt_discovery_parse(const char **jwks_uri, struct arena *mem, struct span text,
    const char *issuer, struct fault *f)
{
	auto_json *j = NULL;
	const char *said, *uri;
	struct url u;
	int err;

	if (text.n > JWT_DISCOVERY_MAX)
		return fault_set(f, ERR_LIMIT, "the discovery document is too long");
	if ((err = json_read(&j, text, f)) != 0)
		return err;
	said = json_get_str(j, "issuer");
	uri = json_get_str(j, "jwks_uri");
	if (said == NULL || strcmp(said, issuer) != 0)
		return fault_set(f, ERR_INVALID,
		    "the discovery document is that of another issuer: %.200s",
		    said != NULL ? said : "none is named");
	if (uri == NULL || strlen(uri) > URI_MAX ||
	    url_parse(&u, span_str(uri), f) != 0 || !span_starts(span_str(uri), "https://"))
		return fault_set(f, ERR_INVALID,
		    "the discovery document has no jwks_uri that begins with https://");
	*jwks_uri = arena_strdup(mem, uri);
	return 0;
}
