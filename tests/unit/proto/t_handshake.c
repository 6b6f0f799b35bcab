/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handshake messages against recorded ones, our extension, what a peer may get wrong, and
 * the version rules that replace negotiation between stock peers.
 */
#include "crypto/crypto.h"
#include "proto/handshake.h"
#include "vec.h"

enum { OUT_MAX = 16 * 1024 };

static struct span
payload_of(struct buf *store, int which)
{
	struct agentmsg m;

	buf_init(store, OUT_MAX);
	vec_read(store, which);
	assert_int_equal(agentmsg_decode(&m, buf_span(store)), 0);
	return m.payload;
}

static void
t_request_vector(void **state)
{
	struct handshake_request r, back;
	auto_arena mem;
	auto_buf vec, out;
	struct span want = payload_of(&vec, 3);
	(void)state;

	arena_init(&mem);
	assert_int_equal(handshake_request_parse(&r, &mem, want, NULL), 0);
	assert_string_equal(r.agent_version, "3.3.987.0");
	assert_int_equal(r.nactions, 1);
	assert_string_equal(r.actions[0].session_type, "Standard_Stream");
	assert_int_equal(r.actions[0].properties.n, 0);
	assert_false(r.ext.present);
	assert_ptr_equal(handshake_request_find(&r, ACTION_SESSION_TYPE), &r.actions[0]);
	assert_null(handshake_request_find(&r, ACTION_KMS));
	buf_init(&out, OUT_MAX);
	handshake_request_build(&out, &r);
	check_span(buf_span(&out), want);

	row("with properties, encryption and the extension");
	r.actions[0].session_type = "Port";
	r.actions[0].properties = SPAN("{\"portNumber\":\"80\"}");
	r.actions[1] = (struct handshake_action){ .type = ACTION_KMS,
		.kms_key_id = "arn:aws:kms:eu-1:000000000000:key/k",
		.challenge = "AAAA" };
	r.nactions = 2;
	r.ext = handshake_ext_ours(65536, 1048576);
	r.ext.input = true;
	buf_reset(&out);
	handshake_request_build(&out, &r);
	check_text(buf_span(&out),
	    "{\"AgentVersion\":\"3.3.987.0\",\"RequestedClientActions\":["
	    "{\"ActionType\":\"SessionType\",\"ActionParameters\":{\"SessionType\":"
	    "\"Port\","
	    "\"Properties\":{\"portNumber\":\"80\"}}},"
	    "{\"ActionType\":\"KMSEncryption\",\"ActionParameters\":{\"KMSKeyId\":"
	    "\"arn:aws:kms:eu-1:000000000000:key/k\",\"Challenge\":\"AAAA\"}}],"
	    "\"Sallyport\":{\"Version\":1,\"ExitStatus\":true,\"Input\":true,"
	    "\"NoDigest\":true,\"Attached\":true,\"MaxPayload\":65536,\"Window\":1048576}"
	    "}");
	assert_int_equal(handshake_request_parse(&back, &mem, buf_span(&out), NULL), 0);
	assert_int_equal(back.nactions, 2);
	check_text(back.actions[0].properties, "{\"portNumber\":\"80\"}");
	assert_string_equal(back.actions[1].challenge, "AAAA");
	assert_true(back.ext.present && back.ext.exit_status && back.ext.input);
	assert_true(back.ext.no_digest && back.ext.attached);
	assert_int_equal(back.ext.max_payload, 65536);
	assert_int_equal(back.ext.window, 1048576);
}

static void
t_request_refused(void **state)
{
	static const struct {
		const char *what, *json;
		int want;
	} t[] = {
		{ "not JSON", "{", ERR_INVALID },
		{ "a list", "[]", ERR_INVALID },
		{ "no members at all", "{}", 0 },
		{ "keys in another case",
		    "{\"agentversion\":\"3.3.0.0\",\"REQUESTEDclientactions\":[]}", 0 },
		{ "actions null",
		    "{\"AgentVersion\":\"3\",\"RequestedClientActions\":null}", 0 },
		{ "actions no list", "{\"RequestedClientActions\":{}}", ERR_INVALID },
		{ "an action that is no object", "{\"RequestedClientActions\":[1]}",
		    ERR_INVALID },
		{ "a session type without parameters",
		    "{\"RequestedClientActions\":[{\"ActionType\":\"SessionType\"}]}",
		    ERR_INVALID },
		{ "an unknown action",
		    "{\"RequestedClientActions\":[{\"ActionType\":\"Dance\"}]}", 0 },
		{ "too many",
		    "{\"RequestedClientActions\":[{\"ActionType\":\"a\"},{\"ActionType\":"
		    "\"a\"},"
		    "{\"ActionType\":\"a\"},{\"ActionType\":\"a\"},{\"ActionType\":\"a\"}"
		    ","
		    "{\"ActionType\":\"a\"},{\"ActionType\":\"a\"},{\"ActionType\":\"a\"}"
		    ","
		    "{\"ActionType\":\"a\"}]}",
		    ERR_LIMIT },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct handshake_request r;
		auto_arena mem;

		row(t[i].what);
		arena_init(&mem);
		assert_int_equal(
		    handshake_request_parse(&r, &mem, span_str(t[i].json), NULL),
		    t[i].want);
	}
}

static void
t_response_vector(void **state)
{
	struct handshake_response r;
	auto_arena mem;
	auto_buf vec, out;
	struct span want = payload_of(&vec, 4);
	(void)state;

	arena_init(&mem);
	assert_int_equal(handshake_response_parse(&r, &mem, want, NULL), 0);
	assert_string_equal(r.client_version, "1.2.707.0");
	assert_int_equal(r.nresults, 1);
	assert_int_equal(r.results[0].status, HANDSHAKE_SUCCESS);
	assert_int_equal(r.nerrors, 0);
	buf_init(&out, OUT_MAX);
	handshake_response_build(&out, &r);
	check_span(buf_span(&out), want);
}

static const char unknown_action[] =
    "{\"AgentVersion\":\"3.3.987.0\",\"RequestedClientActions\":["
    "{\"ActionType\":\"SessionType\",\"ActionParameters\":{\"SessionType\":\"Port\","
    "\"Properties\":{}}},{\"ActionType\":\"Dance\",\"ActionParameters\":{}}]}";

static const char kms_action[] =
    "{\"AgentVersion\":\"3.3.987.0\",\"RequestedClientActions\":["
    "{\"ActionType\":\"KMSEncryption\",\"ActionParameters\":{\"KMSKeyId\":\"k\"}},"
    "{\"ActionType\":\"SessionType\",\"ActionParameters\":{\"SessionType\":"
    "\"Standard_Stream\"}}]}";

/* 9.2.2: one answer, which names every action. */
static void
t_answer(void **state)
{
	static const struct {
		const char *what, *json;
		int want, check;
		const char *answer;
	} t[] = {
		{ "a shell",
		    "{\"RequestedClientActions\":[{\"ActionType\":\"SessionType\","
		    "\"ActionParameters\":{\"SessionType\":\"Standard_Stream\"}}]}",
		    0, 0,
		    "{\"ClientVersion\":\"1.2.707.0\",\"ProcessedClientActions\":["
		    "{\"ActionType\":\"SessionType\",\"ActionStatus\":1,\"ActionResult\":"
		    "null,"
		    "\"Error\":\"\"}],\"Errors\":null}" },
		{ "a session type nobody knows",
		    "{\"RequestedClientActions\":[{\"ActionType\":\"SessionType\","
		    "\"ActionParameters\":{\"SessionType\":\"Video\"}}]}",
		    ERR_UNSUPPORTED, ERR_DENIED,
		    "{\"ClientVersion\":\"1.2.707.0\",\"ProcessedClientActions\":["
		    "{\"ActionType\":\"SessionType\",\"ActionStatus\":2,\"ActionResult\":"
		    "null,"
		    "\"Error\":\"Failed to process action SessionType: Unknown session "
		    "type\"}],"
		    "\"Errors\":[\"Unknown session type\"]}" },
		{ "an action nobody knows is tolerated by our agent", unknown_action, 0,
		    0,
		    "{\"ClientVersion\":\"1.2.707.0\",\"ProcessedClientActions\":["
		    "{\"ActionType\":\"SessionType\",\"ActionStatus\":1,\"ActionResult\":"
		    "null,"
		    "\"Error\":\"\"},{\"ActionType\":\"Dance\",\"ActionStatus\":3,"
		    "\"ActionResult\":null,"
		    "\"Error\":\"Failed to process action Dance: Unsupported action\"}],"
		    "\"Errors\":[\"Unsupported action\"]}" },
		{ "9.2.8 KMS: there is no key service here, so the agent must not "
		  "encrypt",
		    kms_action, 0, ERR_DENIED,
		    "{\"ClientVersion\":\"1.2.707.0\",\"ProcessedClientActions\":["
		    "{\"ActionType\":\"KMSEncryption\",\"ActionStatus\":2,"
		    "\"ActionResult\":"
		    "null,\"Error\":\"Failed to process action KMSEncryption: this "
		    "client does "
		    "not support KMS encryption\"},{\"ActionType\":\"SessionType\","
		    "\"ActionStatus\":1,\"ActionResult\":null,\"Error\":\"\"}],"
		    "\"Errors\":[\"this client does not support KMS encryption\"]}" },
		{ "nothing asked", "{}", ERR_UNSUPPORTED, 0,
		    "{\"ClientVersion\":\"1.2.707.0\",\"ProcessedClientActions\":[],"
		    "\"Errors\":null}" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const struct handshake_action *session;
		struct handshake_response answer, back;
		struct handshake_request r;
		auto_arena mem;
		auto_buf out;

		row(t[i].what);
		arena_init(&mem);
		buf_init(&out, OUT_MAX);
		assert_int_equal(
		    handshake_request_parse(&r, &mem, span_str(t[i].json), NULL), 0);
		assert_int_equal(
		    handshake_answer(&answer, &session, &r, &mem, NULL), t[i].want);
		assert_int_equal(session != NULL, t[i].want == 0);
		handshake_response_build(&out, &answer);
		check_text(buf_span(&out), t[i].answer);
		assert_int_equal(
		    handshake_response_parse(&back, &mem, buf_span(&out), NULL), 0);
		assert_int_equal(handshake_check(&r, &back, NULL), t[i].check);
	}
}

/* 5.2: for an unknown action the stock plugin says status 0 and goes on. */
static void
t_stock_answers(void **state)
{
	static const struct {
		const char *what, *json;
		int want;
	} t[] = {
		{ "stock plugin, unknown action",
		    "{\"ClientVersion\":\"1.2.707.0\",\"ProcessedClientActions\":["
		    "{\"ActionType\":\"SessionType\",\"ActionStatus\":1,\"ActionResult\":"
		    "null,"
		    "\"Error\":\"\"},{\"ActionType\":\"Dance\",\"ActionStatus\":0,"
		    "\"ActionResult\":3,\"Error\":\"\"}],\"Errors\":null}",
		    0 },
		{ "session type failed",
		    "{\"ProcessedClientActions\":[{\"ActionType\":\"SessionType\","
		    "\"ActionStatus\":2,\"Error\":\"no\"}]}",
		    ERR_DENIED },
		{ "session type with status 0",
		    "{\"ProcessedClientActions\":[{\"ActionType\":\"SessionType\","
		    "\"ActionStatus\":0}]}",
		    ERR_DENIED },
		{ "session type not answered", "{\"ProcessedClientActions\":[]}",
		    ERR_DENIED },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct handshake_response r;
		struct handshake_request asked;
		auto_arena mem;

		row(t[i].what);
		arena_init(&mem);
		assert_int_equal(
		    handshake_request_parse(&asked, &mem, span_str(unknown_action), NULL),
		    0);
		assert_int_equal(
		    handshake_response_parse(&r, &mem, span_str(t[i].json), NULL), 0);
		assert_int_equal(handshake_check(&asked, &r, NULL), t[i].want);
	}
}

static void
t_ext(void **state)
{
	static const struct {
		const char *what, *ext;
		bool present;
		uint32_t payload, window;
		bool input;
	} t[] = {
		{ "ours",
		    "{\"Version\":1,\"ExitStatus\":true,\"MaxPayload\":65536,\"Window\":"
		    "1048576}",
		    true, 65536, 1048576, false },
		{ "with input",
		    "{\"Version\":1,\"Input\":true,\"MaxPayload\":2048,\"Window\":65536}",
		    true, 2048, 65536, true },
		{ "input that is no boolean",
		    "{\"Version\":1,\"Input\":1,\"MaxPayload\":2048,\"Window\":65536}",
		    true, 2048, 65536, false },
		{ "input and nothing else", "{\"Version\":1,\"Input\":true}", false, 0, 0,
		    false },
		{ "a later version",
		    "{\"Version\":7,\"MaxPayload\":2048,\"Window\":65536,\"New\":[]}",
		    true, 2048, 65536, false },
		{ "too much is cut down",
		    "{\"Version\":1,\"MaxPayload\":999999999,\"Window\":9999999999}",
		    true, HANDSHAKE_EXT_PAYLOAD_MAX, HANDSHAKE_EXT_WINDOW_MAX, false },
		{ "no payload size", "{\"Version\":1,\"Window\":65536}", false, 0, 0,
		    false },
		{ "a tiny window", "{\"Version\":1,\"MaxPayload\":2048,\"Window\":1}",
		    false, 0, 0, false },
		{ "negative", "{\"Version\":-1,\"MaxPayload\":2048,\"Window\":65536}",
		    false, 0, 0, false },
		{ "a string", "\"yes\"", false, 0, 0, false },
		{ "null", "null", false, 0, 0, false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct handshake_response r;
		auto_arena mem;
		auto_buf in;

		row(t[i].what);
		arena_init(&mem);
		buf_init(&in, OUT_MAX);
		buf_addf(&in, "{\"ClientVersion\":\"1\",\"Sallyport\":%s}", t[i].ext);
		assert_int_equal(
		    handshake_response_parse(&r, &mem, buf_span(&in), NULL), 0);
		assert_int_equal(r.ext.present, t[i].present);
		assert_int_equal(r.ext.max_payload, t[i].payload);
		assert_int_equal(r.ext.window, t[i].window);
		assert_int_equal(r.ext.input, t[i].input);
	}
}

static void
t_complete(void **state)
{
	struct handshake_complete c = { 781075, "" };
	const char *challenge;
	auto_arena mem;
	auto_buf out;
	(void)state;

	arena_init(&mem);
	buf_init(&out, OUT_MAX);
	handshake_complete_build(&out, &c);
	check_text(buf_span(&out),
	    "{\"HandshakeTimeToComplete\":781075,\"CustomerMessage\":\"\"}");
	assert_int_equal(
	    handshake_complete_parse(&c, &mem,
		SPAN("{\"HandshakeTimeToComplete\":5,\"CustomerMessage\":\"hi\"}"), NULL),
	    0);
	assert_string_equal(c.customer_message, "hi");
	assert_int_equal(
	    handshake_complete_parse(&c, &mem, SPAN("{\"CustomerMessage\":7}"), NULL),
	    ERR_INVALID);
	buf_reset(&out);
	handshake_challenge_build(&out, "AAEC");
	check_text(buf_span(&out), "{\"Challenge\":\"AAEC\"}");
	assert_int_equal(
	    handshake_challenge_parse(&challenge, &mem, buf_span(&out), NULL), 0);
	assert_string_equal(challenge, "AAEC");
	assert_int_equal(
	    handshake_challenge_parse(&challenge, &mem, SPAN("{}"), NULL), ERR_INVALID);
}

/* 9.1.15, 5.5: mux is not negotiated, each side decides from the other's version. */
static void
t_versions(void **state)
{
	static const struct {
		const char *version;
		bool terminate, agent_mux, agent_quiet; /* of an agent */
		bool client_mux, client_quiet, old;     /* of a client */
	} t[] = {
		{ "", false, false, false, false, false, false },
		{ "x.y", false, false, false, false, false, false },
		{ "1.2.0.0", false, false, false, true, false, true },
		{ "1.1.69", false, false, false, false, false, true },
		{ "1.1.70", false, false, false, true, false, true },
		{ "1.1.61.0", false, false, false, false, false, true },
		{ "1.1.70.0", false, false, false, true, false, true },
		{ "1.2.295", false, false, false, true, false, true },
		{ "1.2.295.0", false, false, false, true, false, false },
		{ "1.2.331.0", false, false, false, true, false, false },
		{ "1.2.331.1", false, false, false, true, true, false },
		{ HANDSHAKE_CLIENT_VERSION, false, false, false, true, true, false },
		{ "2.3.722.0", false, false, false, true, true, false },
		{ "2.3.722.1", true, false, false, true, true, false },
		{ "3.0.196.0", true, false, false, true, true, false },
		{ "3.0.197.0", true, true, false, true, true, false },
		{ "3.1.1511.0", true, true, false, true, true, false },
		{ "3.1.1512.0", true, true, true, true, true, false },
		{ "3.3.987", false, false, false, true, true, false },
		{ HANDSHAKE_AGENT_VERSION, true, true, true, true, true, false },
		{ "3.3.-1.0", false, false, false, false, false, false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const char *v = t[i].version;

		row(v);
		assert_int_equal(handshake_agent_takes_terminate(v), t[i].terminate);
		assert_int_equal(handshake_agent_does_mux(v), t[i].agent_mux);
		assert_int_equal(handshake_agent_keepalive_off(v), t[i].agent_quiet);
		assert_int_equal(handshake_client_does_mux(v), t[i].client_mux);
		assert_int_equal(handshake_client_keepalive_off(v), t[i].client_quiet);
		assert_int_equal(handshake_client_is_old(v), t[i].old);
	}
}

static void
t_small(void **state)
{
	static const struct {
		const char *json;
		int want;
		uint16_t cols, rows;
	} sizes[] = {
		{ "{\"cols\":80,\"rows\":24}", 0, 80, 24 },
		{ "{\"rows\":1,\"cols\":65535}", 0, 65535, 1 },
		{ "{\"cols\":0,\"rows\":24}", ERR_INVALID, 0, 0 },
		{ "{\"cols\":65536,\"rows\":24}", ERR_INVALID, 0, 0 },
		{ "{\"cols\":-1,\"rows\":24}", ERR_INVALID, 0, 0 },
		{ "{\"cols\":80}", ERR_INVALID, 0, 0 },
		{ "{\"cols\":\"80\",\"rows\":24}", ERR_INVALID, 0, 0 },
		{ "80x24", ERR_INVALID, 0, 0 },
	};
	static const struct {
		const char *text;
		int want, code;
	} codes[] = {
		{ "EXIT_CODE: 0", 0, 0 },
		{ "EXIT_CODE: 3", 0, 3 },
		{ "EXIT_CODE: -1", 0, -1 },
		{ "EXIT_CODE: 137\n", 0, 137 },
		{ "EXIT_CODE: ", ERR_INVALID, 0 },
		{ "EXIT_CODE: 3x", ERR_INVALID, 0 },
		{ "3", ERR_INVALID, 0 },
	};
	static const uint8_t five[5] = { 0, 0, 0, 2, 0 };
	struct term_size sz;
	uint8_t raw[4];
	uint32_t flag;
	auto_buf out, vec;
	int code;
	(void)state;

	buf_init(&out, OUT_MAX);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		row(sizes[i].json);
		sz = (struct term_size){ 0 };
		assert_int_equal(term_size_parse(&sz, span_str(sizes[i].json)) == 0,
		    sizes[i].want == 0);
		assert_int_equal(sz.cols, sizes[i].cols);
		assert_int_equal(sz.rows, sizes[i].rows);
	}
	term_size_build(&out, (struct term_size){ 80, 24 });
	check_span(buf_span(&out), payload_of(&vec, 6));
	buf_reset(&out);
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		row(codes[i].text);
		code = 0;
		assert_int_equal(exit_code_parse(&code, span_str(codes[i].text)) == 0,
		    codes[i].want == 0);
		assert_int_equal(code, codes[i].code);
	}
	exit_code_build(&out, -7);
	check_text(buf_span(&out), "EXIT_CODE: -7");
	flag_encode(raw, FLAG_TERMINATE_SESSION);
	buf_fini(&vec);
	check_span(span_of(raw, 4), payload_of(&vec, 5));
	assert_int_equal(flag_decode(&flag, span_of(raw, 4)), 0);
	assert_int_equal(flag, FLAG_TERMINATE_SESSION);
	assert_int_equal(flag_decode(&flag, span_of(five, 5)), ERR_INVALID);
	assert_int_equal(flag_decode(&flag, span_of(five, 3)), ERR_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_request_vector),
		cmocka_unit_test(t_request_refused),
		cmocka_unit_test(t_response_vector),
		cmocka_unit_test(t_answer),
		cmocka_unit_test(t_stock_answers),
		cmocka_unit_test(t_ext),
		cmocka_unit_test(t_complete),
		cmocka_unit_test(t_versions),
		cmocka_unit_test(t_small),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
