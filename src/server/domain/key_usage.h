/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When, where and for what long-term access keys were used last.
 *
 * Each call that was signed well is noted in memory; what is on disk follows at most once an hour
 * for each key, so a crash may forget the last hour, never more.
 *
 * Owner: the server.  Threads: the loop's.
 */
#pragma once

#include "base/arena.h"
#include "store/store.h"

enum { KEY_USAGE_SAVE_MS = 60 * 60 * 1000 };

struct key_usage;

struct key_used {
	int64_t at_ms;
	const char *service, *region; /* "ssm", "eu-north-1" */
};

struct key_usage *key_usage_new(struct ev_loop *l, struct store *st);
void key_usage_free(struct key_usage *u);

void key_usage_note(
    struct key_usage *u, const char *access_key, const struct key_used *use);
/* Strings live in the arena.  ERR_NOTFOUND: never, as far as is known. */
int key_usage_find(struct key_usage *u, struct arena *mem, const char *access_key,
    struct key_used *use) MUST_USE;
/* With the key itself: what was saved, in the same transaction, and after it what is noted. */
int key_usage_del(struct store_tx *tx, const char *access_key) MUST_USE;
void key_usage_forget(struct key_usage *u, const char *access_key);
