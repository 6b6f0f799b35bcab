/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading tokens.  See jwt.h.
 */
#include "proto/jwt.h"

#include "base/buf.h"
#include "base/text.h"
#include "codec/json.h"

enum {
	HEADER_VALUE_MAX = 512,
	CLAIM_MAX = 2048, /* characters of a text */
	/* Year 9999; what is later is no time that anybody means. */
	TIME_MAX_S = 253402300799,
};

#define CLAIM_TAGS            "https://aws.amazon.com/tags"
#define CLAIM_SOURCE_IDENTITY "https://aws.amazon.com/source_identity"

/* One text on its way; the first thing that is wrong ends it. */
struct reader {
	struct arena *mem;
	struct fault *fault;
	int err;
};

static void
complain(struct reader *r, const char *member, const char *what)
{
	if (r->err == 0)
		r->err = fault_set(r->fault, ERR_INVALID, "%.60s %s", member, what);
}

static const char *
copy_text(struct reader *r, const char *member, const json_t *v, size_t max)
{
	if (!json_is_string(v)) {
		complain(r, member, "is not a text");
		return "";
	}
	if (json_string_length(v) > max) {
		complain(r, member, "is too long");
		return "";
	}
	return arena_strdup(r->mem, json_string_value(v));
}

static const char *
read_text(struct reader *r, const json_t *from, const char *member, size_t max)
{
	const json_t *v = json_object_get(from, member);

	return v == NULL ? "" : copy_text(r, member, v, max);
}

/* One text, or a list of them. */
static void
read_names(
    struct reader *r, const json_t *from, const char *member, struct jwt_names *out)
{
	const json_t *v = json_object_get(from, member), *one;
	size_t i;

	if (v == NULL)
		return;
	if (!json_is_array(v)) {
		out->list[out->n++] = copy_text(r, member, v, CLAIM_MAX);
		return;
	}
	if (json_array_size(v) > JWT_NAMES_MAX) {
		complain(r, member, "has too many values");
		return;
	}
	json_array_foreach(v, i, one)
	{
		out->list[out->n++] = copy_text(r, member, one, CLAIM_MAX);
	}
}

/* Seconds since the epoch; a fraction is allowed, and dropped. */
static bool
read_time(struct reader *r, const json_t *from, const char *member, int64_t *out)
{
	const json_t *v = json_object_get(from, member);
	double s;

	if (v == NULL)
		return false;
	s = json_number_value(v);
	if (!json_is_number(v) || !(s >= 0 && s <= (double)TIME_MAX_S)) {
		complain(r, member, "is not a time");
		return false;
	}
	*out = (int64_t)s;
	return true;
}

/* {"principal_tags": {"Team": ["ops"]}, "transitive_tag_keys": ["Team"]} */
static void
read_tags(struct reader *r, const json_t *claims, struct jwt *t)
{
	json_t *all = json_object_get(claims, CLAIM_TAGS), *tags, *v;
	struct jwt_names transitive = { .n = 0 };
	const char *key;

	if (all == NULL)
		return;
	tags = json_object_get(all, "principal_tags");
	if (!json_is_object(tags) || json_object_size(tags) > JWT_TAGS_MAX) {
		complain(r, CLAIM_TAGS, "does not hold principal_tags as it should");
		return;
	}
	read_names(r, all, "transitive_tag_keys", &transitive);
	json_object_foreach(tags, key, v)
	{
		struct jwt_tag *tag = &t->tags[t->ntags++];

		if (json_is_array(v) && json_array_size(v) == 1)
			v = json_array_get(v, 0);
		tag->key = arena_strdup(r->mem, key);
		tag->value = copy_text(r, CLAIM_TAGS, v, CLAIM_MAX);
		for (size_t i = 0; i < transitive.n; i++)
			tag->transitive =
			    tag->transitive || strcmp(transitive.list[i], key) == 0;
	}
}

static void
read_header(struct reader *r, const json_t *j, struct jwt *t)
{
	t->alg = read_text(r, j, "alg", HEADER_VALUE_MAX);
	t->kid = read_text(r, j, "kid", HEADER_VALUE_MAX);
	if (json_object_get(j, "crit") != NULL)
		complain(r, "crit", "names extensions that are not understood");
	if (json_object_get(j, "enc") != NULL)
		complain(r, "enc", "says that the token is encrypted");
}

static void
read_claims(struct reader *r, const json_t *j, struct jwt *t)
{
	t->iss = read_text(r, j, "iss", CLAIM_MAX);
	t->sub = read_text(r, j, "sub", CLAIM_MAX);
	t->azp = read_text(r, j, "azp", CLAIM_MAX);
	read_names(r, j, "aud", &t->aud);
	read_names(r, j, "amr", &t->amr);
	t->has_exp = read_time(r, j, "exp", &t->exp_s);
	t->has_nbf = read_time(r, j, "nbf", &t->nbf_s);
	t->has_iat = read_time(r, j, "iat", &t->iat_s);
	read_tags(r, j, t);
	t->source_identity = read_text(r, j, CLAIM_SOURCE_IDENTITY, CLAIM_MAX);
}

typedef void part_fn(struct reader *r, const json_t *j, struct jwt *t);

/* A part that is an object in base64url. */
static void
read_part(
    struct reader *r, const char *name, struct span text, part_fn *fn, struct jwt *t)
{
	auto_json *j = NULL;
	auto_buf raw;

	buf_init(&raw, JWT_TEXT_MAX);
	if (base64url_decode(&raw, text) != 0)
		complain(r, name, "is not base64url");
	else if (json_read(&j, buf_span(&raw), NULL) != 0 || !json_is_object(j))
		complain(r, name, "is not a JSON object");
	else
		fn(r, j, t);
}

int
jwt_parse(struct jwt *out, struct arena *mem, struct span text, struct fault *f)
{
	struct reader r = { .mem = mem, .fault = f };
	struct span rest = text, head, claims, signature;
	auto_buf raw;

	*out = (struct jwt){ .alg = "",
		.kid = "",
		.iss = "",
		.sub = "",
		.azp = "",
		.source_identity = "" };
	buf_init(&raw, JWT_TEXT_MAX);
	if (text.n > JWT_TEXT_MAX || !span_cut(&rest, '.', &head) ||
	    !span_cut(&rest, '.', &claims) || !span_cut(&rest, '.', &signature) ||
	    rest.p != NULL)
		return fault_set(
		    f, ERR_INVALID, "a token is three parts with dots between");
	read_part(&r, "the header", head, read_header, out);
	read_part(&r, "the body", claims, read_claims, out);
	if (base64url_decode(&raw, signature) != 0)
		complain(&r, "the signature", "is not base64url");
	out->message = span_of(text.p, head.n + 1 + claims.n);
	out->signature = arena_copy(mem, buf_span(&raw));
	return r.err;
}
