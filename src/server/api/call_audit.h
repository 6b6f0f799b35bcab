/* SPDX-License-Identifier: Apache-2.0 */
/* What a call leaves in the audit trail. */
#pragma once

#include "server/api/call.h"
#include "server/domain/audit.h"

/* On the loop, when the result is known: whether it still has to be recorded. */
bool call_audit_wanted(struct api_call *c);
/* What an agent repeats all the time; not recorded when it works. */
bool call_audit_is_poll(const struct api_call *c);
/* In a change: the event of this call, a success unless c->error says otherwise. */
int call_audit_append(struct store_tx *tx, struct api_call *c) MUST_USE;
