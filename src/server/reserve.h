/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Space kept for the day the disk is full: a file in the state folder that is given back
 * when the database cannot grow any more, so that an administrator can still sign in, be
 * recorded, and make room.  It is made again when there is plenty.
 *
 * Owner: the server; threads: the loop's.
 */
#pragma once

#include "base/base.h"

struct ev_loop;
struct store;
struct reserve;

enum { RESERVE_BYTES = 16 * 1024 * 1024 };

/* path NULL: nothing is kept (NULL). */
struct reserve *reserve_new(struct ev_loop *l, struct store *st, const char *path);
void reserve_free(struct reserve *r); /* the file stays */
bool reserve_is_released(const struct reserve *r);
