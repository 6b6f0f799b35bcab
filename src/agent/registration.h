/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who this node is: what `register` wrote and every other command reads.
 * Strings are owned; release with agent_reg_fini().
 */
#pragma once

#include "base/buf.h"

/* What a session runs as when nothing else is said and the agent is root. */
#define AGENT_SESSION_USER_DEFAULT "ssm-user"

struct agent_reg {
	char *node_id;
	char *endpoint; /* https://host[:port], no slash at the end */
	char *region;
	char *ca_file;     /* "" : the system's roots */
	char *fingerprint; /* "" with static credentials */
	char *
	    session_user; /* "" : AGENT_SESSION_USER_DEFAULT, or whoever runs the agent */
	char *deny_forward; /* as dial_policy_parse() reads it */
	char *access_key;   /* static credentials; "" with an activation */
	char *secret_key;
};

void agent_reg_fini(struct agent_reg *r);
int agent_reg_load(struct agent_reg *r, const char *dir, struct fault *f) MUST_USE;
int agent_reg_save(const struct agent_reg *r, const char *dir, struct fault *f) MUST_USE;
/* Parsing and writing alone. */
int agent_reg_parse(struct agent_reg *r, struct span json, struct fault *f) MUST_USE;
void agent_reg_build(struct buf *out, const struct agent_reg *r);

/*
 * Checks an endpoint and takes what is behind the host off it: "https://host:8443/" gives
 * "https://host:8443".  ERR_INVALID in words for a person.
 */
int agent_endpoint_clean(char **out, const char *endpoint, struct fault *f) MUST_USE;
