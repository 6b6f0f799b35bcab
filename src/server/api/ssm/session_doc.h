/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session is made of: the document that StartSession names (or the account's
 * preferences), its parameters, the OS user, the limits.
 */
#pragma once

#include "server/api/call.h"

struct session_start;

/* Fills document, content_json, run_as and the limits of *s; strings live in c->mem. */
int session_doc_resolve(struct api_call *c, struct session_start *s) MUST_USE;

api_handler describe_sessions; /* ssm/session_list.c */
