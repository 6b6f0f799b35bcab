/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How each protocol words a failure: codes, HTTP status, envelopes.
 */
#pragma once

#include "server/api/call.h"

/* A refused authentication as the service's own error. */
int error_from_authn(struct api_call *c, const struct authn_result *a);
int error_denied(struct api_call *c, const char *message);
int error_unknown_operation(struct api_call *c, struct span name);
/* A body that cannot be read, and one that breaks the constraints. */
int error_unreadable(struct api_call *c, const char *text);
int error_invalid(struct api_call *c, const char *message);

/* HTTP status of an error code. */
int error_status(enum api_protocol p, const char *code);
/* The body of an answer with c->error set. */
void error_body(const struct api_call *c, struct buf *out);
