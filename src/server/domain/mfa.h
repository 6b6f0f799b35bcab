/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Second factors: virtual devices that show time-based codes (crypto/totp.h).
 *
 * A code is good for one step of 30 s before and after its own, by the device's clock as it was
 * found when it was synchronised last, and once: who saw it being
 * typed cannot use it again.  Wrong ones are counted with the device.  From the fifth in a row on
 * the device takes none for a while: 30 s, and twice as long after each further one, up to
 * 15 min; a right one ends that.  A million codes are far more than can be tried so.
 *
 * All of this runs in a transaction of the store.  That a code was refused has to be stored as
 * well: a store_run that gets ERR_DENIED here returns 0, and tells the refusal after the commit.
 */
#pragma once

#include "base/arena.h"
#include "store/iam.h"

enum {
	MFA_SLACK_STEPS = 1,   /* of 30 seconds, before and after: RFC 6238 5.2 */
	MFA_DRIFT_STEPS = 20,  /* ten minutes: how wrong a device's clock may be */
	MFA_FREE_FAILURES = 4, /* in a row, before the device is blocked */
	MFA_BLOCK_MS = 30 * 1000, /* and twice as long each time */
	MFA_BLOCK_MAX_MS = 15 * 60 * 1000,
	MFA_PER_USER_MAX = 8, /* AWS's limit */
};

/* arn:aws:iam::<account>:mfa/<path><name> */
char *mfa_arn(struct arena *mem, const char *account, const struct store_mfa *m)
    __attribute__((returns_nonnull));
/* The device behind a serial number.  ERR_NOTFOUND. */
int mfa_find(struct store_tx *tx, struct arena *mem, const char *serial_arn,
    struct store_mfa *m) MUST_USE;

/*
 * Takes a code.  0; ERR_NOTFOUND: not a device of this user; ERR_DENIED: the code is wrong or was
 * used; ERR_LIMIT: too many wrong ones, nothing was looked at.
 */
int mfa_check(struct store_tx *tx, struct arena *mem, const char *user,
    const char *serial_arn, const char *code, int64_t now_ms) MUST_USE;

/*
 * Takes two codes that follow one another, as proof that the device holds the seed, and finds out
 * how its clock goes; wrong ones before are forgotten then.  ERR_DENIED, ERR_LIMIT as above; *m is what was stored.
 */
int mfa_sync(struct store_tx *tx, struct store_mfa *m, const char *code1,
    const char *code2, int64_t now_ms) MUST_USE;

/*
 * The device is taken away: temporary keys, of its user or of roles, that were given for a code
 * of it count as given without one from now on.
 */
int mfa_revoke(struct store_tx *tx, struct arena *mem, const char *serial_arn) MUST_USE;

/* With all that is known of it.  ERR_NOTFOUND. */
int mfa_forget(struct store_tx *tx, const char *name) MUST_USE;
