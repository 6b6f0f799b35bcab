/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key that signs the audit trail: audit.key in the state folder (PEM, 0600), and
 * audit.pub beside it for whoever verifies elsewhere.
 *
 * A new key gets its name only after the trail knows it, so that a start that was cut short
 * is not taken for a trail that somebody emptied:
 *
 *	audit_key_open()     reads it, or makes "audit.key.new"
 *	store_audit_start()  signs the beginning
 *	audit_key_settle()   "audit.key"
 *
 * Owner: the caller; ed25519_free(k->key).
 */
#pragma once

#include "crypto/crypto.h"
#include "server/config.h"

struct ev_loop;

struct audit_key {
	struct ed25519_key *key;
	bool is_new;
};

/* A config without audit_key (tests, simulation) gets a key that everybody knows. */
int audit_key_open(struct audit_key *k, struct ev_loop *l, const struct config *c,
    struct fault *f) MUST_USE;
int audit_key_settle(
    const struct audit_key *k, const struct config *c, struct fault *f) MUST_USE;
