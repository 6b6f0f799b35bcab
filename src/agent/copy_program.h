/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's end of a copy session: this program, started once more as the session's user
 * (spawner.h: SPAWN_COPY), with the contract of proto/copy.h on standard input and output.
 * It executes nothing and touches nothing but the files that it is asked for, with the
 * rights of that user.
 *
 * On standard error it says what it does, a line for each file when its data begins and one
 * for its outcome, before the client hears of either (copy_log.h).
 */
#pragma once

#define AGENT_COPY_WORD "copy-session" /* argv[1] */

/* The life of the program; returns its exit status. */
int agent_copy_main(void);
