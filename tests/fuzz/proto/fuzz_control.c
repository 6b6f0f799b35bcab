/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte chooses a parser.  Property: what was read is complete and within limits,
 * and what is written from it is a valid message that reads the same.
 */
#include "crypto/crypto.h"
#include "proto/control.h"
#include "proto/ids.h"
#include "proto/own.h"

#define TRAP_UNLESS(x)                    \
	do {                              \
		if (!(x))                 \
			__builtin_trap(); \
	} while (0)

static const struct control_head head = { .created_ms = 1700000000000, .id = { 1 } };

static struct span
payload_of(const struct buf *b)
{
	struct agentmsg m;

	TRAP_UNLESS(buf_check(b) == 0);
	TRAP_UNLESS(agentmsg_decode(&m, buf_span(b)) == 0);
	return m.payload;
}

static void
opening(struct arena *mem, struct span in)
{
	struct control_open_control oc, oc2;
	struct control_open_data od, od2;
	struct control_create c;
	auto_buf out = { .max = CONTROL_MESSAGE_MAX };
	const char *token;
	struct fault f;

	if (control_open_control_parse(&oc, mem, in, &f) == 0) {
		TRAP_UNLESS(oc.token[0] != '\0' && strlen(oc.token) <= CONTROL_TOKEN_MAX);
		control_open_control_build(&out, &oc);
		if (out.len <= CONTROL_OPEN_MAX) {
			TRAP_UNLESS(control_open_control_parse(
					&oc2, mem, buf_span(&out), &f) == 0);
			TRAP_UNLESS(strcmp(oc.token, oc2.token) == 0);
		}
	}
	buf_reset(&out);
	if (control_open_data_parse(&od, mem, in, &f) == 0) {
		TRAP_UNLESS(od.token[0] != '\0' && strlen(od.token) <= CONTROL_TOKEN_MAX);
		control_open_data_build(&out, &od);
		if (out.len <= CONTROL_OPEN_MAX) {
			TRAP_UNLESS(
			    control_open_data_parse(&od2, mem, buf_span(&out), &f) == 0);
			TRAP_UNLESS((od.client_instance_id == NULL) ==
			    (od2.client_instance_id == NULL));
			TRAP_UNLESS(od.resumes == od2.resumes);
		}
	}
	if (control_create_parse(&c, mem, in, &f) == 0)
		TRAP_UNLESS(c.request_id[0] != '\0' && c.client_id != NULL);
	if (control_created_parse(&token, mem, in) == 0)
		TRAP_UNLESS(token[0] != '\0');
}

static void
shell(struct arena *mem, struct span in)
{
	struct control_shell a, b;
	auto_buf out = { .max = CONTROL_MESSAGE_MAX * 2 };
	struct fault f;

	if (control_shell_parse(&a, mem, in, &f) != 0)
		return;
	TRAP_UNLESS(id_session_valid(span_str(a.session_id)));
	control_shell_build(&out, &head, &a);
	TRAP_UNLESS(control_shell_parse(&b, mem, payload_of(&out), &f) == 0);
	TRAP_UNLESS(span_eq(a.document_content, b.document_content));
	TRAP_UNLESS(strcmp(a.session_id, b.session_id) == 0);
}

static void
messages(struct arena *mem, struct span in)
{
	struct control_task_complete t, t2;
	struct control_closed c, c2;
	struct control_task_ack a;
	struct control_state s;
	auto_buf out = { .max = CONTROL_MESSAGE_MAX * 8 };
	struct fault f;

	if (control_closed_parse(&c, mem, in, &f) == 0) {
		control_closed_build(&out, &head, &c);
		TRAP_UNLESS(control_closed_parse(&c2, mem, payload_of(&out), &f) == 0);
		TRAP_UNLESS(strcmp(c.output, c2.output) == 0);
	}
	buf_reset(&out);
	if (control_task_complete_parse(&t, mem, in, &f) == 0 &&
	    in.n < CONTROL_MESSAGE_MAX / 8) {
		control_task_complete_build(&out, &head, &t);
		TRAP_UNLESS(
		    control_task_complete_parse(&t2, mem, payload_of(&out), &f) == 0);
		TRAP_UNLESS(strcmp(t.status, t2.status) == 0);
	}
	if (control_task_ack_parse(&a, mem, in, &f) == 0)
		TRAP_UNLESS(a.message_id[0] != '\0');
	if (control_state_parse(&s, mem, in, &f) == 0)
		TRAP_UNLESS(id_session_valid(span_str(s.session_id)));
}

/* Nothing that would move a terminal's cursor comes through. */
static void
words(struct arena *mem, struct span in)
{
	auto_buf out = { .max = CONTROL_MESSAGE_MAX };
	struct own_words a, b;

	if (own_parse(&a, mem, in) != 0)
		return;
	for (const char *p = a.message; *p != '\0'; p++)
		TRAP_UNLESS((unsigned char)*p >= ' ');
	own_build(&out, MSG_OWN_NOTICE, &head, &a);
	if (buf_check(&out) != 0)
		return; /* what has to be escaped takes more room */
	TRAP_UNLESS(own_parse(&b, mem, payload_of(&out)) == 0);
	TRAP_UNLESS(strcmp(a.secret, b.secret) == 0);
	TRAP_UNLESS(strcmp(a.message, b.message) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data + 1, size - 1 };
	auto_arena mem = { 0 };

	crypto_init();
	if (size == 0)
		return 0;
	if (data[0] == 'o')
		opening(&mem, in);
	else if (data[0] == 's')
		shell(&mem, in);
	else if (data[0] == 'w')
		words(&mem, in);
	else
		messages(&mem, in);
	return 0;
}
