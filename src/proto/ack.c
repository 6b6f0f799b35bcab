/* SPDX-License-Identifier: Apache-2.0 */
/* See ack.h. */
#include "proto/ack.h"

#include "base/text.h"
#include "codec/json.h"

#define SEQ_KEY "AcknowledgedMessageSequenceNumber"

void
ack_build(
    struct buf *out, const struct agentmsg *m, uint64_t created_ms, const uint8_t id[16])
{
	auto_buf json = { .max = ACK_MESSAGE_MAX };
	char acked[UUID_LEN + 1];
	struct agentmsg ack = {
		.type = MSG_ACKNOWLEDGE,
		.created_ms = created_ms,
		.flags = AGENTMSG_FLAG_SYN | AGENTMSG_FLAG_FIN,
	};

	memcpy(ack.id, id, sizeof(ack.id));
	agentmsg_id_format(acked, m->id);
	buf_addf(&json,
	    "{\"AcknowledgedMessageType\":\"%s\",\"AcknowledgedMessageId\":\"%s\","
	    "\"" SEQ_KEY "\":%lld,\"IsSequentialMessage\":true}",
	    m->type, acked, (long long)m->seq);
	ack.payload = buf_span(&json);
	agentmsg_encode(out, &ack);
}

/* {"AcknowledgedMessageType":"..","AcknowledgedMessageId":"..","..SequenceNumber":12, */
static bool
scan_compact(int64_t *seq, struct span in)
{
	static const char key[] = "\"" SEQ_KEY "\":";
	const uint8_t *at = memmem(in.p, in.n, key, sizeof(key) - 1);
	struct span rest, digits;

	if (at == NULL || in.p[0] != '{')
		return false;
	rest = span_sub(in, (size_t)(at - in.p) + sizeof(key) - 1, in.n);
	digits = rest;
	for (digits.n = 0; digits.n < rest.n; digits.n++)
		if (rest.p[digits.n] < '0' || rest.p[digits.n] > '9')
			break;
	if (digits.n == rest.n || (rest.p[digits.n] != ',' && rest.p[digits.n] != '}'))
		return false;
	return num_parse(digits, 0, INT64_MAX, seq) == 0;
}

int
ack_parse(int64_t *seq, struct span payload)
{
	auto_json *o = NULL;
	int r;

	if (payload.n == 0 || payload.n > AGENTMSG_PAYLOAD_MAX)
		return ERR_INVALID;
	if (scan_compact(seq, payload))
		return 0;
	if ((r = json_read(&o, payload, NULL)) != 0)
		return ERR_INVALID;
	*seq = json_get_int(o, SEQ_KEY, -1);
	return *seq < 0 ? ERR_INVALID : 0;
}
