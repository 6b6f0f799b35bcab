/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One port, several services: which service and operation a request is for.
 *
 * The order handles every request that real clients were seen to send: X-Amz-Target, then
 * the service of the credential scope, then the Version of a form, then the Host label,
 * and S3 for whatever is left.
 */
#pragma once

#include "server/api/call.h"

/* Sets c->service, c->form, c->entry and c->op; or fails with the service's own error. */
int route_call(struct api_call *c, struct op_table *t) MUST_USE;
