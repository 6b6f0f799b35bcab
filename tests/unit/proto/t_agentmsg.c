/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AgentMessage against eight messages that the stock agent's own parser accepted and
 * wrote again byte for byte (tests/vectors/agentmsg), and what the decoder refuses.
 */
#include "unit/check.h"

#include "base/text.h"
#include "crypto/crypto.h"
#include "proto/agentmsg.h"

enum { MSG_MAX = 1024 };

static const int64_t created_ms = 1700000000000;

static const char m1[] = "00112233-4455-6677-8899-aabbccddeeff";
static const char m2[] = "0f1e2d3c-4b5a-4697-8879-6a5b4c3d2e1f";

static size_t
read_hex(uint8_t *out, size_t size, int which)
{
	char path[256], text[4096];
	FILE *f;
	size_t n = 0, got = 0;
	int c;

	snprintf(path, sizeof(path), VECTORS "/agentmsg/v%d.hex", which);
	f = fopen(path, "r");
	assert_non_null(f);
	while ((c = getc(f)) != EOF) {
		assert_true(n < sizeof(text));
		if (c != '\n')
			text[n++] = (char)c;
	}
	fclose(f);
	assert_int_equal(hex_decode(out, size, span_of(text, n), &got), 0);
	return got;
}

/* Data-channel 9.1.4 and agent-protocol 10.34: the halves of MessageId are swapped, padding is
 * spaces, digests are right.  Agent-protocol 10.33: an acknowledgement names what it is for in
 * its payload. */
static void
t_vectors(void **state)
{
	static const struct {
		int which;
		const char *type, *id;
		int64_t seq;
		uint64_t flags;
		uint32_t payload_type;
		int64_t later_ms;
		size_t len;
		const char *payload; /* NULL: too long to repeat */
	} t[] = {
		{ 1, MSG_INPUT_STREAM, m1, 7, 0, PAYLOAD_OUTPUT, 0, 123, "ls\n" },
		{ 2, MSG_ACKNOWLEDGE, m2, 0, 3, PAYLOAD_NONE, 5, 295,
		    "{\"AcknowledgedMessageType\":\"input_stream_data\","
		    "\"AcknowledgedMessageId\":"
		    "\"00112233-4455-6677-8899-aabbccddeeff\","
		    "\"AcknowledgedMessageSequenceNumber\":7,\"IsSequentialMessage\":"
		    "true}" },
		{ 3, MSG_OUTPUT_STREAM, m2, 0, 1, PAYLOAD_HANDSHAKE_REQUEST, 0, 275,
		    NULL },
		{ 4, MSG_INPUT_STREAM, m1, 0, 0, PAYLOAD_HANDSHAKE_RESPONSE, 0, 267,
		    NULL },
		{ 5, MSG_INPUT_STREAM, m1, 9, 0, PAYLOAD_FLAG, 0, 124, NULL },
		{ 6, MSG_INPUT_STREAM, m1, 1, 0, PAYLOAD_SIZE, 0, 141,
		    "{\"cols\":80,\"rows\":24}" },
		{ 7, MSG_PAUSE, m2, 0, 3, PAYLOAD_NONE, 0, 122, "{}" },
		{ 8, MSG_CHANNEL_CLOSED, m2, 0, 3, PAYLOAD_NONE, 0, 350, NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		uint8_t raw[MSG_MAX], id[16];
		char text[37];
		size_t n = read_hex(raw, sizeof(raw), t[i].which);
		struct agentmsg m;
		auto_buf out;

		buf_init(&out, MSG_MAX);
		print_message("  V%d %s\n", t[i].which, t[i].type);
		assert_int_equal(n, t[i].len);
		assert_int_equal(agentmsg_decode(&m, span_of(raw, n)), 0);
		assert_true(agentmsg_is(&m, t[i].type));
		assert_false(agentmsg_is(&m, "input"));
		assert_int_equal(m.schema_version, 1);
		assert_true(m.created_ms == (uint64_t)(created_ms + t[i].later_ms));
		assert_true(m.seq == t[i].seq);
		assert_true(m.flags == t[i].flags);
		assert_int_equal(uuid_parse(id, span_str(t[i].id)), 0);
		assert_memory_equal(m.id, id, sizeof(id));
		agentmsg_id_format(text, m.id);
		assert_string_equal(text, t[i].id);
		assert_int_equal(m.payload_type, t[i].payload_type);
		assert_int_equal(m.payload.n, n - AGENTMSG_HEAD);
		if (t[i].payload != NULL)
			check_text(m.payload, t[i].payload);
		assert_int_equal(agentmsg_check_digest(&m), 0);
		agentmsg_encode(&out, &m);
		assert_int_equal(buf_check(&out), 0);
		assert_int_equal(out.len, n);
		assert_memory_equal(out.p, raw, n);
	}
}

/* Every byte matters: a changed one is refused, or changes the field it stands for. */
static void
t_every_byte(void **state)
{
	uint8_t raw[MSG_MAX];
	size_t n = read_hex(raw, sizeof(raw), 1);
	(void)state;

	for (size_t i = 0; i < n; i++) {
		struct agentmsg m;
		auto_buf out;

		buf_init(&out, MSG_MAX);
		raw[i] ^= 1;
		if (agentmsg_decode(&m, span_of(raw, n)) == 0 &&
		    agentmsg_check_digest(&m) == 0) {
			agentmsg_encode(&out, &m);
			/* SchemaVersion is ours to set; all else must come back */
			assert_int_equal(memcmp(out.p, raw, n) == 0, i < 36 || i >= 40);
		} else {
			assert_true(i < 4 || (i >= 80 && i < 112) || i >= 116 || i < 36);
		}
		raw[i] ^= 1;
	}
}

static void
t_refused(void **state)
{
	static const struct {
		const char *what;
		size_t off, n;
		const char *bytes;
		int want;
	} t[] = {
		{ "nothing changed", 0, 0, "", 0 },
		{ "HeaderLength 0", 0, 4, "\0\0\0\0", ERR_INVALID },
		{ "HeaderLength 120", 0, 4, "\0\0\0\170", ERR_INVALID },
		{ "HeaderLength that deafens stock peers", 0, 4, "\377\377\377\374",
		    ERR_INVALID },
		{ "PayloadLength 0", 116, 4, "\0\0\0\0", ERR_INVALID },
		{ "PayloadLength one short", 116, 4, "\0\0\0\2", ERR_INVALID },
		{ "PayloadLength one long", 116, 4, "\0\0\0\4", ERR_INVALID },
		{ "PayloadLength huge", 116, 4, "\377\377\377\377", ERR_INVALID },
		{ "type of blanks", 4, 32, "                                ",
		    ERR_INVALID },
		{ "type of NULs", 4, 32,
		    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
		    ERR_INVALID },
		{ "NUL inside the type", 6, 1, "\0", ERR_INVALID },
		{ "blank inside the type", 6, 1, " ", ERR_INVALID },
		{ "line feed inside the type", 6, 1, "\n", ERR_INVALID },
		{ "type padded by NULs", 21, 15, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 0 },
		{ "type of 32 characters", 4, 32, "abcdefghijklmnopqrstuvwxyz_abcde", 0 },
		{ "no date", 40, 8, "\0\0\0\0\0\0\0\0", ERR_INVALID },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		uint8_t raw[MSG_MAX];
		size_t n = read_hex(raw, sizeof(raw), 1);
		struct agentmsg m;

		row(t[i].what);
		memcpy(raw + t[i].off, t[i].bytes, t[i].n);
		assert_int_equal(agentmsg_decode(&m, span_of(raw, n)), t[i].want);
	}
}

static void
t_lengths(void **state)
{
	uint8_t raw[MSG_MAX];
	size_t n = read_hex(raw, sizeof(raw), 1);
	struct agentmsg m;
	(void)state;

	for (size_t i = 0; i < n;
	     i++) /* an exact copy: AddressSanitizer watches its end */
	{
		auto_free uint8_t *cut = xmalloc(i > 0 ? i : 1);

		memcpy(cut, raw, i);
		assert_int_equal(agentmsg_decode(&m, span_of(cut, i)), ERR_INVALID);
	}
	assert_int_equal(agentmsg_decode(&m, SPAN_NONE), ERR_INVALID);

	/* the largest payload, and one more */
	auto_free uint8_t *big = xcalloc(1, AGENTMSG_HEAD + AGENTMSG_PAYLOAD_MAX + 1);

	memcpy(big, raw, AGENTMSG_HEAD);
	put_be32(big + 116, AGENTMSG_PAYLOAD_MAX);
	assert_int_equal(
	    agentmsg_decode(&m, span_of(big, AGENTMSG_HEAD + AGENTMSG_PAYLOAD_MAX)), 0);
	put_be32(big + 116, AGENTMSG_PAYLOAD_MAX + 1);
	assert_int_equal(
	    agentmsg_decode(&m, span_of(big, AGENTMSG_HEAD + AGENTMSG_PAYLOAD_MAX + 1)),
	    ERR_LIMIT);

	auto_buf out;

	buf_init(&out, 4 << 20);
	assert_int_equal(agentmsg_decode(&m, span_of(raw, n)), 0);
	m.payload = span_of(big, AGENTMSG_PAYLOAD_MAX + 1);
	agentmsg_encode(&out, &m);
	assert_int_equal(buf_check(&out), ERR_LIMIT);
	assert_int_equal(out.len, 0);

	auto_buf small;

	buf_init(&small, AGENTMSG_HEAD);
	m.payload = SPAN("x");
	agentmsg_encode(&small, &m);
	assert_int_equal(buf_check(&small), ERR_LIMIT);
}

static void
t_dates(void **state)
{
	static const struct {
		const char *type;
		int want;
	} t[] = {
		{ MSG_START, 0 },
		{ MSG_PAUSE, 0 },
		{ MSG_ACKNOWLEDGE, ERR_INVALID },
		{ MSG_CHANNEL_CLOSED, ERR_INVALID },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct agentmsg m = { .seq = -5, .flags = UINT64_MAX }, back;
		auto_buf out;

		buf_init(&out, MSG_MAX);
		assert_int_equal(str_copy(m.type, sizeof(m.type), t[i].type), 0);
		agentmsg_encode(&out, &m);
		assert_int_equal(buf_check(&out), 0);
		assert_int_equal(out.len, AGENTMSG_HEAD);
		assert_int_equal(agentmsg_decode(&back, buf_span(&out)), t[i].want);
		assert_true(back.seq == -5 && back.flags == UINT64_MAX);
		assert_int_equal(back.payload.n, 0);
		memset(out.p + 80, 0, 32); /* an empty payload needs no digest */
		assert_int_equal(agentmsg_decode(&back, buf_span(&out)), t[i].want);
		assert_int_equal(agentmsg_check_digest(&back), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_vectors),
		cmocka_unit_test(t_every_byte),
		cmocka_unit_test(t_refused),
		cmocka_unit_test(t_lengths),
		cmocka_unit_test(t_dates),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
