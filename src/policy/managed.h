/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policies that AWS manages and everybody attaches: arn:aws:iam::aws:policy/<name>.
 */
#pragma once

#include "base/span.h"

#define POLICY_MANAGED_PREFIX "arn:aws:iam::aws:policy/"

struct policy_managed {
	const char *name;
	const char *version; /* "v2": the default version */
	const char *updated; /* when AWS published that version */
	const char *description;
	const char *document;
};

/* Ends with a NULL name. */
const struct policy_managed *policy_managed_list(void);
/* By ARN; NULL when there is none. */
const struct policy_managed *policy_managed_find(struct span arn);
