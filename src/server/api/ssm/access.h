/* SPDX-License-Identifier: Apache-2.0 */
/* What both sides of just-in-time access share. */
#pragma once

#include "server/api/call.h"
#include "server/domain/access_request.h"

#define ACCESS_REQUEST_ID "AccessRequestId*: string{/^(oi)-[0-9a-f]{12}$/}"

/*
 * Who the caller is as a person.  Sessions of one role are told apart by the source identity or
 * by whom the identity provider named; without these a role is one person, whatever its
 * sessions are called, or somebody could agree with themselves under another name.
 */
char *access_person(struct api_call *c) __attribute__((returns_nonnull));

/* The request that is named; ResourceNotFoundException. */
int access_request_find(struct store_tx *tx, struct api_call *c,
    struct store_access_request *row) MUST_USE;
