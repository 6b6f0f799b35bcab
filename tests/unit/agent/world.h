/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulated node and a server that is a dozen lines of each operation: enough to see
 * what an agent says, and to say anything to it.
 *
 * The data channels end here: each is also the client, over proto/channel.h or raw.
 */
#pragma once

#include "agent/agent.h"
#include "ev/sim.h"
#include "net/http_server.h"
#include "net/wsconn.h"
#include "proto/agentmsg.h"
#include "proto/channel.h"
#include "proto/control.h"
#include "proto/handshake.h"
#include "unit/check.h"

enum { WORLD_PORT = 8443, WORLD_CALLS = 4000, WORLD_TALKS = 8 };

/* One data channel session as its client sees it. */
struct talk {
	struct world *w;
	char id[97];
	struct wsconn *ws;
	struct channel *ch;
	struct ev_timer tick;
	bool own;              /* answers the handshake as one of ours */
	bool silent;           /* does not answer the handshake */
	bool input;            /* wants to send some; then: whether the agent takes it */
	bool no_acks;          /* says nothing at all by itself */
	struct term_size size; /* sent after HandshakeComplete; 0: none */
	uint32_t opens;        /* connections so far */
	uint32_t connected, terminating; /* agent_session_state seen */
	bool asked, complete;            /* handshake */
	char agent_version[40];
	/* What the agent reports; the number it was told; told nothing any more. */
	struct buf reports; /* "db:5432 ConnectionRefused;" */
	int64_t recorded;
	bool forgets;
	struct buf out, err; /* Output, StdErr */
	int exit_code;       /* -1: none came */
	/* The agent's messages in order, raw: "ack 0;data 1;state;" */
	struct buf log;
};

struct world {
	struct sim_world *sim;
	struct ev_loop *server, *node;
	struct http_server *http;
	struct spawner *spawner;
	struct agent *agent;
	struct agent_user user;
	/* what the server does */
	bool down;              /* nothing listens */
	bool records;           /* agents may report (proto/own_event.h) */
	int token_status;       /* of RequestManagedInstanceRoleToken; 0: 200 */
	const char *token_body; /* instead of a good one */
	int64_t token_life_s;
	int create_status; /* of CreateControlChannel; 0: 201 */
	const char *create_body;
	int data_status; /* of CreateDataChannel; 0: 201 */
	const char *data_body;
	int beat_status; /* of UpdateInstanceInformation; 0: 200 */
	bool ack_tasks;
	bool want_new_key;  /* the next token answer says UpdateKeyPair */
	int rotate_status;  /* of UpdateManagedInstancePublicKey; 0: 200 */
	bool forget_answer; /* it takes the new key, and the answer is lost */
	bool check_key;     /* token calls must be signed with known_key */
	/* what it saw */
	struct wsconn *control;
	struct ev_timer task_timer;
	bool online, task_seen, over;
	uint32_t tokens, beats, creates, controls, data_creates, tasks;
	uint64_t call_ms[WORLD_CALLS]; /* virtual time of each CreateControlChannel */
	struct buf last_beat, first_beat;
	char open_frame[512];
	char task_id[97], task_status[32], task_output[600];
	uint8_t task_message[16];
	uint64_t last_ping_ms;
	struct talk talks[WORLD_TALKS];
	size_t ntalks;
	/* what the agent wanted kept */
	struct buf saved, saved_key, saved_new_key;
	struct buf known_key; /* public; what the server takes */
	uint32_t rotations;
};

struct world_options {
	uint64_t seed;
	bool activation; /* else static credentials */
	uint32_t cut_per_million;
	uint32_t segment_max;
	const struct agent_user_policy *policy;
};

void world_init(struct world *w, const struct world_options *o);
void world_fini(struct world *w);
/* Creates the agent (again), on a fresh node. */
void world_start_agent(struct world *w);
void world_stop_agent(struct world *w);
void world_server_up(struct world *w, bool up);
bool world_until(struct world *w, const bool *flag, uint64_t ms);
void world_run(struct world *w, uint64_t ms);
bool world_online(struct world *w); /* starts the agent and waits */

/* interactive_shell.  document NULL: a plain Standard_Stream. */
struct talk *world_order(struct world *w, const char *id, const char *document);
/* A plain session up to its first prompt; own: with one of our clients. */
struct talk *world_prompt(struct world *w, const char *id, bool own);
void world_order_raw(struct world *w, const char *id, const char *document,
    const char *parameters, const char *run_as);
void world_close_session(struct world *w, const char *id);
void world_send_control(struct world *w, const char *type, const char *payload);

/* Runs until text is in the talk's output. */
bool talk_expect(struct talk *t, const char *text, uint64_t ms);
void talk_type(struct talk *t, const char *text);
void talk_flag(struct talk *t, uint32_t flag);
void talk_cut(struct talk *t); /* the connection breaks */
struct talk *world_talk(struct world *w, const char *id);
/* Sends a hand-made message to the agent on the data channel. */
void talk_send_raw(struct talk *t, const char *type, int64_t seq, uint32_t payload_type,
    struct span payload);

extern const char world_document[];
