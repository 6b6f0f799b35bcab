/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RegisterManagedInstance: an activation becomes a node.
 */
#pragma once

#include "agent/registration.h"
#include "ev/ev.h"
#include "net/tls.h"

struct agent_register_options {
	const char *endpoint, *region; /* checked */
	const char *activation_id, *activation_code;
	struct tls_ctx *tls;
	const char *proxy, *no_proxy;
};

/*
 * Makes a key, registers its public half and fills in node_id, endpoint, region and
 * fingerprint of *reg; key receives the private half.  Runs the loop until it is done;
 * what looks like a passing trouble is tried again a few times.
 */
int agent_register(struct ev_loop *l, struct agent_reg *reg, struct buf *key,
    const struct agent_register_options *o, struct fault *f) MUST_USE;
