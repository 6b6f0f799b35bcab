/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent reports.  Property: what was read keeps the limits, and holds no control
 * character where no file name is; written again it reads the same.
 */
#include "crypto/crypto.h"
#include "proto/own_event.h"

#define TRAP_UNLESS(x)                    \
	do {                              \
		if (!(x))                 \
			__builtin_trap(); \
	} while (0)

static const struct control_head head = { .created_ms = 1700000000000, .id = { 1 } };

static void
check_one(const struct own_event *e)
{
	for (const char *p = e->host; *p != '\0'; p++)
		TRAP_UNLESS((unsigned char)*p >= ' ');
	TRAP_UNLESS(strlen(e->error) <= OWN_EVENT_CODE_MAX);
	TRAP_UNLESS(strlen(e->sha256) == 0 || strlen(e->sha256) == 64);
	TRAP_UNLESS(e->kind != OWN_EVENT_PORT || (e->port >= 0 && e->port <= 65535));
	TRAP_UNLESS(e->kind != OWN_EVENT_FILE || e->bytes >= 0);
}

static bool
same(const struct own_event *a, const struct own_event *b)
{
	return a->kind == b->kind && a->port == b->port && a->bytes == b->bytes &&
	    a->to_node == b->to_node && strcmp(a->address, b->address) == 0 &&
	    strcmp(a->sha256, b->sha256) == 0 && strcmp(a->error, b->error) == 0;
}

/* Texts as long as may be read are cut when they are written. */
static void
again(const struct own_events *in, const struct own_event *e)
{
	auto_buf one = { .max = OWN_EVENT_BYTES }, out = { .max = 1 << 20 };
	struct own_events back;
	struct agentmsg m;
	auto_arena mem = { 0 };

	if (e->kind == OWN_EVENT_OTHER)
		return;
	own_event_write(&one, e);
	TRAP_UNLESS(buf_check(&one) == 0);
	own_events_build(&out, &head, in->session_id, in->number, buf_span(&one));
	TRAP_UNLESS(buf_check(&out) == 0 && agentmsg_decode(&m, buf_span(&out)) == 0);
	TRAP_UNLESS(own_events_parse(&back, &mem, m.payload) == 0);
	TRAP_UNLESS(back.number == in->number && back.n == 1);
	TRAP_UNLESS(same(e, &back.events[0]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data, size };
	auto_arena mem = { 0 };
	struct own_events e;
	int64_t number;

	crypto_init();
	if (own_recorded_parse(&number, in, "s") == 0)
		TRAP_UNLESS(number >= 0);
	if (own_events_parse(&e, &mem, in) != 0)
		return 0;
	TRAP_UNLESS(e.n > 0 && e.n <= OWN_EVENTS_MAX && e.number > 0);
	for (size_t i = 0; i < e.n; i++) {
		check_one(&e.events[i]);
		again(&e, &e.events[i]);
	}
	return 0;
}
