/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control plane as one object: what is started in which order, and how it ends.
 * The loop and the store are somebody else's: those of the process (daemon.h), or a test's.
 *
 * Threads: the loop's; the store has its own writer.
 */
#pragma once

#include "server/config.h"

struct ev_loop;
struct server;
struct server_env;
struct store;

/*
 * Starts serving.  The store must hold an account (account_init).  loop, store and c
 * outlive the server; the store is closed by the owner between server_close() and
 * server_free(), because its last callbacks still come here.
 */
int server_new(struct server **out, struct ev_loop *loop, struct store *st,
    const struct config *c, struct fault *f) MUST_USE;
uint16_t server_port(const struct server *s);
struct server_env *server_env(struct server *s);

/* Stops accepting, lets answers finish, then calls ev_stop(). */
void server_stop(struct server *s);
/* New connections use the certificate files as they are now. */
int server_reload(struct server *s, struct fault *f) MUST_USE;
void server_close(struct server *s); /* drops channels; sessions live on */
void server_free(struct server *s);
