/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Privilege separation for an agent that was started as root.
 *
 *	monitor (root)                          worker (user sallyport-agent)
 *	  starts, signals and ends sessions  <--->  network, TLS, JSON, data channels
 *	  writes the state folder       SOCK_SEQPACKET  no new privileges, no exec
 *
 * The monitor is forked off before anything else happens, has no loop and no TLS, and
 * understands the few requests of one table (monitor.c).  It decides by itself, from the
 * registration that only root can write, which users sessions may have.  When either of
 * the two ends, the other follows and every session ends.
 */
#pragma once

#include "agent/spawner.h"

/* --- what goes over the socket: one struct and, for requests, text behind it --- */

enum monitor_type {
	MONITOR_SPAWN = 1,
	MONITOR_SIGNAL,
	MONITOR_CLOSE,
	MONITOR_SAVE,
	MONITOR_STARTED = 100, /* with descriptors */
	MONITOR_FAILED,
	MONITOR_EXITED,
};

struct monitor_request {
	uint32_t type;
	uint32_t id; /* of the child, chosen by the worker */
	uint32_t kind;
	int32_t signum;
	uint16_t rows, cols;
	uint8_t merge_stderr;
	char user[64];
	char session_id[97];
	char file[24];
	uint32_t text_len;
};

struct monitor_reply {
	uint32_t type;
	uint32_t id;
	int32_t status; /* of the program; of a failure its ERR_* */
	char why[240];
};

enum { MONITOR_MESSAGE_MAX = sizeof(struct monitor_request) + SPAWN_TEXT_MAX };

struct monitor_options {
	const char *dir; /* state folder */
	struct agent_user_policy policy;
	int fd; /* to the worker */
	pid_t worker;
};

/* The life of the monitor; returns the exit status for the program. */
int monitor_run(const struct monitor_options *o);

/*
 * The worker gives up root: user sallyport-agent, or nobody; no new privileges; no
 * program can be started any more.  Everything it needs from files is open or read.
 */
int monitor_drop_privileges(struct fault *f) MUST_USE;

/* One request, for the tests of the table.  ERR_INVALID: the worker is not sane. */
struct monitor;
struct monitor *monitor_new(const struct monitor_options *o)
    __attribute__((returns_nonnull));
int monitor_handle(struct monitor *m, struct span message) MUST_USE;
void monitor_free(struct monitor *m); /* ends what runs */
