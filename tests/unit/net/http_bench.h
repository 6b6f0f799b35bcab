/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the HTTP client share: a server that reads its lines from a script, and
 * what came of a call.
 */
#pragma once

#include "net_test.h"

/* A server that answers everything with the same bytes. */
struct script {
	struct world w;
	struct ev_listener *ln;
	struct ev_stream *s[8];
	uint32_t accepted;
	struct span say;
	bool close;
	bool silent;
	struct buf heard;
	size_t mark; /* where the request begins that is being heard */
	struct http_client *c;
};

void script_init(struct script *x, struct span say, bool close);
void script_fini(struct script *x);

/* The end of a call, once. */
struct outcome {
	bool done;
	int err, status;
	char why[400];
	struct buf body;
	struct wsconn *ws;
	struct http_client *free_it;
};

void outcome_init(struct outcome *o);
/* For http_call(), with the outcome as its argument. */
void outcome_done(void *arg, const struct http_response *r, int err, const char *why);
