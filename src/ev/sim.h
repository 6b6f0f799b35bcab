/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated backend of ev/ev.h: a world of hosts, each with its own struct ev_loop,
 * under one seed.  Virtual time jumps to the next event; nothing here sleeps, reads a clock
 * or asks the kernel for anything, so a seed always replays.
 */
#pragma once

#include "ev/ev.h"

struct sim_world;

struct sim_options {
	uint64_t seed;
	uint32_t latency_min_ms, latency_max_ms; /* one way, drawn for each segment; in order */
	uint32_t segment_max;   /* data is split into pieces of 1..segment_max bytes; 0: 1460 */
	uint32_t buffer;        /* bytes in flight for each direction before ERR_AGAIN; 0: 256 KiB */
	uint32_t cut_per_million; /* chance that delivering a segment cuts its connection */
	int64_t wall_start_ms;  /* wall clock at time 0 */
};

struct sim_world *sim_new(const struct sim_options *o);
void sim_free(struct sim_world *w); /* loops must have been freed before */

/* A host named name; listeners on it are reached as name:port from every host. */
struct ev_loop *sim_host(struct sim_world *w, const char *name);
/*
 * The process on this host dies: connections are cut, timers and callbacks are dropped,
 * children are killed, and calls on its loop do nothing any more.  Free the program's
 * objects and then the loop (ev_loop_free); sim_host() with the same name starts anew.
 */
void sim_crash(struct ev_loop *l);
/* Cuts every connection between two hosts, and refuses new ones while partitioned. */
void sim_partition(struct sim_world *w, const char *a, const char *b, bool cut);
/* Cuts one random live connection; false when there is none. */
bool sim_cut_random(struct sim_world *w);
/*
 * One random live connection: one end loses it now.  What that end had sent arrives late_ms
 * later than it would have, behind what it sends on a new connection, and only then the other
 * end learns of the loss.
 */
bool sim_late_random(struct sim_world *w, uint32_t late_ms);
/* Delivers to this host at most bytes_per_s (0: no limit): slow readers. */
void sim_slow(struct ev_loop *l, uint32_t bytes_per_s);

/* Runs until virtual time has advanced by ms, or nothing is left to do. */
void sim_run_for(struct sim_world *w, uint64_t ms);
/* Runs until *flag is true or the time is over; tells whether it became true. */
bool sim_run_until(struct sim_world *w, const bool *flag, uint64_t max_ms);
uint64_t sim_now_ms(const struct sim_world *w);
uint32_t sim_random_below(struct sim_world *w, uint32_t n);
/* A number over everything that happened so far: equal seeds must give equal digests. */
uint64_t sim_digest(const struct sim_world *w);

/*
 * Children are functions.  A program registered under a path runs as a little state
 * machine: input() gets what was written to its pty or stdin; it answers with sim_child_*.
 */
struct sim_child;
struct sim_program {
	void (*start)(struct sim_child *c, const struct ev_spawn *sp);
	void (*input)(struct sim_child *c, struct span in); /* empty span: end of file */
	void (*resize)(struct sim_child *c, uint16_t rows, uint16_t cols);
	void (*signal)(struct sim_child *c, int signum); /* NULL: dies of it */
};
void sim_register(struct sim_world *w, const char *path, const struct sim_program *p);
void sim_child_output(struct sim_child *c, int which, struct span s); /* 1 or 2 */
void sim_child_exit(struct sim_child *c, int status);
void *sim_child_data(struct sim_child *c, size_t size); /* zeroed on first use */
