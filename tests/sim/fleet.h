/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fleet in one process and under one seed: the real server, real agents, real clients;
 * only clock, network, shells and the services behind forwarded ports are simulated
 * (ev/sim.h).
 *
 *	t_fleet.c   runs seeds and prints the one that failed
 *	fleet.c     the course of one seed
 *	place.c     a host that can be cut off, slowed down or crash
 *	server.c    the control plane, over a store that survives its crashes
 *	node.c      machines with an agent
 *	person.c    people with a session
 *	shell.c     the program at the other end of a shell
 *	ports.c     a person's forwarded port
 *	service.c   what is behind it, on the node
 *	flow.c      the bytes between the two, known to both ends
 *	verdict.c   what must be true in the end, and in the audit trail
 */
#pragma once

#include "agent/agent.h"
#include "base/buf.h"
#include "client/session/session.h"
#include "crypto/crypto.h"
#include "ev/sim.h"
#include "proto/ids.h"
#include "server/domain/identity.h"
#include "server/server.h"

enum {
	FLEET_NODES_MAX = 200,
	FLEET_PEOPLE_MAX = 300,
	FLEET_PORT = 8443,
	FLEET_SERVICE_PORT = 5001,      /* on each node */
	FLEET_TROUBLE_MS = 150 * 1000,  /* so long things go wrong */
	FLEET_CALM_MS = 60 * 60 * 1000, /* and then every clock of a session runs out */
};
#define FLEET_REGION   "eu-north-1"
#define FLEET_ENDPOINT "http://server:8443"

struct fleet;

/* Where a process runs, and until when which misfortune lasts (0: none; sim_now_ms). */
struct place {
	struct fleet *fleet;
	char name[16];
	struct ev_loop *loop; /* NULL: nothing runs here */
	uint64_t cut_until_ms, slow_until_ms;
	uint64_t up_at_ms;
	unsigned crashes;
};

struct sim_server {
	struct place place;
	struct config config;
	struct store *store;
	struct server *server;
	char path[128]; /* "inline:<file>" */
};

struct sim_node {
	struct place place;
	char id[24];
	char access_key[ID_ACCESS_KEY_LEN + 1]; /* static credentials; "": the key */
	struct spawner *spawner;
	struct agent *agent;
	struct service *service;
};

enum person_plan {
	PERSON_EXITS,      /* leaves the shell with a status */
	PERSON_TERMINATES, /* calls TerminateSession */
	PERSON_VANISHES,   /* the machine dies */
	PERSON_SLEEPS,     /* types nothing more and stays connected */
	PERSON_FORWARDS,   /* no shell: connections through a forwarded port */
};

struct person {
	struct place place;
	enum person_plan plan;
	unsigned index, node, lines;
	struct http_client *http;
	struct agent_aws *aws; /* any signed call will do */
	struct agent_call *call;
	struct client_session *session;
	struct ports *ports; /* PERSON_FORWARDS, once it is ready */
	struct ev_timer timer, slow_reader;
	unsigned starts; /* StartSession calls */
	char session_id[ID_SESSION_MAX + 1];
	struct buf typed;    /* not yet taken by the session */
	struct buf expected; /* what the shell will have said to what was typed */
	uint64_t salt, pos;  /* of the shell's stream */
	size_t received;
	int exit_status; /* -1: none came */
	int want_status;
	unsigned node_crashes; /* of the node before the session began */
	bool ready, ended, said_exit, differs, wants_crash, refuses;
	unsigned losses;
	enum session_why why;
	char text[128];
};

struct fleet {
	uint64_t seed;
	struct sim_world *sim;
	struct sim_server server;
	unsigned nnodes, npeople;
	struct sim_node nodes[FLEET_NODES_MAX];
	struct person people[FLEET_PEOPLE_MAX];
	struct account_made account;
	struct sigv4_credentials admin;
	const struct buf *key_private, *key_public; /* one for all nodes */
	const char *dir;
	uint64_t server_crash_ms; /* the next one */
	unsigned cuts;
	bool failed;
};

/* The outcome of one seed; equal seeds give equal outcomes. */
struct outcome {
	uint64_t digest;
	unsigned started, completed, terminated, failed, losses;
	unsigned node_crashes, server_crashes, cuts;
	unsigned flows; /* connections through forwarded ports, right to the last byte */
	uint64_t bytes;
	bool ok;
};

struct fleet_options {
	uint64_t seed;
	const char *dir; /* for the store's file */
	const struct buf *key_private, *key_public;
};
void fleet_run(const struct fleet_options *o, struct outcome *out);
/* A promise that was not kept: printed with the seed. */
void fleet_fail(struct fleet *f, const char *fmt, ...) PRINTF(2, 3);

/* place.c */
void place_init(struct place *p, struct fleet *f, const char *kind, unsigned index);
void place_trouble(struct place *p);        /* something happens to it */
void place_heal(struct place *p, bool all); /* what is over; or everything */

void server_place_init(struct fleet *f);
void server_up(struct fleet *f);
void server_down(struct fleet *f, bool crash);

void node_init(struct fleet *f, unsigned i);
void node_up(struct sim_node *n);
void node_down(struct sim_node *n, bool crash);

void person_init(struct fleet *f, unsigned i);
void person_up(struct person *p);
void person_down(struct person *p, bool crash);
void person_fini(struct person *p);
const char *person_plan_name(enum person_plan p);
void person_ports_over(struct person *p); /* every connection is at its end */

/* What listens on a node. */
struct service *service_new(struct ev_loop *l);
void service_free(struct service *sv);

/* A person's forwarded port, from on_ready() on; owned by the person. */
struct ports_count {
	unsigned asked, right, wrong;
	uint64_t bytes;
};
struct ports *ports_new(struct person *p, const struct session_info *info);
int ports_data(struct ports *w, uint32_t payload_type, struct span data);
void ports_go(struct ports *w);
void ports_close(struct ports *w); /* before the session; the counts stay */
void ports_count(const struct ports *w, struct ports_count *out);

/*
 * The shell: prints a prompt; a line with a number is answered with so many bytes of an
 * endless stream, "exit N" ends it.
 */
extern const struct sim_program shell_program;
uint64_t shell_salt(const char *session_id);
void shell_hello(struct buf *out);
/* Appends the answer to one line (without its end); true with *status when it exits. */
bool shell_answer(
    struct buf *out, uint64_t salt, uint64_t *pos, struct span line, int *status);

/* Connections are still cut now and then: is everybody connected at this moment? */
bool fleet_is_whole(const struct fleet *f);
void verdict(struct fleet *f, struct outcome *out);
