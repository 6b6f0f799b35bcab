/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May the one who started this session still do so today?  Asked of authorise(), with the
 * owner as the store knows it now.
 *
 * Credentials that have expired meanwhile do not matter, nor that a second factor has become
 * older since the start.  A user or role that is gone, a key that was deactivated or deleted,
 * a lock, and a policy that changed do.
 */
#pragma once

#include "server/domain/session.h"
#include "server/env.h"

/* 0; or ERR_DENIED with a sentence for the person in *why (in mem, or static). */
int reauthorise_session(const struct server_env *env, const struct session *se,
    struct arena *mem, const char **why) MUST_USE;
/* For a client that comes back without credentials, which may resume besides. */
int reauthorise_resume(const struct server_env *env, const struct session *se,
    struct arena *mem, const char **why) MUST_USE;
