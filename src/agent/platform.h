/* SPDX-License-Identifier: Apache-2.0 */
/* What the node says about its machine. */
#pragma once

#include "base/span.h"

struct agent_platform {
	char name[128];     /* "Debian GNU/Linux" */
	char version[64];   /* "12" */
	char computer[256]; /* host name, with its domain where that is known */
	char ip[46];        /* of the interface that leads out; "" when there is none */
};

/* Reads the machine.  What cannot be found stays "". */
void agent_platform_read(struct agent_platform *p);
/* One variable of an os-release(5) text, unquoted; "" when it is not there. */
void agent_os_release_get(char *out, size_t size, struct span text, const char *name);
