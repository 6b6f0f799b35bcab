/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport cp, behind the command line:
 *
 *	cmd_cp.c         words -> struct copy_wish
 *	copy.c           the session: its payloads <-> a socket
 *	copy_engine.c    a thread with the other end of the socket, which does the copying
 *	copy_show.c      what the person sees; used by both threads
 *	copy_progress.c  the text of one line of progress
 *
 * The thread blocks in files while the loop keeps the session alive; hashing and the
 * network share the work of two processors.
 */
#pragma once

#include <pthread.h>

#include "client/cli/cli.h"
#include "copy/copy.h"

struct copy_wish {
	bool upload;
	const char *node_id, *node_name; /* the name as the person wrote it */
	const char *reason;
	const char *const *sources; /* paths */
	size_t nsources;
	const char *target;
	uint16_t flags; /* COPY_RECURSIVE and so on */
	bool quiet, no_progress;
};

/*
 * "web-1:/etc/hosts", "tag:Role=db:x": where the path begins in such a word.  NULL: it is a
 * path of this machine, as everything with a slash before the colon.
 */
const char *cp_remote_path(const char *word);

/* Blocks until all is over; returns the exit status. */
int copy_run(struct cli *c, const struct copy_wish *w);

/* --- one line of progress ------------------------------------------------------------------ */

struct copy_progress {
	const char *name; /* a path; whatever bytes it has */
	uint64_t size, done;
	uint64_t rate; /* bytes in a second; 0: not known */
	uint64_t ms;   /* since the beginning */
	bool over;     /* ms is what it took; else what it may take is shown */
	bool stalled;
};

enum { COPY_LINE_MAX = 1024, COPY_COLUMNS_MIN = 20 };

/* Without a newline, at most columns wide. */
void copy_progress_line(
    char out[COPY_LINE_MAX], const struct copy_progress *p, size_t columns);

/* --- what the person sees -------------------------------------------------------------------- */

struct copy_show;

struct copy_show *copy_show_new(const struct copy_wish *w);
/* Leaves the terminal with a clean line. */
void copy_show_free(struct copy_show *s);
const struct copy_hooks *copy_show_hooks(struct copy_show *s);
/* Draws again, as time goes by. */
void copy_show_tick(struct copy_show *s);
/* An error: a line of its own, and the exit status is 1. */
void copy_show_error(struct copy_show *s, const char *fmt, ...) PRINTF(2, 3);
/* Of the connection; not with quiet. */
void copy_show_notice(struct copy_show *s, const char *fmt, ...) PRINTF(2, 3);
bool copy_show_failed(const struct copy_show *s);

/* --- the thread -------------------------------------------------------------------------------- */

struct copy_engine {
	const struct copy_wish *wish;
	struct copy_show *show;
	const struct copy_target *target; /* of a download */
	int fd;                           /* the thread closes it at the end */
	uint32_t umask;
	int err; /* 0: everything was said by the hooks */
	pthread_t thread;
};

int copy_engine_start(struct copy_engine *e, struct fault *f) MUST_USE;
void copy_engine_join(struct copy_engine *e);
