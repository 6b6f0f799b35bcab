/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the program of a copy session says on standard error (copy_program.h) becomes lines
 * of the agent's log.  The program runs as the session's user: its words are checked like a
 * stranger's.
 */
#pragma once

#include "base/span.h"

struct agent_copy_line {
	bool ok, to_node;
	int64_t bytes;
	struct span text; /* path or reason; any bytes */
};

/* One line without its newline.  ERR_INVALID. */
int agent_copy_line_parse(struct agent_copy_line *l, struct span line) MUST_USE;

struct agent_copy_log {
	const char *session_id; /* borrowed */
	uint64_t files, bytes, failed;
	size_t len; /* of line; what is longer is cut */
	char line[1024];
};

void agent_copy_log_add(struct agent_copy_log *g, struct span bytes);
void agent_copy_log_end(const struct agent_copy_log *g);
