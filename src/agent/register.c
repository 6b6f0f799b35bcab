/* SPDX-License-Identifier: Apache-2.0 */
/* See register.h. */
#include "agent/register.h"

#include "agent/aws.h"
#include "base/text.h"
#include "codec/json.h"
#include "codec/jsonw.h"
#include "crypto/crypto.h"
#include "proto/ids.h"

enum { TRIES = 3, PAUSE_MS = 1500, TEXT_MAX = 16 * 1024 };

struct job {
	struct ev_loop *loop;
	struct agent_aws *aws;
	struct buf body;
	struct ev_timer pause;
	int tries;
	int result;
	struct fault *f;
	char node_id[ID_SESSION_MAX + 1];
};

static void
finish(struct job *j, int result)
{
	j->result = result;
	ev_stop(j->loop);
}

static void ask(void *arg);

static int
read_answer(struct job *j, struct span body)
{
	auto_json *v = NULL;
	const char *id;

	if (json_read(&v, body, NULL) != 0 ||
	    (id = json_get_str(v, "InstanceId")) == NULL ||
	    !id_node_valid(span_str(id)) ||
	    str_copy(j->node_id, sizeof(j->node_id), id) != 0)
		return fault_set(j->f, ERR_PROTOCOL,
		    "the server's answer to RegisterManagedInstance is not understood");
	return 0;
}

static void
on_answer(void *arg, const struct agent_answer *a)
{
	struct job *j = arg;
	bool passing = (a->err != 0 && a->err != ERR_TLS) || a->status >= 500;

	if (a->err == 0 && a->status == 200) {
		finish(j, read_answer(j, a->body));
	} else if (passing && ++j->tries < TRIES) {
		ev_timer_set(j->loop, &j->pause, PAUSE_MS, ask, j);
	} else {
		finish(
		    j, fault_set(j->f, a->err != 0 ? a->err : ERR_DENIED, "%s", a->why));
	}
}

static void
ask(void *arg)
{
	struct job *j = arg;

	agent_aws_post(j->aws,
	    &(struct agent_request){
		.service = "ssm",
		.path = "/",
		.target = "AmazonSSM.RegisterManagedInstance",
		.body = buf_span(&j->body),
		.auth = AGENT_AUTH_NONE,
	    },
	    on_answer, j);
}

static int
build_body(struct buf *out, const struct agent_register_options *o,
    const char *fingerprint, struct rsa_key *key)
{
	auto_buf public = { 0 };
	struct jsonw w;

	buf_init(&public, TEXT_MAX);
	rsa_store_public(key, &public);
	jw_init(&w, out);
	jw_open(&w, '{');
	jw_field_str(&w, "ActivationCode", o->activation_code);
	jw_field_str(&w, "ActivationId", o->activation_id);
	jw_field_str(&w, "Fingerprint", fingerprint);
	jw_field_str(&w, "PublicKey", buf_cstr(&public));
	jw_field_str(&w, "PublicKeyType", "Rsa");
	jw_close(&w, '}');
	return buf_check(out);
}

static void
run(struct job *j, const struct agent_register_options *o)
{
	j->aws = agent_aws_new(j->loop,
	    &(struct agent_aws_options){
		.endpoint = o->endpoint,
		.region = o->region,
		.node_id = "",
		.tls = o->tls,
		.proxy = o->proxy,
		.no_proxy = o->no_proxy,
	    });
	ask(j);
	ev_run(j->loop);
	ev_timer_clear(&j->pause);
	agent_aws_free(j->aws);
}

int
agent_register(struct ev_loop *l, struct agent_reg *reg, struct buf *key,
    const struct agent_register_options *o, struct fault *f)
{
	struct job j = { .loop = l, .f = f, .result = ERR_CANCELLED };
	char fingerprint[UUID_LEN + 1];
	struct rsa_key *pair = NULL;
	uint8_t raw[16];
	int r;

	if ((r = rsa_generate(&pair, f)) != 0)
		return r;
	ev_random(l, raw, sizeof(raw));
	uuid_format(fingerprint, raw);
	buf_init(&j.body, TEXT_MAX);
	rsa_store_private(pair, key);
	r = build_body(&j.body, o, fingerprint, pair);
	rsa_free(pair);
	if (r == 0 && (r = buf_check(key)) == 0) {
		run(&j, o);
		r = j.result;
	}
	buf_fini(&j.body);
	if (r != 0)
		return r;
	reg->node_id = xstrdup(j.node_id);
	reg->endpoint = xstrdup(o->endpoint);
	reg->region = xstrdup(o->region);
	reg->fingerprint = xstrdup(fingerprint);
	return 0;
}
