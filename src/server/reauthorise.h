/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that comes back without credentials: may the one who started the session still
 * do so today?  Asked of authorise(), with the owner as the store knows it now.
 *
 * Credentials that have expired meanwhile do not matter.  A user who is gone, a key that
 * was deactivated or deleted, and a policy that changed do.
 */
#pragma once

#include "server/domain/session.h"
#include "server/env.h"

/* 0; or ERR_DENIED with a sentence for the person in *why (in mem, or static). */
int reauthorise_owner(const struct server_env *env, const struct session *se,
    struct arena *mem, const char **why) MUST_USE;
