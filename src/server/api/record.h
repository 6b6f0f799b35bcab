/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For recorders: members of an event's responseElements.  Names are the API's, and written as
 * CloudTrail does, with a small letter first; times are words.
 *
 * A secret has no function here on purpose: what cannot be written is not recorded.
 */
#pragma once

#include "server/api/call.h"
#include "server/domain/temp_key.h"

void record_open(struct jsonw *w, const char *name, char bracket); /* then jw_close() */
void record_text(
    struct jsonw *w, const char *name, const char *text); /* "", NULL: nothing */
void record_int(struct jsonw *w, const char *name, int64_t v);
void record_bool(struct jsonw *w, const char *name, bool v);
void record_date(struct jsonw *w, const char *name, int64_t ms);
/* AccessKeyId, the expiration under this name, and that there was a token. */
void record_temp_key(struct jsonw *w, const struct temp_key *k, const char *expiration);
/* The Tags that the input gave the new thing, if any. */
void record_tags(const struct api_call *c, struct jsonw *w);
