/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /_metrics: what the parts of the server count, in the text format of Prometheus (0.0.4).  A
 * name that has shipped keeps its meaning.
 */
#pragma once

#include "base/buf.h"
#include "server/env.h"

struct api;
struct gateway;
struct http_server;
struct reserve;

/* Whom to ask; all of them run. */
struct metrics {
	const struct server_env *env;
	const struct http_server *http;
	const struct api *api;
	struct gateway *gateway;
	const struct reserve *reserve;
};

void metrics_write(struct buf *out, const struct metrics *m);
