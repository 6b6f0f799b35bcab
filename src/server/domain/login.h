/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwords of users: hashed, remembered, verified.
 *
 * What a row of logins keeps as its hash is the record of this module: a line "<ms> <hash>" for
 * the password that counts, set at that time, and for earlier ones that must not come again.
 *
 * Hashing takes tens of milliseconds on purpose.  It is done by struct login_work on a pool
 * thread (ev_work, api_work); the loop never waits for it.
 */
#pragma once

#include "crypto/password.h"
#include "ev/ev.h"
#include "store/iam.h"

struct throttle;

enum { LOGIN_REMEMBERED_MAX = 24 }; /* AWS's limit */

/* One piece of work.  Owner: who made it, until login_work_free(), which wipes it. */
struct login_work {
	char *old_password; /* has to be the one that counts; NULL: nobody asks */
	char *new_password; /* is to be the one that counts; NULL: none */
	char *record;       /* so far; "" */
	int64_t remembered; /* so many earlier ones must not come again */
	int64_t now_ms;
	uint8_t salt[PASSWORD_SALT_LEN];
	/*
	 * 0; ERR_DENIED: the old one is another; ERR_EXISTS: the new one has been used;
	 * ERR_INTERNAL: there was no memory to find out.
	 */
	int r;
	char *new_record;
};

/* Copies its strings, any of which may be NULL.  On the loop's thread. */
struct login_work *login_work_new(struct ev_loop *l, const char *record,
    const char *old_password, const char *new_password, int64_t remembered);
void login_work_run(void *work); /* on any thread */
void login_work_free(void *work);
int64_t login_set_ms(const char *record); /* when the password that counts was set */

struct login_verdict {
	/*
	 * 0; ERR_DENIED: wrong, or there is no such user or password: not told apart;
	 * ERR_EXPIRED: right, but only an administrator may set another one now; ERR_LIMIT: too
	 * many wrong ones, not looked at; ERR_STORE, ERR_INTERNAL: could not be looked at.
	 */
	int r;
	bool change; /* right, and has to be changed before anything else */
};
typedef void login_cb(void *arg, const struct login_verdict *v);

/*
 * Is this the user's password?  source is where the attempt comes from; a refusal is told as
 * late as throttle says.  Nothing is told after the loop has ended.
 */
void login_verify(struct ev_loop *l, struct store *st, struct throttle *t,
    const char *source, const char *user, const char *password, login_cb *cb, void *arg);
