/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All of a file, or all that a program prints.  Both block, so they are for the time
 * before the loop runs (and for settings files).
 */
#pragma once

#include "base/buf.h"

/* Reads to the end of a file; ERR_LIMIT: more than out takes. */
int slurp_fd(int fd, struct buf *out) MUST_USE;
/* The same of a file that a person named; "-" is standard input. */
int slurp_path(struct buf *out, const char *path, struct fault *f) MUST_USE;

/*
 * Runs argv (found through PATH; it shares our terminal, because credential helpers ask
 * there for a code) and gathers its standard output, with its standard error
 * when both is set.  *status: its exit status, or -1 when a signal ended it.
 * ERR_NOTFOUND: there is no such program; ERR_LIMIT: it printed more than out takes.
 */
int slurp_program(
    struct buf *out, const char *const *argv, bool both, int *status) MUST_USE;
