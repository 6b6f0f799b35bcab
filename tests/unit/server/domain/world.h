/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of server/domain: a simulated host with store, nodes and sessions, control
 * channels that write down what is sent over them, and a relay that writes down its end.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "ev/sim.h"
#include "proto/control.h"
#include "proto/own.h"
#include "server/domain/session.h"

#define OK(call) assert_int_equal(call, 0)
#define NODE     "mi-0123456789abcdef0"
#define SESSION  "alice-0123456789abcdef0"

/* The row of a node that said nothing about itself. */
static inline struct store_node
blank_node(const char *id)
{
	static char none[] = "";

	return (struct store_node){ .id = (char *)(uintptr_t)id,
		.public_key = none,
		.fingerprint = none,
		.activation_id = none,
		.iam_role = none,
		.name = none,
		.agent_name = none,
		.agent_version = none,
		.platform_type = none,
		.platform_name = none,
		.platform_version = none,
		.ip = none,
		.hostname = none,
		.zone = none,
		.leave_reason = none,
		.registered_ms = 1800000000000 };
}

struct fake_link {
	struct node_link link;
	struct buf sent;  /* "start <session> " and "closed <session> " */
	const char *drop; /* why it was dropped, or NULL */
	int result;       /* what send() answers */
};

struct fake_channel {
	struct session_channel channel;
	int closed; /* how often */
	char output[80];
	struct buf told; /* "<type> <message> " of what the client was told */
	char secret[64]; /* the last one it was told */
};

struct world {
	struct sim_world *sim;
	struct ev_loop *loop;
	struct store *store;
	struct nodes *nodes;
	struct sessions *sessions;
	struct fake_link link;
	struct fake_channel channel;
};

static inline int
fake_send(struct node_link *l, struct span msg)
{
	struct fake_link *k = CONTAINER_OF(l, struct fake_link, link);
	struct control_shell shell;
	struct control_closed closed;
	struct agentmsg m;
	auto_arena mem = { 0 };

	if (k->result != 0)
		return k->result;
	OK(agentmsg_decode(&m, msg));
	OK(agentmsg_check_digest(&m));
	if (agentmsg_is(&m, MSG_INTERACTIVE_SHELL)) {
		OK(control_shell_parse(&shell, &mem, m.payload, NULL));
		assert_true(shell.document_content.n > 0);
		buf_addf(&k->sent, "start %s ", shell.session_id);
	} else if (agentmsg_is(&m, MSG_CHANNEL_CLOSED)) {
		OK(control_closed_parse(&closed, &mem, m.payload, NULL));
		buf_addf(&k->sent, "closed %s ", closed.session_id);
	} else {
		fail_msg("unexpected message %s", m.type);
	}
	return 0;
}

static inline void
fake_drop(struct node_link *l, const char *why)
{
	CONTAINER_OF(l, struct fake_link, link)->drop = why;
}

static inline void
fake_close(struct session_channel *c, const char *output)
{
	struct fake_channel *k = CONTAINER_OF(c, struct fake_channel, channel);

	k->closed++;
	snprintf(k->output, sizeof(k->output), "%s", output);
}

static inline void
fake_tell(struct session_channel *c, const char *type, const struct own_words *w)
{
	struct fake_channel *k = CONTAINER_OF(c, struct fake_channel, channel);

	assert_string_equal(w->session_id, SESSION);
	buf_addf(&k->told, "%s|%s ", type, w->message != NULL ? w->message : "");
	if (w->secret != NULL && w->secret[0] != '\0')
		OK(str_copy(k->secret, sizeof(k->secret), w->secret));
}

static inline void
link_init(struct fake_link *k, const char *node_id)
{
	memset(k, 0, sizeof(*k));
	k->link.send = fake_send;
	k->link.drop = fake_drop;
	k->link.own = true;
	OK(str_copy(k->link.node_id, sizeof(k->link.node_id), node_id));
	buf_init(&k->sent, 1 << 20);
}

/* Lets deferred calls run. */
static inline void
settle(struct world *w)
{
	sim_run_for(w->sim, 1);
}

static inline void
wait_s(struct world *w, uint64_t s)
{
	sim_run_for(w->sim, s * 1000);
}

static inline void
server_up(struct world *w)
{
	struct fault f = { 0 };

	w->nodes = nodes_new(w->loop, w->store);
	if (sessions_new(&w->sessions, w->loop, w->store, w->nodes, &f) != 0)
		fail_msg("sessions_new: %s", f.text);
	settle(w);
}

static inline void
server_down(struct world *w)
{
	settle(w); /* what was submitted is on disk; nothing else survives */
	sessions_free(w->sessions);
	nodes_free(w->nodes);
	w->sessions = NULL;
	w->nodes = NULL;
}

static inline void
world_init(struct world *w, uint64_t seed)
{
	const struct sim_options o = { .seed = seed, .wall_start_ms = 1800000000000 };
	struct fault f = { 0 };

	memset(w, 0, sizeof(*w));
	w->sim = sim_new(&o);
	w->loop = sim_host(w->sim, "server");
	OK(store_open(&w->store, w->loop, ":memory:", &f));
	link_init(&w->link, NODE);
	w->channel.channel.close = fake_close;
	w->channel.channel.tell = fake_tell;
	buf_init(&w->channel.told, 1 << 20);
	server_up(w);
}

static inline void
world_fini(struct world *w)
{
	store_close(w->store);
	sessions_free(w->sessions);
	nodes_free(w->nodes);
	buf_fini(&w->link.sent);
	buf_fini(&w->channel.told);
	ev_loop_free(w->loop);
	sim_free(w->sim);
}

static inline void
node_up(struct world *w)
{
	if (!node_online(w->nodes, NODE))
		node_attach(w->nodes, &w->link.link);
}

static inline void
node_down(struct world *w)
{
	node_detach(w->nodes, &w->link.link, "the cable was pulled");
}

static inline int
in_store(struct store_tx *tx, void *arg, struct fault *f)
{
	return session_start_run(tx, arg, f);
}

static inline int
prepare(struct world *w, struct arena *mem, const char *id, const char *node,
    int64_t idle_min, int64_t max_min, struct session_pending **p, struct fault *f)
{
	const struct session_start in = {
		.id = id,
		.target = node,
		.document = "SSM-SessionManagerRunShell",
		.owner_arn = "arn:aws:iam::123456789012:user/alice",
		.owner_user_id = "AIDA",
		.content_json =
		    "{\"schemaVersion\":\"1.0\",\"sessionType\":\"Standard_Stream\"}",
		.max_duration_min = max_min,
		.idle_min = idle_min,
	};

	return session_start_prepare(p, w->sessions, mem, &in, f);
}

/* StartSession without a server around it; *token (may be NULL) is in mem. */
static inline int
start_with(struct world *w, struct arena *mem, const char *id, const char *node,
    int64_t idle_min, int64_t max_min, const char **token)
{
	struct session_pending *p;
	struct fault f = { 0 };
	const char *t;
	int r;

	if ((r = prepare(w, mem, id, node, idle_min, max_min, &p, &f)) != 0)
		return r;
	OK(store_apply(w->store, in_store, p, &f));
	r = session_start_commit(p, token != NULL ? token : &t, &f);
	settle(w);
	return r;
}

static inline int
start(struct world *w, struct arena *mem, const char *id, const char *node,
    int64_t max_min, const char **token)
{
	return start_with(w, mem, id, node, 0, max_min, token);
}

/* One that is refused, and with which words. */
static inline int
start_words(
    struct world *w, struct arena *mem, const char *id, const char *node, struct fault *f)
{
	struct session_pending *p;

	return prepare(w, mem, id, node, 0, 0, &p, f);
}
