/* SPDX-License-Identifier: Apache-2.0 */
/* See reauthorise.h. */
#include "server/reauthorise.h"

#include "proto/arn.h"
#include "proto/document.h"
#include "server/authorise.h"
#include "server/config.h"

static int
owner_of(const struct server_env *env, const struct session *se, struct arena *mem,
    struct principal *who, const char **why)
{
	const struct store_session *row = &se->row;
	int r = identity_of_owner(store_reader(env->store), mem, row->access_key,
	    row->owner_arn, row->owner_user_id, who);

	if (r == ERR_NOTFOUND)
		*why = "Who started the session does not exist any more.";
	else if (r == ERR_DENIED)
		*why = "The access key that started the session is not active any more.";
	else if (r != 0)
		*why = "Who started the session cannot be looked up.";
	return r == 0 ? 0 : ERR_DENIED;
}

/* The call that started it, made again now. */
static struct authz_facts
facts_of(const struct server_env *env, const struct session *se)
{
	return (struct authz_facts){
		.region = se->row.region,
		.source_ip = se->row.source_ip,
		.user_agent = "",
		.tls = env->config->tls,
		.now_ms = ev_wall_ms(env->loop),
		.mfa_age_at_ms = se->row.start_ms,
	};
}

static int
may_start(const struct server_env *env, const struct session *se,
    const struct principal *who, struct arena *mem, const char **why)
{
	const struct store_session *row = &se->row;
	const struct authz_facts facts = facts_of(env, se);
	bool preferences = strcmp(row->document, DOCUMENT_PREFERENCES) == 0;

	return authorise_start(env, who, &facts,
	    arn_node(mem, row->region, env->account, row->target),
	    preferences
		? NULL
		: arn_document(mem, row->region, env->account, row->document),
	    mem, why);
}

int
reauthorise_session(const struct server_env *env, const struct session *se,
    struct arena *mem, const char **why)
{
	struct principal who;
	int r = owner_of(env, se, mem, &who, why);

	return r != 0 ? r : may_start(env, se, &who, mem, why);
}

int
reauthorise_resume(const struct server_env *env, const struct session *se,
    struct arena *mem, const char **why)
{
	const struct store_session *row = &se->row;
	const char *session = arn_session(mem, row->region, env->account, row->id);
	const struct authz_facts facts = facts_of(env, se);
	struct principal who;
	int r = owner_of(env, se, mem, &who, why);

	if (r != 0)
		return r;
	r = authorise(env,
	    &(struct authz_request){ .who = &who,
		.action = "ssm:ResumeSession",
		.resources = &session,
		.nresources = 1,
		.facts = &facts },
	    mem, why);
	return r != 0 ? r : may_start(env, se, &who, mem, why);
}
