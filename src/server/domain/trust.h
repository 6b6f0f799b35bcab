/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust policies follow the users and roles that they name.
 *
 * Where a person writes an ARN, an id is kept: a new name or path changes nothing, and who is made
 * again under the name of somebody who was deleted is somebody else.  Answers show the ARN of today,
 * or the id of one who is gone, as at AWS.
 */
#pragma once

#include "base/arena.h"
#include "store/iam.h"

/*
 * The policy as it is kept.  ERR_NOTFOUND: *unknown is a user, role or role session of which there
 * is none; another account's are none.
 */
int trust_bind(struct store_tx *tx, struct arena *mem, const char *account,
    const char *text, char **bound, const char **unknown) MUST_USE;

/* The policy as it is shown. */
int trust_show(struct store_tx *tx, struct arena *mem, const char *account,
    const char *text, char **shown) MUST_USE;
