/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are written whole.  A reader, or the start after a crash, sees the old
 * content or the new one, never a part.
 *
 * Each function returns 0 or an ERR_* with the path and the system's words in *f, which
 * may be NULL.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

/*
 * A new file at this very path with this mode, whatever the umask; what stood there is
 * removed first, links are not followed.  durable: its content survives a power cut.
 * Nothing is left behind after an error.
 */
int file_write_new(const char *path, struct span content, mode_t mode, bool durable,
    struct fault *f) MUST_USE;

/* rename(), which is on disk when this returns. */
int file_rename(const char *from, const char *to, struct fault *f) MUST_USE;

/* Through a new file ".NAME.tmp" beside it. */
int file_replace(const char *path, struct span content, mode_t mode, bool durable,
    struct fault *f) MUST_USE;
