/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that policies for Session Manager are made of: actions with the resources they are
 * authorised on, and condition keys.  From AWS's service authorisation reference.  The engine
 * does not need it; policy/lint.h tells people of names that do not exist.
 */
#pragma once

#include "base/span.h"

struct vocabulary_action {
	const char *name; /* "StartSession" */
	/* Types of resources, with blanks between; "": only "*"; NULL: not known. */
	const char *types;
};

struct vocabulary_service {
	const char *vendor;                      /* "ssm" */
	const struct vocabulary_action *actions; /* ends with a NULL name */
};

/* NULL: a service whose actions are not listed here. */
const struct vocabulary_service *vocabulary_service_find(struct span vendor);
/* The ARNs of a type of resource, with stars in the place of names; NULL: no such type. */
const char *vocabulary_type_arn(struct span type);
/* Condition keys; those that end with '/' begin a tag.  Ends with NULL. */
const char *const *vocabulary_keys(void);
