/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identifiers: is it one, and how one is made from random bytes.
 *
 * Names from the wire end up in paths, ARNs and log lines; each kind is matched against a
 * fixed alphabet and length before anything else looks at it.  Formatting takes the
 * random bytes as a parameter: this folder has no source of its own.
 */
#pragma once

#include "base/span.h"

enum {
	ID_NODE_MAX = 20, /* mi- and 17 hex digits */
	ID_SESSION_MAX = 96, /* AWS: SessionId */
	ID_ACCESS_KEY_LEN = 20,
	ID_SECRET_KEY_LEN = 40,
	ID_TOKEN_LEN = 43, /* base64url of 32 bytes */
	ID_CODE_LEN = 20,
	ID_USER_MAX = 33,      /* of the node's system: 32 and a '$' */
	ID_DOCUMENT_MAX = 128, /* AWS: the name */
	ID_REGION_MAX = 100,   /* ours */
	ID_ACCOUNT_LEN = 12,
};

/* (i|mi)- and 17 lower-case hex digits; i- and 8 from the old days. */
bool id_node_valid(struct span s);
/* mi-: a machine that was activated, not an EC2 instance. */
bool id_node_is_managed(struct span s);
/* [A-Za-z0-9_.@=+,-]{1,96}; not "." or "..": session ids become file names. */
bool id_session_valid(struct span s);
/* A UUID in lower-case hex with hyphens: activations, commands. */
bool id_uuid_valid(struct span s);
/* AKIA or ASIA and 16 base-32 characters (A-Z, 2-7; 0, 1, 8 and 9 are let through). */
bool id_access_key_valid(struct span s);
/* ASIA: temporary, comes with a session token. */
bool id_access_key_is_temporary(struct span s);
/* ^[a-z_][a-z0-9_-]{0,31}\$?$ */
bool id_user_valid(struct span s);
/* ^[a-zA-Z0-9_\-.]{3,128}$ */
bool id_document_valid(struct span s);
/* ^[A-Za-z0-9-]{1,100}$ */
bool id_region_valid(struct span s);
/* Twelve digits. */
bool id_account_valid(struct span s);

/* mi- or i- and 17 hex digits (68 bits of raw). */
void id_node_format(char out[ID_NODE_MAX + 1], bool managed, const uint8_t raw[9]);
void id_access_key_format(
    char out[ID_ACCESS_KEY_LEN + 1], bool temporary, const uint8_t raw[10]);
void id_secret_key_format(char out[ID_SECRET_KEY_LEN + 1], const uint8_t raw[30]);
/*
 * <name>-<26 characters>, as newer AWS sessions.  name is the user or role session; what
 * is not allowed in a session id becomes '_', and a long one is cut.
 */
void id_session_format(
    char out[ID_SESSION_MAX + 1], struct span name, const uint8_t raw[17]);
/* 256 bits in base64url without padding: session tokens, resume tokens. */
void id_token_format(char out[ID_TOKEN_LEN + 1], const uint8_t raw[32]);
/* An activation code: 20 characters, what the stock agent wants at least. */
void id_code_format(char out[ID_CODE_LEN + 1], const uint8_t raw[13]);
