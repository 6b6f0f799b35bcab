/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acknowledgements of data messages (docs/protocol.md): one for each message, selective,
 * matched by sequence number alone.
 */
#pragma once

#include "base/buf.h"
#include "proto/agentmsg.h"

/* Enough for one encoded acknowledgement of any message type. */
enum { ACK_MESSAGE_MAX = 512 };

/* Appends the complete AgentMessage that acknowledges m. */
void ack_build(
    struct buf *out, const struct agentmsg *m, uint64_t created_ms, const uint8_t id[16]);

/*
 * The sequence number in the payload of an acknowledge message.  Compact text as all
 * known peers write it is scanned; anything else goes through the strict JSON reader.
 * ERR_INVALID when there is none or it is negative.
 */
int ack_parse(int64_t *seq, struct span payload) MUST_USE;
