/* SPDX-License-Identifier: Apache-2.0 */
/* What ssh has to be told to come through here. */
#pragma once

#include "client/cli/cli.h"

/*
 * Adds the value of ProxyCommand: this program, the global options that were given, and
 * the node; NULL: the name that ssh was called with.
 */
void ssh_proxy_command(struct buf *out, const struct cli *c, const char *node);
