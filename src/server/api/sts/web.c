/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STS: AssumeRoleWithWebIdentity.  Nobody signs it: the token of an identity provider is the
 * proof, once it turned out to be one of a provider that the account knows, signed by it, for
 * this time and for one of the provider's clients.
 */
#include "crypto/jws.h"
#include "proto/arn.h"
#include "server/api/sts/sts.h"
#include "server/domain/oidc.h"

enum {
	SKEW_S = 60,         /* between the provider's clock and ours */
	WAIT_MS = 12 * 1000, /* for its keys */
	SUBJECT_MAX = 255,
};

#define TEXT_NO_TOKEN                                \
	"The ID Token provided is not a valid JWT. " \
	"(You may see this error if you sent an Access Token)"
#define TEXT_NO_KEY                                                                \
	"Couldn't retrieve verification key from your identity provider,  please " \
	"reference AssumeRoleWithWebIdentity documentation for requirements"

struct web {
	struct sts_grant *grant;
	struct jwt token;
	const char *url;      /* of the provider, without "https://" */
	const char *arn;      /* the provider's */
	const char *audience; /* whom of its clients the token is for */
	struct store_oidc provider;
	struct oidc_wait wait;
};

static int
bad_token(struct api_call *c, const char *text)
{
	return api_fail_text(c, "InvalidIdentityToken", text);
}

/* ---- the token ---- */

static int
find_provider(struct api_call *c, struct web *w)
{
	static const char scheme[] = "https://";
	size_t n = strlen(scheme);
	int err;

	if (strncmp(w->token.iss, scheme, n) != 0 || w->token.iss[n] == '\0')
		return bad_token(c, "Issuer must be a valid URL");
	w->url = w->token.iss + n;
	err = store_oidc_get(api_reader(c), &c->mem, w->url, &w->provider);
	if (err == ERR_NOTFOUND)
		return bad_token(c,
		    arena_printf(&c->mem,
			"No OpenIDConnect provider found in your account for %s",
			w->token.iss));
	w->arn = arn_iam(&c->mem, c->env->account, "oidc-provider", "/", w->url);
	return err;
}

static int
read_token(struct api_call *c, struct web *w)
{
	struct fault f = { 0 };

	/* An algorithm that nobody may use is not worth a question to the provider. */
	if (jwt_parse(&w->token, &c->mem, span_str(api_str(c, "WebIdentityToken")), &f) !=
		0 ||
	    !jws_alg_known(span_str(w->token.alg)))
		return bad_token(c, TEXT_NO_TOKEN);
	return find_provider(c, w);
}

static int
check_time(struct api_call *c, const struct jwt *t)
{
	int64_t now = c->now_ms / 1000;

	if (!t->has_exp)
		return bad_token(c, "Missing a required claim: exp");
	if (now > t->exp_s + SKEW_S)
		return api_fail(c, "ExpiredTokenException",
		    "Token expired: current date/time %lld must be before the expiration "
		    "date/time %lld",
		    (long long)now, (long long)t->exp_s);
	if ((t->has_nbf && t->nbf_s > now + SKEW_S) ||
	    (t->has_iat && t->iat_s > now + SKEW_S))
		return api_fail(
		    c, "IDPRejectedClaim", "The token is not valid yet: nbf, iat");
	return 0;
}

static bool
is_client(const json_t *clients, const char *id)
{
	const json_t *one;
	size_t i;

	json_array_foreach(clients, i, one)
	{
		if (json_is_string(one) && strcmp(json_string_value(one), id) == 0)
			return true;
	}
	return false;
}

/* The party it was issued to, where that is said; else one of its audiences. */
static int
check_audience(struct api_call *c, struct web *w)
{
	const struct jwt *t = &w->token;
	auto_json *clients = NULL;
	int err = json_read(&clients, span_str(w->provider.clients_json), NULL);

	if (err != 0)
		return err;
	if (t->aud.n == 0)
		return bad_token(c, "Missing a required claim: aud");
	if (t->azp[0] != '\0') {
		w->audience = is_client(clients, t->azp) ? t->azp : NULL;
	} else {
		for (size_t i = 0; w->audience == NULL && i < t->aud.n; i++)
			w->audience =
			    is_client(clients, t->aud.list[i]) ? t->aud.list[i] : NULL;
	}
	return w->audience != NULL ? 0 : bad_token(c, "Incorrect token audience");
}

static int
check_claims(struct api_call *c, struct web *w)
{
	const struct jwt *t = &w->token;
	int err;

	if ((err = check_time(c, t)) != 0)
		return err;
	if (t->sub[0] == '\0')
		return bad_token(c, "Missing a required claim: sub");
	if (strlen(t->sub) > SUBJECT_MAX)
		return bad_token(c, "The claim sub is too long");
	return check_audience(c, w);
}

/* ---- the role ---- */

static int
take_tags(struct api_call *c, struct web *w)
{
	const struct jwt *t = &w->token;
	struct span *keys = arena_alloc(&c->mem, (t->ntags + 1) * sizeof(*keys));
	struct policy_context *more = &w->grant->more;
	int err;

	for (size_t i = 0; i < t->ntags; i++) {
		const struct jwt_tag *tag = &t->tags[i];

		err = sts_add_tag(c, w->grant, tag->key, tag->value, tag->transitive);
		if (err != 0)
			return err;
		keys[i] = span_str(tag->key);
		policy_context_add_tag(
		    more, "aws:RequestTag/", keys[i], span_str(tag->value));
	}
	if (t->ntags > 0)
		policy_context_add_set(more, "aws:TagKeys", keys, t->ntags);
	return 0;
}

/* "<url>:sub" and its like */
static void
add_claim(struct api_call *c, struct web *w, const char *claim, const char *value)
{
	policy_context_add(&w->grant->more, arena_printf(&c->mem, "%s:%s", w->url, claim),
	    span_str(value));
}

static void
add_context(struct api_call *c, struct web *w)
{
	struct policy_context *more = &w->grant->more;
	const struct jwt_names *amr = &w->token.amr;
	struct span *methods = arena_alloc(&c->mem, (amr->n + 1) * sizeof(*methods));

	add_claim(c, w, "sub", w->token.sub);
	add_claim(c, w, "aud", w->audience);
	for (size_t i = 0; i < amr->n; i++)
		methods[i] = span_str(amr->list[i]);
	if (amr->n > 0)
		policy_context_add_set(
		    more, arena_printf(&c->mem, "%s:amr", w->url), methods, amr->n);
	policy_context_add(
	    more, "sts:RoleSessionName", span_str(w->grant->session.session_name));
	if (w->token.source_identity[0] != '\0')
		policy_context_add(
		    more, "sts:SourceIdentity", span_str(w->token.source_identity));
}

static int
ask(struct api_call *c, struct web *w)
{
	const struct {
		const char *action;
		bool needed;
	} t[] = {
		{ "sts:AssumeRoleWithWebIdentity", true },
		{ "sts:TagSession", w->grant->tagged },
		{ "sts:SetSourceIdentity", w->token.source_identity[0] != '\0' },
	};
	const char *message;
	int err;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		if (!t[i].needed)
			continue;
		err = sts_ask(c, w->grant, t[i].action, w->arn, &message);
		if (err != 0)
			return api_fail(c, "AccessDenied", "Not authorized to perform %s",
			    t[i].action);
	}
	return 0;
}

static int
role_written(struct api_call *c)
{
	const struct sts_grant *g = c->user;
	const struct key_session *s = &g->session;

	sts_write_credentials(c, g);
	xw_elem(&c->out, "SubjectFromWebIdentityToken", s->subject);
	sts_write_role_user(c, g);
	sts_write_packed(c, g);
	xw_elem(&c->out, "Provider", s->provider);
	xw_elem(&c->out, "Audience", s->audience);
	if (s->source_identity[0] != '\0')
		xw_elem(&c->out, "SourceIdentity", s->source_identity);
	return 0;
}

/* Whoever holds a good token is told no more of a role than that it is not for him. */
static int
find_role(struct api_call *c, struct sts_grant *g)
{
	int err = sts_find_role(c, g);

	if (err == ERR_NOTFOUND)
		return api_fail(c, "AccessDenied",
		    "Not authorized to perform sts:AssumeRoleWithWebIdentity");
	return err;
}

static int
give_role(struct api_call *c, struct web *w)
{
	struct sts_grant *g = w->grant;
	int64_t life_ms;
	int err;

	g->session.session_name = api_str(c, "RoleSessionName");
	g->session.provider = w->arn;
	g->session.subject = w->token.sub;
	g->session.audience = w->audience;
	g->session.source_identity = w->token.source_identity;
	if ((err = find_role(c, g)) != 0 || (err = take_tags(c, w)) != 0)
		return err;
	add_context(c, w);
	if ((err = ask(c, w)) != 0 || (err = sts_read_life(c, g, &life_ms)) != 0 ||
	    (err = sts_read_policies(c, g)) != 0 || (err = sts_pack(c, g)) != 0)
		return err;
	c->user = g;
	c->on_free = NULL; /* nobody waits any more; the grant is what is needed */
	return sts_give(c, g, life_ms, role_written);
}

/* ---- the signature ---- */

static int
refuse_signature(struct api_call *c, int why)
{
	switch (why) {
	case ERR_IO:
		return api_fail(c, "IDPCommunicationError",
		    "The identity provider could not be reached to verify the token. Try "
		    "again "
		    "later.");
	case ERR_SIGNATURE:
		return bad_token(c, "The signature of the token is not valid");
	default: /* no such key, or none that can be understood */
		return bad_token(c, TEXT_NO_KEY);
	}
}

static void
woken(void *arg)
{
	api_wake(arg);
}

static void
forget_wait(struct api_call *c)
{
	struct web *w = c->user;

	oidc_wait_end(&w->wait);
}

static int
verify(struct api_call *c)
{
	struct web *w = c->user;
	int err;

	oidc_wait_end(&w->wait); /* it may have been long enough */
	err = oidc_verify(c->env->oidc, &w->token, &w->wait);
	if (err == ERR_AGAIN)
		return api_hold(c, WAIT_MS, verify);
	if (err != 0)
		return refuse_signature(c, err);
	err = check_claims(c, w);
	return err != 0 ? err : give_role(c, w);
}

static int
assume_role_with_web_identity(struct api_call *c)
{
	struct sts_grant *g = sts_grant_new(c);
	struct web *w = arena_alloc(&c->mem, sizeof(*w));
	int err;

	w->grant = g;
	w->wait.fn = woken;
	w->wait.arg = c;
	c->user = w;
	c->on_free = forget_wait;
	err = read_token(c, w);
	return err != 0 ? err : verify(c);
}

static int
role_resource(struct api_call *c)
{
	return resource_add(c, api_str(c, "RoleArn"));
}

const struct api_op sts_web_ops[] = {
	{
	    .service = API_STS,
	    .access = API_WRITE,
	    .auth = API_UNSIGNED,
	    .name = "AssumeRoleWithWebIdentity",
	    .action = "sts:AssumeRoleWithWebIdentity",
	    .find = role_resource,
	    .input =
		"{ RoleArn*: " STS_ROLE_ARN "; RoleSessionName*: " STS_SESSION_NAME
		"; WebIdentityToken*~: string{4..20000}; ProviderId: string{4..2048}; "
		"PolicyArns: " STS_POLICY_ARNS "; Policy: " STS_POLICY
		"; DurationSeconds: integer{900..43200} }",
	    .run = assume_role_with_web_identity,
	    .response = sts_record,
	},
	{ 0 },
};
