/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of the audit trail, its marks and lines, and what checking finds. */
#include "unit/check.h"

#include "base/text.h"
#include "proto/audit_check.h"
#include "proto/audit_event.h"

enum { EVENTS = 5 };
#define ACCOUNT  "123456789012"
#define OK(call) assert_int_equal(call, 0)

/* A trail of five events with a checkpoint behind the third. */
struct trail {
	struct ed25519_key *key;
	struct audit_chain at[EVENTS + 1];
	char event[EVENTS + 1][80];
	struct audit_mark checkpoint, head;
};

static void
sign(const struct trail *t, struct audit_mark *m, enum audit_mark_kind kind, int n)
{
	*m =
	    (struct audit_mark){ .kind = kind, .at = t->at[n], .time_ms = 1795225285000 };
	OK(str_copy(m->account, sizeof(m->account), ACCOUNT));
	audit_mark_sign(m, t->key);
}

/* The chain anew, from what the events say. */
static void
chain(struct trail *t)
{
	struct audit_chain c = { 0 };

	t->at[0] = c;
	for (int i = 1; i <= EVENTS; i++) {
		audit_chain_add(&c, span_str(t->event[i]));
		t->at[i] = c;
	}
}

static void
trail_init(struct trail *t)
{
	static const uint8_t seed[ED25519_SEED_LEN] = { 7 };

	crypto_init();
	memset(t, 0, sizeof(*t));
	OK(ed25519_from_seed(&t->key, seed));
	for (int i = 1; i <= EVENTS; i++)
		snprintf(t->event[i], sizeof(t->event[i]),
		    "{\"eventID\":\"id-%d\",\"eventTime\":\"2026-11-21T01:00:0%dZ\"}", i,
		    i);
	chain(t);
	sign(t, &t->checkpoint, AUDIT_CHECKPOINT, 3);
	sign(t, &t->head, AUDIT_HEAD, EVENTS);
}

static int
check_event(struct audit_check *c, const struct trail *t, int n)
{
	return audit_check_event(c, &t->at[n], span_str(t->event[n]));
}

/* All of it; skip: an event that is not there. */
static int
check_all(struct audit_check *c, const struct trail *t, int skip)
{
	static const struct audit_chain zero;
	int r = 0;

	audit_check_begin(c, t->key, ACCOUNT, &zero);
	for (int i = 1; r == 0 && i <= EVENTS; i++) {
		if (i == skip)
			continue;
		r = check_event(c, t, i);
		if (r == 0 && i == 3)
			r = audit_check_mark(c, &t->checkpoint);
	}
	return r != 0 ? r : audit_check_head(c, &t->head);
}

static void
t_good(void **state)
{
	struct audit_check c;
	struct trail t;
	(void)state;

	trail_init(&t);
	OK(check_all(&c, &t, 0));
	assert_true(c.whole && !c.broken);
	assert_int_equal(c.events, EVENTS);
	assert_int_equal(c.marks, 2);
	assert_int_equal(c.signed_seq, EVENTS);
	ed25519_free(t.key);
}

static void
changed(struct trail *t)
{
	t->event[2][12] = 'X';
}

/* And everything computed anew, but without the key. */
static void
rewritten(struct trail *t)
{
	t->event[2][12] = 'X';
	chain(t);
}

static void
swapped(struct trail *t)
{
	char kept[sizeof(t->event[0])];

	memcpy(kept, t->event[2], sizeof(kept));
	memcpy(t->event[2], t->event[3], sizeof(kept));
	memcpy(t->event[3], kept, sizeof(kept));
}

static void
other_hash(struct trail *t)
{
	t->at[4].hash[0] ^= 1;
}

static void
bad_signature(struct trail *t)
{
	t->head.signature[5] ^= 1;
}

static void
checkpoint_as_head(struct trail *t)
{
	t->head = t->checkpoint;
	t->head.kind = AUDIT_HEAD;
}

static void
other_account(struct trail *t)
{
	OK(str_copy(t->head.account, sizeof(t->head.account), "210987654321"));
}

static void
nothing(struct trail *t)
{
	(void)t;
}

static void
t_broken(void **state)
{
	static const struct {
		const char *what;
		void (*tamper)(struct trail *t);
		int skip;
		int64_t seq;
		const char *id;
	} rows[] = {
		{ "an event was changed", changed, 0, 2, "Xd-2" },
		{ "and all hashes anew: the checkpoint", rewritten, 0, 3, "" },
		{ "two were swapped", swapped, 0, 2, "id-3" },
		{ "a hash was changed", other_hash, 0, 4, "id-4" },
		{ "the first is missing", nothing, 1, 1, "" },
		{ "one is missing", nothing, 4, 4, "" },
		{ "the last is missing", nothing, EVENTS, EVENTS, "" },
		{ "the head has another signature", bad_signature, 0, EVENTS, "" },
		{ "an old checkpoint for a head", checkpoint_as_head, 0, 3, "" },
		{ "the head of another account", other_account, 0, EVENTS, "" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct audit_check c;
		struct trail t;

		row(rows[i].what);
		trail_init(&t);
		rows[i].tamper(&t);
		assert_int_equal(check_all(&c, &t, rows[i].skip), ERR_CONFLICT);
		assert_true(c.broken && c.why[0] != '\0');
		assert_int_equal(c.broken_seq, rows[i].seq);
		assert_string_equal(c.broken_id, rows[i].id);
		ed25519_free(t.key);
	}
}

/* Retention took the first two away. */
static void
t_base(void **state)
{
	static const struct audit_chain zero;
	struct audit_check c;
	struct audit_mark base;
	struct trail t;
	(void)state;

	trail_init(&t);
	sign(&t, &base, AUDIT_BASE, 2);
	audit_check_begin(&c, t.key, ACCOUNT, &zero);
	OK(audit_check_base(&c, &base));
	for (int i = 3; i <= EVENTS; i++)
		OK(check_event(&c, &t, i));
	OK(audit_check_head(&c, &t.head));
	assert_true(c.whole);
	assert_int_equal(c.from.seq, 2);

	audit_check_begin(&c, t.key, ACCOUNT, &zero); /* a base that nobody signed */
	base.at.seq = 1;
	assert_int_equal(audit_check_base(&c, &base), ERR_CONFLICT);
	ed25519_free(t.key);
}

static void
t_lines(void **state)
{
	auto_arena mem = { 0 };
	auto_buf b = { .max = 65536 };
	struct span rest, line;
	struct audit_line l;
	struct trail t;
	(void)state;

	trail_init(&t);
	audit_line_begin(&b, &t.at[0], ACCOUNT, "a key");
	audit_line_event(&b, &t.at[1], span_str(t.event[1]));
	audit_line_mark(&b, &t.checkpoint);
	rest = buf_span(&b);
	assert_true(span_cut(&rest, '\n', &line));
	OK(audit_line_parse(&l, &mem, line));
	assert_int_equal(l.kind, AUDIT_LINE_BEGIN);
	assert_string_equal(l.public_key, "a key");
	assert_true(span_cut(&rest, '\n', &line));
	OK(audit_line_parse(&l, &mem, line));
	assert_true(span_eq_str(l.event, t.event[1]) && audit_chain_eq(&l.at, &t.at[1]));
	assert_true(span_cut(&rest, '\n', &line));
	OK(audit_line_parse(&l, &mem, line));
	OK(audit_mark_verify(&l.mark, t.key));
	l.mark.time_ms++;
	assert_int_equal(audit_mark_verify(&l.mark, t.key), ERR_SIGNATURE);
	ed25519_free(t.key);
}

static void
t_bad_lines(void **state)
{
	static const char *const rows[] = {
		"",
		"{}",
		"[]",
		"{\"seq\":1}",
		"{\"seq\":0,\"hash\":\"",
		"{\"seq\":-1,\"hash\":\"00\",\"event\":{}}",
		"{\"seq\":1,\"hash\":\"00\",\"event\":{}}",
		"{\"mark\":{}}",
		"{\"begin\":{},\"account\":\"123456789012\",\"publicKey\":\"\"}",
	};
	auto_arena mem = { 0 };
	struct audit_line l;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		row(rows[i]);
		assert_int_not_equal(audit_line_parse(&l, &mem, span_str(rows[i])), 0);
	}
}

/* --- records ------------------------------------------------------------------------ */

static json_t *
record(const struct audit_event *e)
{
	auto_buf b = { .max = AUDIT_EVENT_MAX };
	struct fault f = { 0 };
	json_t *o = NULL;

	audit_event_write(&b, e);
	OK(buf_check(&b));
	if (json_read(&o, buf_span(&b), &f) != 0)
		fail_msg("%s: %s", f.text, buf_cstr(&b));
	return o;
}

static void
t_identities(void **state)
{
	static const struct {
		const char *arn, *user_id, *type, *name, *issuer;
	} rows[] = {
		{ "arn:aws:iam::123456789012:user/ops/alice", "AIDA1", "IAMUser", "alice",
		    NULL },
		{ "arn:aws:sts::123456789012:assumed-role/Node/mi-1", "AROA1:mi-1",
		    "AssumedRole", NULL, "Node" },
		{ "arn:aws:iam::123456789012:root", "123456789012", "Root", NULL, NULL },
		{ "", "", "Unknown", NULL, NULL },
		{ NULL, NULL, "Unknown", NULL, NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct audit_event e = { .name = "X",
			.source = "ssm.amazonaws.com",
			.region = "eu-north-1",
			.account = ACCOUNT,
			.who = { .arn = rows[i].arn, .user_id = rows[i].user_id } };
		auto_json *o = record(&e);
		const json_t *who = json_get_obj(o, "userIdentity");
		const char *name = json_get_str(who, "userName");
		const char *issuer = json_get_str(
		    json_get_obj(json_get_obj(who, "sessionContext"), "sessionIssuer"),
		    "userName");

		row(rows[i].type);
		assert_string_equal(json_get_str(who, "type"), rows[i].type);
		assert_string_equal(
		    name != NULL ? name : "", rows[i].name != NULL ? rows[i].name : "");
		assert_string_equal(issuer != NULL ? issuer : "",
		    rows[i].issuer != NULL ? rows[i].issuer : "");
	}
}

static void
t_tls(void **state)
{
	static const struct audit_tls tls = { "TLSv1.3", "TLS_AES_128_GCM_SHA256", "ssm:8443" };
	struct audit_event e = { .name = "X",
		.source = "ssm.amazonaws.com",
		.region = "eu-north-1",
		.account = ACCOUNT };
	auto_json *plain = record(&e), *o;
	const json_t *details;
	(void)state;

	assert_null(json_get_obj(plain, "tlsDetails"));
	e.tls = tls;
	o = record(&e);
	details = json_get_obj(o, "tlsDetails");
	assert_string_equal(json_get_str(details, "tlsVersion"), tls.version);
	assert_string_equal(json_get_str(details, "cipherSuite"), tls.cipher);
	assert_string_equal(json_get_str(details, "clientProvidedHostHeader"), tls.host);
	e.tls = (struct audit_tls){ .host = "ssm:8080" }; /* plain */
	json_decref(o);
	o = record(&e);
	assert_null(json_get_obj(o, "tlsDetails"));
}

static void
t_resources(void **state)
{
	static const struct {
		const char *arn, *type, *name;
	} rows[] = {
		{ "arn:aws:ssm:eu-north-1:1:managed-instance/mi-1",
		    "AWS::SSM::ManagedInstance", "mi-1" },
		{ "arn:aws:ec2:eu-north-1:1:instance/i-1", "AWS::EC2::Instance", "i-1" },
		{ "arn:aws:ssm:eu-north-1::document/AWS-StartSSHSession",
		    "AWS::SSM::Document", "AWS-StartSSHSession" },
		{ "arn:aws:iam::1:user/a/b/alice", "AWS::IAM::User", "alice" },
		{ "arn:aws:iam::1:policy/x", "AWS::IAM::ManagedPolicy", "x" },
		{ "mi-1", "", "mi-1" },
	};
	auto_arena mem = { 0 };
	struct audit_resource r;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		row(rows[i].arn);
		audit_resource_of(&r, &mem, rows[i].arn);
		assert_string_equal(r.type, rows[i].type);
		assert_string_equal(r.name, rows[i].name);
	}
	assert_true(audit_resource_is_any("*"));
	assert_true(audit_resource_is_any("arn:aws:ssm:eu-north-1:1:*"));
	assert_false(audit_resource_is_any("arn:aws:iam::1:user/alice"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_good),
		cmocka_unit_test(t_broken),
		cmocka_unit_test(t_base),
		cmocka_unit_test(t_lines),
		cmocka_unit_test(t_bad_lines),
		cmocka_unit_test(t_identities),
		cmocka_unit_test(t_tls),
		cmocka_unit_test(t_resources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
