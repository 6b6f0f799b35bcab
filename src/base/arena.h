/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that dies together: everything made for one request, freed in one go.
 * Owner: whoever called arena_init().  Nothing in it is freed singly.
 */
#pragma once

#include "base/span.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *head; /* NULL until the first allocation */
	size_t total;             /* bytes handed out, for limits and metrics */
};

void arena_init(struct arena *a);
void arena_fini(struct arena *a); /* wipes and frees all of it */

void *arena_alloc(struct arena *a, size_t n)
    __attribute__((returns_nonnull)); /* zeroed */
char *arena_strdup(struct arena *a, const char *s) __attribute__((returns_nonnull));
char *arena_str(struct arena *a, struct span s)
    __attribute__((returns_nonnull)); /* NUL added */
struct span arena_copy(struct arena *a, struct span s);
/* A copy in lower case: A to Z only, whatever the locale.  A NUL follows. */
struct span arena_lower(struct arena *a, struct span s);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3)
    __attribute__((returns_nonnull));

#define auto_arena __attribute__((cleanup(arena_fini))) struct arena
