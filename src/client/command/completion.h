/* SPDX-License-Identifier: Apache-2.0 */
/* The completion script for bash, as tools/embed writes them; a NULL name ends the list. */
#pragma once

#include <stddef.h>

struct completion {
	const char *name; /* "sallyport" */
	const char *text;
	size_t len;
};
extern const struct completion completions[];
