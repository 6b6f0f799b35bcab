/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the simulated backend.
 *
 * Everything that happens is a struct sim_event in one queue, ordered by time and then by
 * the order of scheduling.  Events are embedded in the object that they happen to and
 * leave the queue with it.  Lists are walked in the order of creation; nothing is ordered
 * by the value of a pointer.
 */
#pragma once

#include "ev/backend.h"
#include "ev/sim.h"

enum { SIM_NAME_MAX = 64, SIM_US = 1000 /* of a millisecond */ };

typedef void sim_fn(void *arg);

struct sim_event {
	uint64_t at_us, seq;
	uint32_t pos; /* 1-based place in the queue; 0: not scheduled */
	char tag;     /* goes into the digest */
	sim_fn *fn;
	void *arg;
};

/* A host's name and address outlive the process on it. */
struct sim_name {
	char name[SIM_NAME_MAX];
	char ip[16];
	uint32_t index;
	uint32_t lives;        /* how often a process was started */
	struct sim_host *live; /* NULL: none runs */
};

struct sim_pair {
	uint32_t a, b;
};

struct sim_registered {
	char *path;
	const struct sim_program *program;
};

struct sim_world {
	struct sim_options opt;
	uint64_t now_us, seq, rng, digest;
	uint64_t same_time; /* events since the clock moved */
	bool stepping;

	struct sim_event **queue;
	uint32_t nqueue, queue_cap;

	struct sim_name **names;
	uint32_t nnames;
	struct sim_pair *cuts; /* partitions */
	uint32_t ncuts;
	struct sim_registered *programs;
	uint32_t nprograms;

	struct list conns;
	void **graves; /* freed when the current event is over */
	uint32_t ngraves, graves_cap;
};

struct sim_host {
	struct ev_loop base;
	struct sim_world *world;
	struct sim_name *name;
	uint64_t rng;
	bool stopped;
	struct sim_event timer_ev, defer_ev;
	struct list streams, listeners, connects, children;
	uint32_t bytes_per_s;
	uint64_t link_free_us; /* when a slow host takes its next segment */
	uint16_t last_port;
	int64_t last_pid;
};

static inline struct sim_host *
sim_host_of(const struct ev_loop *l)
{
	return CONTAINER_OF(l, struct sim_host, base);
}

/* --- sim_world.c ---------------------------------------------------------- */

void sim_event_init(struct sim_event *e, char tag, sim_fn *fn, void *arg);
/* Schedules, or moves what is scheduled already. */
void sim_at(struct sim_world *w, struct sim_event *e, uint64_t at_us);
void sim_unschedule(struct sim_world *w, struct sim_event *e);
/* Runs the next event if it is not later than end_us. */
bool sim_step(struct sim_world *w, uint64_t end_us);
void sim_free_later(struct sim_world *w, void *p);
uint64_t sim_mix(uint64_t *state); /* the next value of a splitmix64 generator */
void sim_note(struct sim_world *w, uint64_t v); /* into the digest */
struct sim_name *sim_name_find(struct sim_world *w, const char *name_or_ip); /* or NULL */
struct sim_name *sim_name_add(struct sim_world *w, const char *name);
bool sim_is_cut(const struct sim_world *w, uint32_t a, uint32_t b);

/* --- sim_net.c: connections and their two ends ------------------------------ */

struct sim_child;

enum sim_kind { SEG_DATA, SEG_FIN, SEG_RESET }; /* RESET: the other end was closed */

struct sim_seg {
	struct sim_seg *next;
	uint64_t at_us;
	uint32_t n, off;
	enum sim_kind kind;
	uint8_t data[];
};

struct sim_queue {
	struct sim_seg *head, *tail;
};

/* What one end reads: on its way, and arrived. */
struct sim_pipe {
	struct sim_conn *conn;
	struct sim_queue flying, arrived;
	uint64_t last_us;   /* arrival of the last one: nothing overtakes */
	uint32_t used;      /* bytes in both queues */
	bool fin_sent, eof; /* FIN on its way; arrived */
	struct sim_event arrive;
	uint8_t side;
};

struct sim_stream {
	struct ev_stream base;
	struct list link; /* host->streams */
	struct sim_conn *conn;
	uint8_t side;
	struct sim_event notify;
	char ip[16];
	uint16_t port;
	struct sim_child *child; /* a terminal: its child, while there is one */
	bool no_half_close;      /* terminals and pipes */
};

/*
 * Owner: its two ends; freed with the last of them.  When it is cut, each end learns of
 * that by itself, a latency later; until then what it writes goes nowhere.
 */
struct sim_conn {
	struct list link; /* world->conns */
	struct sim_world *world;
	struct sim_stream *end[2]; /* NULL: closed */
	struct sim_pipe to[2];
	uint32_t host[2]; /* index of the hosts */
	bool local;       /* within one host: no latency, never cut by chance */
	bool cut;
	bool halved;   /* one end has lost it, see sim_late_random() */
	int err[2];    /* what an end sees after the cut */
	bool reset[2]; /* an end that learnt that the other one is closed */
	struct sim_event learn[2];
};

/* A connection between two live hosts (perhaps the same one); its ends are in ->end. */
struct sim_conn *sim_conn_new(struct sim_host *a, struct sim_host *b);
void sim_conn_cut(struct sim_conn *c);
void sim_conn_halve(struct sim_conn *c, uint8_t side, uint64_t late_us);
uint64_t sim_latency_us(struct sim_world *w, bool local);
void sim_streams_crash(struct sim_host *h);

void sim_want(struct ev_stream *s);
int sim_read(struct ev_stream *s, void *p, size_t n, size_t *got);
int sim_write(struct ev_stream *s, const void *p, size_t n, size_t *put);
void sim_shutdown_write(struct ev_stream *s);
void sim_close(struct ev_stream *s);
void sim_peer(const struct ev_stream *s, char *ip, size_t size, uint16_t *port);
size_t sim_unacked(const struct ev_stream *s);

/* --- sim_dial.c: listening and connecting ----------------------------------- */

struct ev_connect *sim_connect(struct ev_loop *l, const char *host, uint16_t port,
    uint64_t timeout_ms, ev_allow_cb *allow, ev_connect_cb *cb, void *arg);
void sim_connect_cancel(struct ev_connect *c);
int sim_listen(struct ev_listener **out, struct ev_loop *l, const char *host,
    uint16_t port, ev_accept_cb *cb, void *arg, struct fault *f);
uint16_t sim_listener_port(const struct ev_listener *ln);
void sim_listener_pause(struct ev_listener *ln, bool pause);
void sim_listener_close(struct ev_listener *ln);
void sim_dials_crash(struct sim_host *h);
void sim_dials_free(struct sim_host *h);

/* --- sim_child.c ------------------------------------------------------------ */

int sim_child_start(struct ev_child **out, struct ev_loop *l, const struct ev_spawn *sp,
    ev_exit_cb *cb, void *arg, struct fault *f);
struct ev_stream *sim_child_take(struct ev_child *c, int which);
int64_t sim_child_pid(const struct ev_child *c);
void sim_child_signal(struct ev_child *c, int signum);
void sim_child_close(struct ev_child *c);
void sim_pty_resize(struct ev_stream *s, uint16_t rows, uint16_t cols);
void sim_child_stream_gone(
    struct sim_child *c); /* its terminal was closed by the owner */
void sim_children_crash(struct sim_host *h);
void sim_children_free(struct sim_host *h);
