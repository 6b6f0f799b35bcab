/* SPDX-License-Identifier: Apache-2.0 */
/* Times and durations as people write them. */
#pragma once

#include <jansson.h>

#include "base/err.h"

/* "now", "45s ago", "12m ago", "3h ago", "5d ago"; "in the future" for clocks that
 * disagree by more than a minute. */
void when_ago(char *out, size_t size, int64_t now_ms, int64_t then_ms);
/* Milliseconds of a time stamp of the AWS JSON protocol (epoch seconds); 0: absent. */
int64_t when_of(const json_t *o, const char *key);
/* "90s", "30m", "24h", "7d", or seconds without a letter. */
int when_duration(int64_t *s, const char *text) MUST_USE;
/* A moment: ISO 8601, or a duration before now. */
int when_moment(int64_t *ms, const char *text, int64_t now_ms) MUST_USE;
