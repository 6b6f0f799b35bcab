/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connecting to a socket of the file system with a user's rights.
 *
 * Who may connect is decided by the modes of the path, and who did is what the service reads
 * from the connection (SO_PEERCRED).  Neither may be root's or the worker's.  Therefore the
 * monitor forks; the child becomes the user for good, connects, and hands the connected
 * descriptor to the worker.  It executes nothing and ends.
 */
#pragma once

#include "agent/user.h"
#include "base/span.h"

enum { SOCKDIAL_PATH_MAX = 107 }; /* sun_path without its NUL */

/*
 * An absolute path that fits.  Abstract names ("@...") are refused: they have no owner and
 * no mode.  ERR_INVALID, ERR_LIMIT, in words for the person.
 */
int sockdial_check(struct span path, struct fault *f) MUST_USE;

/*
 * In a process of its own, with signals as they were in the parent: gives up every
 * descriptor but *keep (which may move), becomes u and connects.  ERR_* with words.
 */
int sockdial_child(int *out, int *keep, const struct agent_user *u, const char *path,
    struct fault *f) MUST_USE;
