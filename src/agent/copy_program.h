/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's end of a copy session: this program, started once more as the session's user
 * (spawner.h: SPAWN_COPY), with the contract of proto/copy.h on standard input and output.
 * It executes nothing and touches nothing but the files that it is asked for, with the
 * rights of that user.
 *
 * For the agent's log there is one line for each file on standard error:
 *
 *	ok|failed to-node|from-node BYTES TEXT
 *
 * TEXT is the path, or the reason, with a '?' for each newline.
 */
#pragma once

#define AGENT_COPY_WORD "copy-session" /* argv[1] */

/* The life of the program; returns its exit status. */
int agent_copy_main(void);
