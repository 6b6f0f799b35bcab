/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the sender share.  Not for others: they include copy.h. */
#pragma once

#include <sys/stat.h>

#include "base/list.h"
#include "copy/copy.h"

/* A directory that is being sent, innermost first.  On the stack of walk.c. */
struct copy_level {
	struct copy_level *up;
	uint64_t id;
	dev_t dev;
	ino_t ino;
	bool failed; /* the receiver has no such directory: nothing more of it */
};

/* A DIR or FILE whose RESULT has not come yet.  Owned by copy_sender.pending, in order. */
struct copy_pending {
	struct list link;
	uint64_t dir; /* id of its level; 0: a file */
	char *path;
	char *why; /* its end was ABORT: words; or NULL */
	uint64_t size, skipped, started_ms;
	uint8_t digest[COPY_DIGEST];
	bool sent; /* up to END or ABORT */
};

struct copy_sender {
	struct copy_link *link;
	struct copy_options o;
	struct list pending; /* struct copy_pending */
	size_t npending;
	struct copy_level *level; /* NULL: at the top */
	uint64_t last_dir;
	struct copy_pending *current; /* being sent; NULL: refused already */
	bool asked;
	struct copy_msg have;
	uint8_t *chunk; /* COPY_HEAD + COPY_DATA_MAX */
};

void copy_sender_trouble(struct copy_sender *s, const char *path, const char *why);
/* Waits while too many are under way, and adds one.  Takes path. */
int copy_sender_push(
    struct copy_sender *s, char *path, struct copy_pending **out) MUST_USE;
/* fd: an open regular file; st: of it.  wire_name: how the receiver shall call it. */
int copy_send_file(struct copy_sender *s, int fd, const struct stat *st, const char *path,
    const char *wire_name) MUST_USE;
struct copy_times copy_times_of(const struct stat *st);
