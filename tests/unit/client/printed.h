/* SPDX-License-Identifier: Apache-2.0 */
/* What a main() prints and answers, run in a child of its own with no standard input. */
#pragma once

#include "base/buf.h"

struct printed {
	struct buf out, err; /* released by printed_fini() */
	int status;
};

/* args ends with NULL; args[0] is the program's name. */
void printed_run(
    struct printed *p, int (*program)(int argc, char **argv), const char *const *args);
void printed_fini(struct printed *p);
