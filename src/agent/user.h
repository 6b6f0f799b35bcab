/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a session runs as: the choice, the rules, and what passwd and group know.
 * Look-ups happen before fork(); the child only makes system calls.
 */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "proto/document.h"

enum { AGENT_USER_GROUPS_MAX = 256 };

struct agent_user {
	char name[64];
	char home[256];
	char shell[256];
	uid_t uid;
	gid_t gid;
	gid_t groups[AGENT_USER_GROUPS_MAX];
	int ngroups;
};

/* Whose sessions an agent may start. */
struct agent_user_policy {
	bool is_root;             /* the agent can change users */
	const char *session_user; /* of the registration; "" : the default */
};

/* ERR_NOTFOUND when there is no such user; the words say what to do. */
int agent_user_find(struct agent_user *u, const char *name, struct fault *f) MUST_USE;
/* Who runs this process, also when passwd does not know them. */
int agent_user_self(struct agent_user *u, struct fault *f) MUST_USE;

/*
 * The user for a session: its document's run-as user, else the session user.  run_as: the
 * one that the principal's tag names, which wins over the document's.  *name is "" when
 * the session runs as whoever runs the agent.  ERR_DENIED, ERR_INVALID.
 */
int agent_user_choose(char *name, size_t size, const struct agent_user_policy *p,
    const struct session_document *doc, const char *run_as, struct fault *f) MUST_USE;

/*
 * May a session be started as this user at all?  Asked again by whoever starts it.
 * Root is refused unless the registration names root as session user.
 */
int agent_user_allowed(const struct agent_user_policy *p, const char *name,
    struct agent_user *u, struct fault *f) MUST_USE;
