/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The message gateway (ssmmessages): everything under /v1/control-channel/ and
 * /v1/data-channel/.  Agents open channels with a signed POST and a signed upgrade;
 * clients open theirs with the token of StartSession, signed or not.
 *
 *	gateway.c   routes, CreateControlChannel, CreateDataChannel
 *	control.c   one agent's control channel: a node_link of domain/node
 *	data.c      a data-channel socket until its token proved which end it is
 *	relay.c     the two data channels of one session, joined
 */
#pragma once

#include "net/http_server.h"
#include "server/env.h"

struct gateway;

struct gateway *gateway_new(struct server_env *env);
void gateway_free(struct gateway *g); /* drops all channels; sessions stay alive */

bool gateway_handles(struct span path);
/* Answers or upgrades r. */
void gateway_handle(struct gateway *g, struct http_req *r);

struct gateway_stats {
	uint64_t control_channels, data_channels; /* open now */
	uint64_t messages, bytes;                 /* relayed since start */
	uint64_t malformed;                       /* dropped messages */
	uint64_t acks_synthesised;
	uint64_t resumes, resumes_denied; /* by secret */
	uint64_t dead_peers;
	uint64_t buffered; /* bytes that wait now */
};
void gateway_stats(const struct gateway *g, struct gateway_stats *out);
