/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AWS APIs: everything that is not a channel of the message gateway and not one of
 * our own paths ("/_...") comes here.
 *
 * One dispatcher serves all services from the operation tables (op.h), in this order:
 * route, authenticate, read the input, check it, authorise, run.  The answer may come
 * later (after a commit or a timer); a client that leaves meanwhile is forgotten.
 */
#pragma once

#include "base/buf.h"
#include "server/env.h"

struct api;
struct http_req;

/* Parses and checks the tables, stores the built-in documents.  env outlives the api. */
int api_new(struct api **out, const struct server_env *env, struct fault *f) MUST_USE;
/* Drops held calls.  Close the store first: answers that wait for a commit come before.
 */
void api_free(struct api *a);
void api_handle(struct api *a, struct http_req *r);
/* Lets go of calls that wait for a timer, with empty answers: for a graceful stop. */
void api_drain(struct api *a);
/* The same, and from now on nothing can be recorded: the store is about to be closed. */
void api_close(struct api *a);
size_t api_busy(const struct api *a); /* calls without an answer */
/* Prometheus text: calls by operation and outcome. */
void api_metrics(const struct api *a, struct buf *out);
