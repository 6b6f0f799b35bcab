/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in the store from the first start on: the documents that come with the server, and the
 * role of its nodes.
 */
#pragma once

#include "base/err.h"

struct server_env;

/*
 * Adds what is missing; a document of Amazon's that differs from ours gets a new version.
 * The account's own preferences document is never touched once it is there.
 */
int seed(const struct server_env *env, struct fault *f) MUST_USE;
