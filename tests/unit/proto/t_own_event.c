/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent reports for the audit trail: written, read, and refused. */
#include "crypto/crypto.h"
#include "proto/own_event.h"
#include "vec.h"

#define SID "alice-0a1b2c3d4e5f60718"
#define SUM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct control_head head = { .created_ms = vec_ms, .id = { 7 } };

static void
t_written(void **state)
{
	static const struct {
		const char *what;
		struct own_event e;
		const char *json;
	} t[] = {
		{ "a port of the node itself",
		    { .kind = OWN_EVENT_PORT, .host = "", .address = "::1", .port = 22 },
		    "{\"Type\":\"PortOpened\",\"Address\":\"::1\",\"Port\":22}" },
		{ "one that was refused",
		    { .kind = OWN_EVENT_PORT,
			.host = "db",
			.port = 5432,
			.error = "ConnectionRefused",
			.message = "no" },
		    "{\"Type\":\"PortOpened\",\"Host\":\"db\",\"Port\":5432,"
		    "\"Error\":\"ConnectionRefused\",\"Message\":\"no\"}" },
		{ "a unix socket", { .kind = OWN_EVENT_PORT, .socket = "/run/s" },
		    "{\"Type\":\"PortOpened\",\"Socket\":\"/run/s\"}" },
		{ "a file",
		    { .kind = OWN_EVENT_FILE,
			.path = "/srv/a\n\xff",
			.to_node = true,
			.bytes = 12,
			.sha256 = SUM },
		    "{\"Type\":\"FileCopied\",\"Path\":\"/srv/a\\n\xef\xbf\xbd\","
		    "\"ToNode\":true,\"Bytes\":12,\"Sha256\":\"" SUM "\"}" },
		{ "an empty one from the node", { .kind = OWN_EVENT_FILE, .path = "/e" },
		    "{\"Type\":\"FileCopied\",\"Path\":\"/e\"}" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_buf one = { .max = OWN_EVENT_BYTES }, out = { .max = 1 << 20 };
		struct own_events back;
		struct agentmsg m;
		auto_arena mem = { 0 };

		row(t[i].what);
		own_event_write(&one, &t[i].e);
		check_text(buf_span(&one), t[i].json);
		own_events_build(&out, &head, SID, 7, buf_span(&one));
		assert_int_equal(agentmsg_decode(&m, buf_span(&out)), 0);
		assert_int_equal(agentmsg_check_digest(&m), 0);
		assert_true(agentmsg_is(&m, MSG_OWN_EVENT));
		assert_int_equal(own_events_parse(&back, &mem, m.payload), 0);
		assert_string_equal(back.session_id, SID);
		assert_int_equal(back.number, 7);
		assert_int_equal(back.n, 1);
		assert_int_equal(back.events[0].kind, t[i].e.kind);
		assert_int_equal(back.events[0].port, t[i].e.port);
		assert_int_equal(back.events[0].bytes, t[i].e.bytes);
	}
}

/* The longest that there can be is cut where it is written, and read where it arrives. */
static void
t_longest(void **state)
{
	char path[OWN_EVENT_PATH_MAX + 100], message[OWN_EVENT_MESSAGE_MAX + 100];
	auto_buf one = { .max = OWN_EVENT_BYTES }, out = { .max = 1 << 20 };
	struct own_events back;
	struct agentmsg m;
	auto_arena mem = { 0 };
	(void)state;

	memset(path, 0xff, sizeof(path));
	memset(message, 0x1b, sizeof(message));
	path[sizeof(path) - 1] = message[sizeof(message) - 1] = '\0';
	own_event_write(&one,
	    &(struct own_event){ .kind = OWN_EVENT_FILE,
		.path = path,
		.bytes = INT64_MAX,
		.sha256 = SUM,
		.error = "CopyFailed",
		.message = message });
	assert_int_equal(buf_check(&one), 0);
	own_events_build(&out, &head, SID, 1, buf_span(&one));
	assert_int_equal(agentmsg_decode(&m, buf_span(&out)), 0);
	assert_int_equal(own_events_parse(&back, &mem, m.payload), 0);
	assert_int_equal(strlen(back.events[0].path), 3 * OWN_EVENT_PATH_MAX);
	assert_int_equal(strlen(back.events[0].message), OWN_EVENT_MESSAGE_MAX);
}

#define MSG(number, events) \
	"{\"SessionId\":\"s\",\"Number\":" number ",\"Events\":[" events "]}"
#define PORT(members)  MSG("1", "{\"Type\":\"PortOpened\"" members "}")
#define FILE_(members) MSG("1", "{\"Type\":\"FileCopied\"" members "}")

static void
t_refused(void **state)
{
	static const struct {
		const char *what, *json;
		int r;
	} t[] = {
		{ "nothing", "", ERR_INVALID },
		{ "no object", "[]", ERR_INVALID },
		{ "no session", "{\"Number\":1,\"Events\":[{\"Type\":\"PortOpened\"}]}",
		    ERR_INVALID },
		{ "no number",
		    "{\"SessionId\":\"s\",\"Events\":[{\"Type\":\"PortOpened\"}]}",
		    ERR_INVALID },
		{ "number 0", MSG("0", "{\"Type\":\"PortOpened\"}"), ERR_INVALID },
		{ "a negative number", MSG("-1", "{\"Type\":\"PortOpened\"}"),
		    ERR_LIMIT },
		{ "the last number that there is",
		    MSG("9223372036854775807", "{\"Type\":\"PortOpened\"}"), ERR_LIMIT },
		{ "a number in quotes", MSG("\"1\"", "{\"Type\":\"PortOpened\"}"),
		    ERR_INVALID },
		{ "no events", "{\"SessionId\":\"s\",\"Number\":1}", ERR_INVALID },
		{ "an empty list of them", MSG("1", ""), ERR_INVALID },
		{ "an event that is no object", MSG("1", "7"), ERR_INVALID },
		{ "one without a type", MSG("1", "{}"), ERR_INVALID },
		{ "a type of tomorrow", MSG("1", "{\"Type\":\"Danced\",\"With\":7}"), 0 },
		{ "a port",
		    PORT(",\"Host\":\"h\",\"Address\":\"fe80::1%eth0\",\"Port\":1"), 0 },
		{ "a port that is none", PORT(",\"Port\":65536"), ERR_LIMIT },
		{ "a host that moves the cursor", PORT(",\"Host\":\"\\u001b[2J\""),
		    ERR_INVALID },
		{ "an address that is none", PORT(",\"Address\":\"a b\""), ERR_INVALID },
		{ "a long address",
		    PORT(",\"Address\":\"0123456789012345678901234567890123456789"
			 "0123456789012345678901234\""),
		    ERR_LIMIT },
		{ "an error in words", PORT(",\"Error\":\"not one\""), ERR_INVALID },
		{ "a file", FILE_(",\"Path\":\"/\\u001b\",\"Sha256\":\"" SUM "\""), 0 },
		{ "a digest that is none", FILE_(",\"Sha256\":\"abc\""), ERR_INVALID },
		{ "a digest in capitals",
		    FILE_(",\"Sha256\":\"A123456789abcdef0123456789abcdef0123456789abcdef"
			  "0123456789abcdef\""),
		    ERR_INVALID },
		{ "a file of less than nothing", FILE_(",\"Bytes\":-1"), ERR_LIMIT },
		{ "a path with a NUL", FILE_(",\"Path\":\"a\\u0000b\""), ERR_INVALID },
		{ "a path that is no UTF-8", FILE_(",\"Path\":\"\xff\""), ERR_INVALID },
	};
	auto_buf many = { .max = 1 << 20 };
	struct own_events e;
	auto_arena all = { 0 };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_arena mem = { 0 };

		row(t[i].what);
		assert_int_equal(own_events_parse(&e, &mem, span_str(t[i].json)), t[i].r);
	}
	row("too many of them");
	buf_add_str(&many, "{\"SessionId\":\"s\",\"Number\":1,\"Events\":[");
	for (size_t i = 0; i <= OWN_EVENTS_MAX; i++)
		buf_addf(&many, "%s{\"Type\":\"X\"}", i > 0 ? "," : "");
	buf_add_str(&many, "]}");
	assert_int_equal(own_events_parse(&e, &all, buf_span(&many)), ERR_LIMIT);
	row("more than a message");
	while (many.len <= OWN_EVENTS_BYTES)
		buf_add_str(&many, " ");
	assert_int_equal(own_events_parse(&e, &all, buf_span(&many)), ERR_LIMIT);
}

static void
t_recorded(void **state)
{
	auto_buf out = { .max = OWN_RECORDED_MAX };
	struct agentmsg m;
	int64_t number;
	(void)state;

	own_recorded_build(&out, &head, SID, 1234);
	assert_int_equal(agentmsg_decode(&m, buf_span(&out)), 0);
	assert_true(agentmsg_is(&m, MSG_OWN_RECORDED));
	assert_int_equal(own_recorded_parse(&number, m.payload, SID), 0);
	assert_int_equal(number, 1234);
	row("of another session");
	assert_int_equal(own_recorded_parse(&number, m.payload, "bob-1"), ERR_INVALID);
	row("without a number it is 0");
	assert_int_equal(
	    own_recorded_parse(&number, SPAN("{\"SessionId\":\"s\"}"), "s"), 0);
	assert_int_equal(number, 0);
	row("not JSON");
	assert_int_equal(own_recorded_parse(&number, SPAN("{"), "s"), ERR_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_written),
		cmocka_unit_test(t_longest),
		cmocka_unit_test(t_refused),
		cmocka_unit_test(t_recorded),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
