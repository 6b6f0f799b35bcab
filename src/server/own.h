/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own paths.  They begin with "/_", which no bucket name can, and need no signature:
 *
 *	/_health            JSON: alive, and how many nodes and sessions
 *	/_metrics           Prometheus text; who may read it is a setting
 *	/_ca.pem            the certificate of our CA
 *	/_agent/NAME        files of the agent package folder, read only
 *	/_agent/SHA256SUMS  their digests, as sha256sum prints them
 */
#pragma once

#include "base/buf.h"
#include "server/env.h"

struct http_req;
struct packages;

/* The numbers that only the server knows; appended to /_metrics. */
struct own {
	const struct server_env *env;
	struct packages *packages;
	int64_t started_ms;
	void (*metrics)(void *arg, struct buf *out);
	void *arg;
};

bool own_handles(struct span path);
void own_handle(const struct own *o, struct http_req *r);
