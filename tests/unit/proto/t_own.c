/* SPDX-License-Identifier: Apache-2.0 */
/* What our server and our client say to each other: written, read, and refused. */
#include "crypto/crypto.h"
#include "proto/own.h"
#include "vec.h"

#define SID "alice-0a1b2c3d4e5f60718"
#define KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void
t_written(void **state)
{
	static const struct {
		const char *what, *type;
		struct own_words words;
		const char *json;
	} t[] = {
		{ "a secret", MSG_OWN_RESUME, { SID, KEY, NULL },
		    "{\"SessionId\":\"" SID "\",\"Secret\":\"" KEY "\"}" },
		{ "accepted, no new secret", MSG_OWN_RESUME, { SID, "", "" },
		    "{\"SessionId\":\"" SID "\"}" },
		{ "kept", MSG_OWN_KEPT, { SID, NULL, NULL },
		    "{\"SessionId\":\"" SID "\"}" },
		{ "refused", MSG_OWN_REFUSED, { SID, NULL, "no" },
		    "{\"SessionId\":\"" SID "\",\"Message\":\"no\"}" },
	};
	const struct control_head head = { .created_ms = vec_ms, .id = { 7 } };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct own_words back;
		struct agentmsg m;
		auto_arena mem = { 0 };
		auto_buf out = { .max = OWN_MESSAGE_MAX };

		row(t[i].what);
		own_build(&out, t[i].type, &head, &t[i].words);
		assert_int_equal(agentmsg_decode(&m, buf_span(&out)), 0);
		assert_int_equal(agentmsg_check_digest(&m), 0);
		assert_true(agentmsg_is(&m, t[i].type));
		check_text(m.payload, t[i].json);
		assert_int_equal(own_parse(&back, &mem, m.payload), 0);
		assert_string_equal(back.session_id, SID);
		assert_string_equal(
		    back.secret, t[i].words.secret != NULL ? t[i].words.secret : "");
		assert_string_equal(
		    back.message, t[i].words.message != NULL ? t[i].words.message : "");
	}
}

static void
t_refused(void **state)
{
	static const struct {
		const char *what, *json;
		int r;
	} t[] = {
		{ "nothing", "", ERR_INVALID },
		{ "no object", "[]", ERR_INVALID },
		{ "no session", "{\"Secret\":\"x\"}", ERR_INVALID },
		{ "a secret that is none", "{\"SessionId\":\"s\",\"Secret\":7}",
		    ERR_INVALID },
		{ "a secret that is too long",
		    "{\"SessionId\":\"s\",\"Secret\":\"" KEY "A\"}", ERR_LIMIT },
		{ "words that would move the cursor",
		    "{\"SessionId\":\"s\",\"Message\":\"\\u001b[2J\"}", ERR_INVALID },
		{ "a line of its own", "{\"SessionId\":\"s\",\"Message\":\"a\\nb\"}",
		    ERR_INVALID },
		{ "members of tomorrow", "{\"SessionId\":\"s\",\"Colour\":\"red\"}", 0 },
	};
	auto_buf large = { .max = 1 << 20 };
	struct own_words w;
	auto_arena all = { 0 };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_arena mem = { 0 };

		row(t[i].what);
		assert_int_equal(own_parse(&w, &mem, span_str(t[i].json)), t[i].r);
	}
	row("more than a message");
	buf_add_str(&large, "{\"SessionId\":\"s\"}");
	while (large.len <= OWN_MESSAGE_MAX)
		buf_add_str(&large, " ");
	assert_int_equal(own_parse(&w, &all, buf_span(&large)), ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_written),
		cmocka_unit_test(t_refused),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
