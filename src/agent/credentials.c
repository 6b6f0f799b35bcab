/* SPDX-License-Identifier: Apache-2.0 */
/* See credentials.h. */
#include "agent/credentials.h"

#include "agent/backoff.h"
#include "agent/files.h"
#include "base/log.h"
#include "base/text.h"
#include "codec/json.h"
#include "codec/jsonw.h"
#include "crypto/crypto.h"
#include "proto/ids.h"

enum {
	SPARE_MS = 60 * 1000, /* credentials that end sooner are not worth using */
	REFUSED_PAUSE_MS = 30 * 1000,
	LIFE_MIN_MS = 20 * 1000, /* never renew more often than every ten seconds */
	KEY_TEXT_MAX = 8192,
};

struct agent_creds {
	struct ev_loop *loop;
	struct agent_aws *aws;
	struct spawner *spawner;
	char *fingerprint;
	struct rsa_key *key;     /* NULL: static credentials */
	struct rsa_key *new_key; /* the server may or may not know it; or NULL */
	bool unsure;             /* which of the two: a change was interrupted */
	bool new_key_unsure;     /* from before a crash */
	struct sigv4_credentials keys;
	char *access, *secret, *token;  /* owned; what keys points to */
	int64_t expire_ms, obtained_ms; /* server's time */
	struct agent_call *call;
	struct agent_backoff backoff;
	struct ev_timer timer;
	uint64_t refused_ms; /* loop clock, 0: never */
	ev_cb *ready;
	void *arg;
	bool was_ready;
	char trouble[240];
};

static void ask(void *arg);
static void rotate(struct agent_creds *c);

/* --- what we have ------------------------------------------------------- */

static void
drop_keys(struct agent_creds *c)
{
	agent_aws_set_keys(c->aws, NULL);
	free(c->access);
	secret_free(c->secret);
	secret_free(c->token);
	c->access = c->secret = c->token = NULL;
}

static void
take_keys(
    struct agent_creds *c, const char *access, const char *secret, const char *token)
{
	char *a = xstrdup(access), *s = xstrdup(secret);
	char *t = token != NULL && *token != '\0' ? xstrdup(token) : NULL;

	drop_keys(c);
	c->access = a;
	c->secret = s;
	c->token = t;
	c->keys = (struct sigv4_credentials){ a, s, t };
	agent_aws_set_keys(c->aws, &c->keys);
}

bool
agent_creds_good(const struct agent_creds *c)
{
	return c->access != NULL &&
	    (c->expire_ms == 0 || agent_aws_now_ms(c->aws) < c->expire_ms);
}

int64_t
agent_creds_expire_ms(const struct agent_creds *c)
{
	return c->expire_ms;
}

const char *
agent_creds_trouble(const struct agent_creds *c)
{
	return c->trouble;
}

static void
tell_ready(struct agent_creds *c)
{
	if (c->was_ready)
		return;
	c->was_ready = true;
	c->ready(c->arg);
}

/* Waits until half of what is left from the day they were made has passed. */
static void
plan_renewal(struct agent_creds *c)
{
	int64_t life = MAX(c->expire_ms - c->obtained_ms, (int64_t)LIFE_MIN_MS);
	int64_t wait = c->obtained_ms + life / 2 - agent_aws_now_ms(c->aws);

	ev_timer_set(c->loop, &c->timer, wait > 1000 ? (uint64_t)wait : 1000, ask, c);
}

/* --- kept over a restart ------------------------------------------------ */

static void
save(struct agent_creds *c)
{
	struct fault f = { 0 };
	auto_buf b = { 0 };
	struct jsonw w;

	buf_init(&b, AGENT_FILE_MAX);
	jw_init(&w, &b);
	jw_open(&w, '{');
	jw_field_str(&w, "AccessKeyId", c->access);
	jw_field_str(&w, "SecretAccessKey", c->secret);
	jw_field_opt(&w, "SessionToken", c->token);
	jw_field_int(&w, "ExpireMs", c->expire_ms);
	jw_field_int(&w, "ObtainedMs", c->obtained_ms);
	jw_close(&w, '}');
	if (buf_check(&b) != 0 ||
	    spawner_save(c->spawner, FILE_CREDENTIALS, buf_span(&b), &f) != 0)
		log_warn("credentials not kept", "why=%s", log_q(fault_text(&f)));
}

static void
restore(struct agent_creds *c, struct span saved)
{
	int64_t now_ms = agent_aws_now_ms(c->aws);
	const char *access, *secret;
	auto_json *v = NULL;

	if (saved.n == 0 || json_read(&v, saved, NULL) != 0)
		return;
	access = json_get_str(v, "AccessKeyId");
	secret = json_get_str(v, "SecretAccessKey");
	c->expire_ms = json_get_int(v, "ExpireMs", 0);
	c->obtained_ms = json_get_int(v, "ObtainedMs", 0);
	if (access == NULL || secret == NULL || c->expire_ms < now_ms + SPARE_MS ||
	    c->obtained_ms > now_ms) {
		c->expire_ms = c->obtained_ms = 0;
		return;
	}
	take_keys(c, access, secret, json_get_str(v, "SessionToken"));
}

/* --- asking ------------------------------------------------------------- */

static void
failed(struct agent_creds *c, const char *why)
{
	uint64_t wait = agent_backoff_next(&c->backoff, c->loop);

	if (strcmp(c->trouble, why) != 0 || c->backoff.attempt < 5)
		log_warn("no credentials", "why=%s retry_s=%llu", log_q(why),
		    (unsigned long long)(wait / 1000));
	(void)snprintf(c->trouble, sizeof(c->trouble), "%s", why);
	ev_timer_set(c->loop, &c->timer, wait, ask, c);
}

static int
read_answer(struct agent_creds *c, struct span body, bool *update_key)
{
	const char *access, *secret, *token;
	auto_json *v = NULL;
	json_t *when;

	if (json_read(&v, body, NULL) != 0)
		return ERR_INVALID;
	access = json_get_str(v, "AccessKeyId");
	secret = json_get_str(v, "SecretAccessKey");
	token = json_get_str(v, "SessionToken");
	when = json_object_get(v, "TokenExpirationDate");
	if (access == NULL || secret == NULL || !json_is_number(when))
		return ERR_INVALID;
	if (json_number_value(when) < 0 || json_number_value(when) > 1e11)
		return ERR_INVALID;
	c->obtained_ms = agent_aws_now_ms(c->aws);
	c->expire_ms = (int64_t)(json_number_value(when) * 1000);
	*update_key = json_get_bool(v, "UpdateKeyPair", false);
	take_keys(c, access, secret, token);
	return 0;
}

static void
swap_keys(struct agent_creds *c)
{
	struct rsa_key *k = c->key;

	c->key = c->new_key;
	c->new_key = k;
	agent_aws_set_key(c->aws, c->key);
}

/* The server knows c->key: from now on it is the only one. */
static void
settle_key(struct agent_creds *c)
{
	struct fault f = { 0 };
	auto_buf b = { 0 };

	buf_init(&b, KEY_TEXT_MAX);
	rsa_store_private(c->key, &b);
	rsa_free(STEAL(c->new_key));
	c->unsure = false;
	if (spawner_save(c->spawner, FILE_NODE_KEY, buf_span(&b), &f) != 0 ||
	    spawner_save(c->spawner, FILE_NODE_KEY_NEW, SPAN_NONE, &f) != 0)
		log_error("node key not written", "why=%s", log_q(fault_text(&f)));
	else
		log_info("node key settled", "");
}

static void
on_answer(void *arg, const struct agent_answer *a)
{
	struct agent_creds *c = arg;
	bool update_key = false;

	c->call = NULL;
	if (a->err != 0 || a->status != 200) {
		if (c->unsure && a->status >= 400 && a->status < 500)
			swap_keys(c); /* perhaps it knows the other one */
		failed(c, a->why);
		return;
	}
	if (read_answer(c, a->body, &update_key) != 0) {
		failed(c,
		    "the server's answer to RequestManagedInstanceRoleToken is "
		    "not understood");
		return;
	}
	agent_backoff_reset(&c->backoff);
	c->trouble[0] = '\0';
	log_info("credentials renewed", "key=%s life_s=%lld", c->access,
	    (long long)((c->expire_ms - c->obtained_ms) / 1000));
	save(c);
	if (c->unsure)
		settle_key(c);
	plan_renewal(c);
	tell_ready(c);
	if (update_key)
		rotate(c);
}

static void
ask(void *arg)
{
	struct agent_creds *c = arg;
	auto_buf b = { 0 };
	struct jsonw w;

	if (c->key == NULL || c->call != NULL)
		return;
	buf_init(&b, 1024);
	jw_init(&w, &b);
	jw_open(&w, '{');
	jw_field_str(&w, "Fingerprint", c->fingerprint);
	jw_close(&w, '}');
	c->call = agent_aws_post(c->aws,
	    &(struct agent_request){
		.service = "ssm",
		.path = "/",
		.target = "AmazonSSM.RequestManagedInstanceRoleToken",
		.body = buf_span(&b),
		.auth = AGENT_AUTH_RSA,
	    },
	    on_answer, c);
}

void
agent_creds_refused(struct agent_creds *c)
{
	uint64_t now = ev_now_ms(c->loop);

	if (c->key == NULL || c->call != NULL ||
	    (c->refused_ms != 0 && now - c->refused_ms < REFUSED_PAUSE_MS))
		return;
	c->refused_ms = now;
	log_warn("credentials refused", "action=\"asking for new ones\"");
	ev_timer_set(c->loop, &c->timer, 0, ask, c);
}

/* --- a new key pair when the server wants one --------------------------- */

static void
on_rotated(void *arg, const struct agent_answer *a)
{
	struct agent_creds *c = arg;

	c->call = NULL;
	if (a->err == 0 && a->status == 200) {
		swap_keys(c);
		settle_key(c);
		return;
	}
	log_warn("key not changed", "why=%s", log_q(a->why));
	if (a->err != 0 || a->status >= 500)
		c->unsure = true; /* it may have happened; the next token call tells */
	else
		settle_key(c);
}

/*
 * The new key is on disk before the server learns of it: whichever of the two it knows
 * after a crash, the node still has it.
 */
static void
rotate(struct agent_creds *c)
{
	auto_buf private = { 0 }, public = { 0 }, body = { 0 };
	struct fault f = { 0 };
	struct jsonw w;

	buf_init(&private, KEY_TEXT_MAX);
	buf_init(&public, KEY_TEXT_MAX);
	buf_init(&body, KEY_TEXT_MAX);
	if (c->unsure || rsa_generate(&c->new_key, &f) != 0)
		goto bad;
	rsa_store_private(c->new_key, &private);
	rsa_store_public(c->new_key, &public);
	if (spawner_save(c->spawner, FILE_NODE_KEY_NEW, buf_span(&private), &f) != 0)
		goto bad;
	jw_init(&w, &body);
	jw_open(&w, '{');
	jw_field_str(&w, "NewPublicKey", buf_cstr(&public));
	jw_field_str(&w, "NewPublicKeyType", "Rsa");
	jw_close(&w, '}');
	c->call = agent_aws_post(c->aws,
	    &(struct agent_request){
		.service = "ssm",
		.path = "/",
		.target = "AmazonSSM.UpdateManagedInstancePublicKey",
		.body = buf_span(&body),
		.auth = AGENT_AUTH_RSA,
	    },
	    on_rotated, c);
	return;
bad:
	log_warn("key not changed", "why=%s", log_q(fault_text(&f)));
	if (!c->unsure)
		rsa_free(STEAL(c->new_key));
}

/* --- life --------------------------------------------------------------- */

int
agent_creds_new(struct agent_creds **out, struct ev_loop *l, struct agent_aws *w,
    struct spawner *sp, const struct agent_creds_options *o, ev_cb *ready, void *arg,
    struct fault *f)
{
	struct agent_creds *c = xcalloc(1, sizeof(*c));
	int r = 0;

	c->loop = l;
	c->aws = w;
	c->spawner = sp;
	c->ready = ready;
	c->arg = arg;
	c->backoff = (struct agent_backoff){ .base_ms = 1000, .cap_ms = 60 * 1000 };
	c->fingerprint = xstrdup(o->fingerprint);
	if (*o->access_key != '\0')
		take_keys(c, o->access_key, o->secret_key, NULL);
	else if ((r = rsa_load_private(&c->key, o->key, f)) == 0)
		restore(c, o->saved);
	if (r == 0 && o->new_key.n > 0)
		c->unsure = rsa_load_private(&c->new_key, o->new_key, NULL) == 0;
	if (r != 0) {
		agent_creds_free(c);
		return r;
	}
	agent_aws_set_key(w, c->key);
	*out = c;
	return 0;
}

static void
on_start(void *arg)
{
	struct agent_creds *c = arg;

	if (!agent_creds_good(c)) {
		ask(c);
		return;
	}
	if (c->key != NULL)
		plan_renewal(c);
	tell_ready(c);
}

void
agent_creds_start(struct agent_creds *c)
{
	ev_timer_set(c->loop, &c->timer, 0, on_start, c);
}

void
agent_creds_free(struct agent_creds *c)
{
	if (c == NULL)
		return;
	ev_timer_clear(&c->timer);
	agent_call_cancel(c->call);
	drop_keys(c);
	agent_aws_set_key(c->aws, NULL);
	rsa_free(c->key);
	rsa_free(c->new_key);
	free(c->fingerprint);
	free(c);
}
