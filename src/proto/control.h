/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the message gateway and its peers say besides data: the opening text frames, the
 * requests that come before them, and the control messages of both channels.
 *
 * Each *_build of a message appends one complete AgentMessage (PayloadType 0, seq 0) with
 * the given CreatedDate and id; *_parse takes the payload of a decoded one.  Parsed text
 * lives in the caller's arena.  Keys are read without regard to case, as Go peers do.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "proto/agentmsg.h"

/* Bytes; ours, well above what stock peers send. */
enum {
	CONTROL_OPEN_MAX = 8192,        /* an opening text frame */
	CONTROL_TOKEN_MAX = 2048,       /* a token in it; the server's own have ID_TOKEN_LEN */
	CONTROL_NAME_MAX = 256,         /* request ids, client ids, versions */
	CONTROL_CREATE_MAX = 8192,      /* body of CreateControlChannel, CreateDataChannel */
	CONTROL_OUTPUT_MAX = 64 * 1024, /* last words of a session */
	CONTROL_MESSAGE_MAX = 512 * 1024, /* limit for the buffers of the builders */
};

/* CreatedDate and message id of a message that is being made. */
struct control_head {
	uint64_t created_ms;
	uint8_t id[16];
};

/* --- opening text frames --------------------------------------------------------- */

struct control_open_control {
	const char *request_id;
	const char *token;
	const char *agent_version; /* "" when absent */
	const char *platform_type;
};
void control_open_control_build(struct buf *out, const struct control_open_control *o);
int control_open_control_parse(struct control_open_control *o, struct arena *mem,
    struct span text, struct fault *f) MUST_USE;

struct control_open_data {
	const char *request_id;
	const char *token;
	const char *client_id;          /* "" from agents */
	const char *client_version;     /* client only; "" when absent (before 1.2.677) */
	const char *client_instance_id; /* agent only; NULL from clients: that is the
					   difference */
	bool resumes; /* our client: token is the secret of proto/own.h */
};
void control_open_data_build(struct buf *out, const struct control_open_data *o);
int control_open_data_parse(struct control_open_data *o, struct arena *mem,
    struct span text, struct fault *f) MUST_USE;

/* --- CreateControlChannel and CreateDataChannel (HTTP) ------------------------------ */

struct control_create {
	const char *request_id;
	const char *client_id; /* data channel only, "" */
	bool data;
};
void control_create_build(struct buf *out, const struct control_create *c);
int control_create_parse(struct control_create *c, struct arena *mem, struct span json,
    struct fault *f) MUST_USE;
/* The body of the 201 answer. */
void control_created_build(struct buf *out, bool data, const char *token);
int control_created_parse(
    const char **token, struct arena *mem, struct span xml) MUST_USE;

/* --- server to agent ------------------------------------------------------------- */

struct control_shell {
	const char *document_name;
	struct span document_content; /* JSON object, resolved (proto/document.h) */
	const char *session_id;
	struct span parameters;    /* JSON object of scalars; empty: {} */
	const char *run_as_user;   /* "" when none */
	const char *session_owner; /* ARN */
};
void control_shell_build(
    struct buf *out, const struct control_head *h, const struct control_shell *s);
int control_shell_parse(struct control_shell *s, struct arena *mem, struct span payload,
    struct fault *f) MUST_USE;

struct control_closed {
	const char *destination_id;
	const char *session_id;
	const char *output; /* NULL: member left out (towards agents) */
};
void control_closed_build(
    struct buf *out, const struct control_head *h, const struct control_closed *c);
int control_closed_parse(struct control_closed *c, struct arena *mem, struct span payload,
    struct fault *f) MUST_USE;

/* MSG_PAUSE or MSG_START. */
void control_publication_build(struct buf *out, const struct control_head *h, bool pause);

struct control_task_ack {
	const char *message_id; /* of the agent_task_complete, lower case */
	const char *task_id;
};
void control_task_ack_build(
    struct buf *out, const struct control_head *h, const struct control_task_ack *a);
int control_task_ack_parse(struct control_task_ack *a, struct arena *mem,
    struct span payload, struct fault *f) MUST_USE;

/* --- agent to server ----------------------------------------------------------------- */

struct control_task_complete {
	const char *task_id;
	const char *status; /* Success, Failed, Cancelled, TimedOut */
	const char *instance_id;
	const char *output; /* error text of Failed */
	const char *s3_bucket, *s3_suffix, *log_group, *log_stream;
	int64_t retry_number;
	bool routing_failure;
};
void control_task_complete_build(
    struct buf *out, const struct control_head *h, const struct control_task_complete *t);
int control_task_complete_parse(struct control_task_complete *t, struct arena *mem,
    struct span payload, struct fault *f) MUST_USE;

struct control_state {
	const char *session_id;
	bool terminating; /* else Connected */
};
void control_state_build(
    struct buf *out, const struct control_head *h, const struct control_state *s);
int control_state_parse(struct control_state *s, struct arena *mem, struct span payload,
    struct fault *f) MUST_USE;
