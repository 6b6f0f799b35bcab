/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AgentMessage: the binary frame of control and data channels (docs/protocol.md has the
 * byte table).  Big-endian; a fixed header of 120 bytes, then the payload to the end of
 * the WebSocket message.
 *
 * HeaderLength is always 116.  A larger one than the frame deafens the stock peers for
 * ever, so the encoder can produce no other and the decoder refuses any other.
 */
#pragma once

#include "base/buf.h"

enum {
	AGENTMSG_HEADER_LEN = 116, /* what the field says: the offset of PayloadLength */
	AGENTMSG_HEAD = 120,       /* where the payload starts */
	AGENTMSG_TYPE_LEN = 32,    /* padded with blanks */
	AGENTMSG_PAYLOAD_MAX = 1024 * 1024, /* ours; stock peers send a few KiB */
	AGENTMSG_FLAG_SYN = 1,
	AGENTMSG_FLAG_FIN = 2,
};

enum agentmsg_payload {
	PAYLOAD_NONE = 0,
	PAYLOAD_OUTPUT = 1,
	PAYLOAD_ERROR = 2,
	PAYLOAD_SIZE = 3,
	PAYLOAD_PARAMETER = 4,
	PAYLOAD_HANDSHAKE_REQUEST = 5,
	PAYLOAD_HANDSHAKE_RESPONSE = 6,
	PAYLOAD_HANDSHAKE_COMPLETE = 7,
	PAYLOAD_ENC_CHALLENGE_REQUEST = 8,
	PAYLOAD_ENC_CHALLENGE_RESPONSE = 9,
	PAYLOAD_FLAG = 10,
	PAYLOAD_STDERR = 11,
	PAYLOAD_EXIT_CODE = 12,
};

enum agentmsg_flag {
	FLAG_DISCONNECT_TO_PORT = 1,
	FLAG_TERMINATE_SESSION = 2,
	FLAG_CONNECT_TO_PORT_ERROR = 3,
	/* Ours, where the handshake said "Input" (proto/handshake.h). */
	FLAG_END_OF_INPUT = 0x5301, /* from the agent: nobody reads it any more */
	FLAG_INTERRUPT,             /* what Ctrl-C and Ctrl-\ are to a terminal */
	FLAG_QUIT,
};

/* Message types on the wire. */
#define MSG_INPUT_STREAM      "input_stream_data"
#define MSG_OUTPUT_STREAM     "output_stream_data"
#define MSG_ACKNOWLEDGE       "acknowledge"
#define MSG_CHANNEL_CLOSED    "channel_closed"
#define MSG_PAUSE             "pause_publication"
#define MSG_START             "start_publication"
#define MSG_SESSION_STATE     "agent_session_state"
#define MSG_INTERACTIVE_SHELL "interactive_shell"
#define MSG_TASK_COMPLETE     "agent_task_complete"
#define MSG_TASK_ACKNOWLEDGE  "agent_task_acknowledge"
#define MSG_JOB               "agent_job"
#define MSG_JOB_ACK           "agent_job_ack"
#define MSG_JOB_REPLY         "agent_job_reply"
#define MSG_JOB_REPLY_ACK     "agent_job_reply_ack"

struct agentmsg {
	char type[AGENTMSG_TYPE_LEN + 1];
	uint32_t schema_version;
	uint64_t created_ms;
	int64_t seq;
	uint64_t flags;
	uint8_t id[16]; /* in UUID order (the halves are swapped on the wire) */
	uint8_t digest[32];
	bool no_digest; /* to encode: zeros; decoded: it is all zeros */
	uint32_t payload_type;
	struct span payload; /* points into the input */
};

/*
 * Decodes.  ERR_INVALID: too short, HeaderLength not 116, PayloadLength not what follows,
 * empty type or one that is not a printable word, or CreatedDate 0 (except
 * start/pause_publication).  ERR_LIMIT: payload over AGENTMSG_PAYLOAD_MAX.  Does not
 * hash.
 */
int agentmsg_decode(struct agentmsg *m, struct span in) MUST_USE;
/*
 * ERR_SIGNATURE when PayloadDigest is not the SHA-256 of the payload.  Like the stock
 * peers it does not look at the digest of an empty payload.
 */
int agentmsg_check_digest(const struct agentmsg *m) MUST_USE;
bool agentmsg_is(const struct agentmsg *m, const char *type);
/* An id as text, as it is: not every peer's ids are version 4 UUIDs.  36 and a NUL. */
void agentmsg_id_format(char out[37], const uint8_t id[16]);

/*
 * Appends one message; digest (unless no_digest) and schema version are filled in here.  A payload over
 * AGENTMSG_PAYLOAD_MAX marks the buffer bad (ERR_LIMIT).
 */
void agentmsg_encode(struct buf *out, const struct agentmsg *m);
