/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's state folder.  Every file in it is for its owner alone (0600 in 0700) and
 * is replaced atomically: a reader or a crash sees the old content or the new one.
 *
 *	registration.json   who this node is and where its server is
 *(agent/registration.h) node-key            the private key, base64 of PKCS#8
 *	node-key.new        the next one, until the server is known to have it
 *	credentials.json    temporary credentials, so that a restart can go on with them
 *	status.json         what `sallyport-agent status` shows
 *	lock                held by the running agent
 */
#pragma once

#include "base/buf.h"

#define FILE_REGISTRATION "registration.json"
#define FILE_NODE_KEY     "node-key"
#define FILE_NODE_KEY_NEW "node-key.new"
#define FILE_CREDENTIALS  "credentials.json"
#define FILE_STATUS       "status.json"
#define FILE_LOCK         "lock"

enum { AGENT_FILE_MAX = 64 * 1024 };

/* /var/lib/sallyport-agent for root, else below ${XDG_STATE_HOME:-~/.local/state}. */
int agent_dir_default(char *out, size_t size, struct fault *f) MUST_USE;
/* Makes the folder and what is missing above it. */
int agent_dir_make(const char *dir, struct fault *f) MUST_USE;

/* ERR_NOTFOUND when there is none.  The content may be a secret: out wipes itself. */
int agent_file_read(
    struct buf *out, const char *dir, const char *name, struct fault *f) MUST_USE;
/* durable: survives a power cut once this returns. */
int agent_file_write(const char *dir, const char *name, struct span content, bool durable,
    struct fault *f) MUST_USE;
/* What the agent itself keeps: empty content removes; all but the status is durable. */
int agent_file_keep(
    const char *dir, const char *name, struct span content, struct fault *f) MUST_USE;
void agent_file_remove(const char *dir, const char *name); /* best effort */

/*
 * One running agent for each folder: two with the same node id would push each other off
 * the server for ever.  ERR_EXISTS names the other one.  The lock is the process's, not
 * its children's, and ends with it; *fd is never closed before.
 */
int agent_dir_lock(int *fd, const char *dir, struct fault *f) MUST_USE;
