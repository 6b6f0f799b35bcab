/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The envelope of an answer.
 */
#pragma once

#include "server/api/call.h"

void answer_open(struct api_call *c);          /* before the handler writes */
int answer_close(struct api_call *c) MUST_USE; /* ERR_LIMIT: it did not fit */
void answer_send(struct api_call *c, bool ok);
