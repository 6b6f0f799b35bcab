/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of src/net share: a world (simulated, or the real loop on loopback), a
 * folder with a test CA and certificates, and a raw peer that says and hears bytes.
 */
#pragma once

#include "unit/check.h"

#include "base/buf.h"
#include "ev/sim.h"
#include "net/http_client.h"
#include "net/http_server.h"

struct world {
	struct sim_world *sim;  /* NULL: the real loop */
	struct ev_loop *server; /* the same loop in the real world */
	struct ev_loop *client;
};

void world_real(struct world *w);
void world_sim(struct world *w, const struct sim_options *o);
/* Runs until *flag or ms are over; tells whether it became true. */
bool world_until(struct world *w, const bool *flag, uint64_t ms);
void world_run(struct world *w, uint64_t ms);
void world_fini(struct world *w);
/* The host name under which w->client reaches w->server. */
const char *world_host(const struct world *w);

/* PEM files in a temporary folder; removed by certs_fini(). */
struct certs {
	char dir[64];
	char ca[96], cert[96], key[96]; /* localhost, 127.0.0.1 */
	char other_ca[96];              /* unrelated */
	char expired_cert[96], expired_key[96];
	char wrong_cert[96], wrong_key[96]; /* example.org */
};
void certs_init(struct certs *c);
void certs_fini(struct certs *c);

/* A plain socket without manners. */
struct raw {
	struct ev_loop *loop;
	struct ev_connect *dial;
	struct ev_stream *s;
	struct buf out, in;
	size_t sent, step; /* step: bytes for each write; 0: all */
	bool open, eof, failed;
};
void raw_connect(struct raw *r, struct world *w, uint16_t port);
void raw_say(struct raw *r, struct span s);
bool raw_heard(const struct raw *r, const char *what);
void raw_close(struct raw *r);
