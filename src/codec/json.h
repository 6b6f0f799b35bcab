/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading JSON: jansson behind a strict door.  Duplicate keys, NUL in strings, depth
 * over JSON_DEPTH_MAX and trailing bytes are errors.  Answers are written with
 * codec/jsonw.h, never through a tree.
 *
 * Ownership: json_read() gives the caller a reference; the getters borrow.
 */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "base/buf.h"

enum { JSON_DEPTH_MAX = 32 }; /* ours: nothing that AWS sends or takes comes near */

/*
 * Call once, first thing in main(): from then on jansson wipes what it frees, since tokens
 * and keys pass through it.  Its texts (json_dumps) are still free()'s.
 */
void json_setup(void);

/* Any JSON value.  ERR_INVALID with a place in *f, ERR_LIMIT when too deep. */
int json_read(json_t **out, struct span in, struct fault *f) MUST_USE;

/* Member of an object by name; NULL when absent, null, or of another type. */
const char *json_get_str(const json_t *o, const char *key);
json_t *json_get_obj(const json_t *o, const char *key);
json_t *json_get_arr(const json_t *o, const char *key);
int64_t json_get_int(const json_t *o, const char *key, int64_t fallback);
/* true/false, or the strings "true"/"false" (AWS documents hold both). */
bool json_get_bool(const json_t *o, const char *key, bool fallback);
/* As json_get_str but the key's ASCII case is folded (Go peers do not care). */
const char *json_get_str_ci(const json_t *o, const char *key);

/* Compact text of a value, for storing. */
void json_dump(struct buf *out, const json_t *v);

static inline void
auto_json_fn(json_t **v)
{
	json_decref(*v);
}
#define auto_json __attribute__((cleanup(auto_json_fn))) json_t
