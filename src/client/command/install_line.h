/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one line that makes a machine a node.  Pasted there, it fetches the CA and the agent
 * package with curl, holds both against the digests in the line, installs, registers and
 * starts.  Until the CA is checked nothing that was fetched is used.
 *
 * The script in it is constant; everything that varies is one of its arguments, quoted.
 * The activation code goes in through standard input, where no process list shows it.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

enum { INSTALL_PACKAGES_MAX = 32 };

struct install_package {
	const char *arch, *sha256, *name; /* in the arena */
};

struct install_line {
	const char *endpoint, *region, *activation_id, *code;
	const char *ca_sha256; /* NULL: the system's certificates of the node will do */
	struct install_package packages[INSTALL_PACKAGES_MAX];
	size_t npackages;
};

/*
 * Takes the newest agent package for each architecture out of the text of SHA256SUMS.
 * ERR_NOTFOUND: there is none.
 */
int install_packages(
    struct install_line *l, struct arena *mem, struct span sums) MUST_USE;
void install_line_build(struct buf *out, const struct install_line *l);
