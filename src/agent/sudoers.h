/* SPDX-License-Identifier: Apache-2.0 */
/* sudo for the session user, when an administrator says so (register --grant-sudo). */
#pragma once

#include "base/err.h"

#define SUDOERS_FILE "sallyport-agent"

/* Writes /etc/sudoers.d/sallyport-agent, 0440, checked by visudo where there is one. */
int sudoers_grant(const char *user, struct fault *f) MUST_USE;
/* The same in another folder, for tests. */
int sudoers_grant_in(const char *dir, const char *user, struct fault *f) MUST_USE;
