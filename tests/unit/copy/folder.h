/* SPDX-License-Identifier: Apache-2.0 */
/* A temporary folder, which is the working directory of a test. */
#pragma once

#include <sys/stat.h>

#include "base/span.h"

/* Makes it and goes there; ends it and all in it. */
void folder_up(void);
void folder_down(void);

void folder_write(const char *path, struct span content);
/* So many bytes that depend on the seed. */
void folder_fill(const char *path, uint32_t seed, size_t n);
/* The caller's. */
char *folder_read(const char *path, size_t *n);
bool folder_same(const char *a, const char *b);
bool folder_has(const char *path);
mode_t folder_mode(const char *path); /* permissions */
/* How many entries there are in a directory. */
size_t folder_count(const char *path);
