/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying files and trees over a link: both ends of a copy session, the client's and the
 * node's, are made of the same sender and receiver.
 *
 *	link.c      messages over descriptors
 *	send.c      one file: what the receiver has already, data, digest; results
 *	walk.c      directories at the source
 *	recv.c      the conversation at the destination
 *	partial.c   a file that grows under another name until its digest agrees
 *	target.c    what the name of a destination means
 *
 * All of it blocks.  Paths and names are bytes; nothing that the peer says becomes a path
 * before copy_name_ok() has looked at it, and below the destination no symbolic link is
 * followed.  Files are opened relative to the directory above, so nothing that is renamed
 * or linked meanwhile leads elsewhere.
 */
#pragma once

#include "copy/link.h"

enum {
	COPY_DEPTH_MAX = 100, /* directories inside each other; each takes a descriptor */
	COPY_PENDING_MAX = 1024, /* files sent whose result is not there yet */
};

/* What one file came to. */
struct copy_outcome {
	const char *path; /* as the person gave it, with what is below */
	uint64_t size;
	uint64_t skipped;    /* was there already */
	uint64_t started_ms; /* copy_clock_ms() */
	const char *why; /* "path: reason"; NULL: it is there, and its digest agrees */
	bool peer;       /* why is the peer's, and so is the path in it */
	const uint8_t *digest; /* SHA-256 of all of it; NULL unless it is there */
};

/* For the person or the log; each may be NULL.  Called in the thread of the copy. */
struct copy_hooks {
	void (*begin)(void *arg, const char *path, uint64_t size, uint64_t done);
	void (*moved)(void *arg, uint64_t bytes);
	void (*file)(void *arg, const struct copy_outcome *o);
	/* Anything else that went wrong, why: "path: reason"; path NULL: the peer says so. */
	void (*trouble)(void *arg, const char *path, const char *why);
	void *arg;
};

struct copy_options {
	uint16_t flags; /* COPY_RECURSIVE and so on */
	uint32_t umask; /* for what is new */
	const struct copy_hooks *hooks;
};

/* "permission denied (as user web)" and the like; the same buffer until the next call. */
const char *copy_words(int errnum);

/* --- the source ----------------------------------------------------------------------------- */

struct copy_sender;

struct copy_sender *copy_sender_new(struct copy_link *k, const struct copy_options *o);
void copy_sender_free(struct copy_sender *s);
/* A file or a tree.  ERR_* only when the link is gone; the rest is said to the hooks. */
int copy_send(struct copy_sender *s, const char *path) MUST_USE;
/* DONE, and then all results. */
int copy_send_done(struct copy_sender *s) MUST_USE;

/* --- the destination ------------------------------------------------------------------------- */

struct copy_target {
	int dir;       /* O_PATH */
	char *name;    /* NULL: dir exists and takes entries under their own names */
	bool only_dir; /* "name/": a file cannot become it */
	char *shown;   /* path of dir, or of name, for words */
};

/* into: it has to be a directory that exists.  The fault's words begin with the path. */
int copy_target_open(
    struct copy_target *t, const char *path, bool into, struct fault *f) MUST_USE;
void copy_target_close(struct copy_target *t);

/*
 * Takes what comes until DONE.  name: what the one entry at the top is called, whatever
 * the peer says ("" : its contents belong into the destination); NULL: as the peer says.
 * ERR_* when the link is gone or the peer broke the contract.
 */
int copy_receive(struct copy_link *k, const struct copy_target *t, const char *name,
    const struct copy_options *o) MUST_USE;
