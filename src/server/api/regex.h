/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions of the AWS models, as the services apply them: the whole value must
 * match (Java's matches()), \w and \d are ASCII, \p{L} and friends are Unicode.
 *
 * Matching runs under a step limit: a value that exceeds it does not match.  Patterns
 * come from our own tables only, never from a request.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

struct regex;

/* ERR_INVALID with the place in *f. */
int regex_new(struct regex **out, const char *pattern, struct fault *f) MUST_USE;
void regex_free(struct regex *re);
bool regex_matches(const struct regex *re, struct span s);
