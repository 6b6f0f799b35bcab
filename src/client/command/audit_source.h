/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the audit trail comes from: a server, page by page, or the lines of an export.  Both
 * give the same things in the same order to whoever wants to keep or to check them.
 */
#pragma once

#include "client/cli/cli.h"
#include "proto/audit.h"

/*
 * Each returns 0 to go on, or what the source returns then.  Spans and strings are good
 * during the call.
 */
struct audit_sink {
	/* First, once: behind which event it begins, and the key that the source names. */
	int (*begin)(void *arg, const struct audit_chain *at, const char *account,
	    const char *public_key);
	/* hidden: it is not found by what it says. */
	int (*event)(
	    void *arg, const struct audit_chain *at, struct span event, bool hidden);
	/*
	 * A base before the events that follow it; a checkpoint or head behind its event.
	 * From a server, a head also where no event was found.
	 */
	int (*mark)(void *arg, const struct audit_mark *m);
	void *arg;
};

/* The events from since_ms on, or all of them (-1), to the signed head of this moment. */
int audit_from_server(struct cli *c, int64_t since_ms, const struct audit_sink *sink,
    struct fault *f) MUST_USE;
/* "-" is standard input. */
int audit_from_file(
    const char *path, const struct audit_sink *sink, struct fault *f) MUST_USE;
