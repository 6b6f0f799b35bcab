/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that is being received: it grows under a name of its own beside its place, mode
 * 0600, and gets its name, mode and times when it is complete.
 *
 *	begin --> have --> start(0 or what is there) --> write... --> finish
 *	   \___________________________________________________________\__> drop
 *
 * Two copies of the same file: the later one wins.  It takes what the earlier one has
 * written so far into a file of its own, and the earlier one finds at its end that the
 * name is not its own any more.
 *
 * Owner: the receiver.  Words of a fault have no path.
 */
#pragma once

#include "copy/copy.h"

struct copy_partial {
	int dir;       /* borrowed */
	int fd;        /* -1: not open */
	bool whole;    /* fd is the file itself, read-only: perhaps it is complete */
	bool replaces; /* there is a file of this name */
	bool keep;     /* worth resuming */
	uint32_t mode; /* of that file */
	uint32_t uid, gid;
	uint64_t size, at; /* size: when it is complete */
	struct sha256_ctx *sum;
	char name[COPY_NAME_MAX + 1], tmp[COPY_NAME_MAX + 1];
};

/* resume: use what is there already.  ERR_DENIED and others when it cannot be written. */
int copy_partial_begin(struct copy_partial *p, int dir, const char *name, uint64_t size,
    bool resume, struct fault *f) MUST_USE;
/* How much is there already, and its digest.  The link is kept alive meanwhile. */
int copy_partial_have(
    struct copy_partial *p, struct copy_link *k, struct copy_msg *have) MUST_USE;
/* skip: 0, or what copy_partial_have() said. */
int copy_partial_start(struct copy_partial *p, uint64_t skip, struct fault *f) MUST_USE;
int copy_partial_write(
    struct copy_partial *p, struct span bytes, struct fault *f) MUST_USE;
void copy_partial_digest(struct copy_partial *p, uint8_t out[COPY_DIGEST]);

struct copy_attributes {
	bool preserve;
	uint32_t mode; /* for a file that is new, or preserved */
	struct copy_times times;
};
/* Closes it, too, whatever the outcome. */
int copy_partial_finish(
    struct copy_partial *p, const struct copy_attributes *a, struct fault *f) MUST_USE;
/* Closes it.  keep: what has arrived stays for the next time, if that is worth it. */
void copy_partial_drop(struct copy_partial *p, bool keep);
/* Mode and times onto an open file or directory. */
int copy_apply(int fd, const struct copy_attributes *a, struct fault *f) MUST_USE;
