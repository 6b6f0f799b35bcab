/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What temporary keys were given for: the facts that STS fixed when it issued them, and that
 * every call made with them is judged by.  Kept with the key as JSON.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum { KEY_SESSION_TAGS_MAX = 50, KEY_SESSION_ARNS_MAX = 10 }; /* AWS's limits */

struct key_session_tag {
	const char *key, *value;
	bool transitive; /* goes on to the next role of a chain */
};

/* Strings are never NULL; a list and its texts live in the arena. */
struct key_session {
	const char *owner_id; /* AIDA..., AROA...: another one of that name is not the owner */
	int64_t issued_ms;
	int64_t mfa_ms;           /* when a second factor was shown; 0: none was */
	const char *mfa_serial;   /* ARN of the device that showed it, or "" */
	const char *session_name; /* role sessions: what the caller chose */
	const char *policy;       /* session policy, or "" */
	const char *policy_arns[KEY_SESSION_ARNS_MAX]; /* managed session policies */
	size_t npolicy_arns;
	struct key_session_tag tags[KEY_SESSION_TAGS_MAX];
	size_t ntags;
	const char *source_identity; /* aws:SourceIdentity, or "" */
	const char *provider;        /* ARN of the identity provider, or "" */
	const char *subject;         /* whom that provider named, or "" */
	const char *audience;        /* for which of its clients, or "" */
	const char *access_request;  /* id of the access request that allowed it, or "" */
};

void key_session_init(struct key_session *s); /* everything "" */
/* "" is a session without facts.  ERR_INVALID. */
int key_session_read(
    struct key_session *s, struct arena *mem, const char *json) MUST_USE;
char *key_session_write(const struct key_session *s, struct arena *mem)
    __attribute__((returns_nonnull));
