/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the server share: handed to the API and to the gateway when they are
 * made, and constant afterwards (the things it points at live and change).
 *
 * Owner: server.c (or a test); it outlives everybody who holds a pointer to it.
 * Threads: the loop's.
 */
#pragma once

#include "base/base.h"

struct ev_loop;
struct store;
struct nodes;
struct sessions;
struct access;
struct oidc;
struct key_usage;
struct throttle;
struct authn;
struct audit;
struct config;

/* Counted where it happens, shown by /_metrics. */
struct server_counters {
	uint64_t control_channels; /* opened since start */
	uint64_t data_channels;
};

struct server_env {
	struct ev_loop *loop;
	struct store *store;
	struct nodes *nodes;
	struct sessions *sessions;
	struct authn *authn;
	struct access *access;
	struct oidc *oidc;
	struct key_usage *key_usage;
	struct throttle *throttle;
	struct audit *audit;
	const struct config *config;
	struct server_counters *counters;
	char account[13]; /* the twelve digits of every ARN */
};
