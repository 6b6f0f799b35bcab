/* SPDX-License-Identifier: Apache-2.0 */
/* See reauthorise.h. */
#include "server/reauthorise.h"

#include "proto/arn.h"
#include "server/authorise.h"
#include "server/domain/identity.h"

static int
owner_of(const struct server_env *env, const struct session *se, struct arena *mem,
    struct principal *who, const char **why)
{
	const struct store_session *row = &se->row;
	struct identity id;
	int r = identity_of_owner(store_reader(env->store), mem, row->access_key,
	    row->owner_arn, row->owner_user_id, &id);

	if (r == ERR_NOTFOUND)
		*why = "Who started the session does not exist any more.";
	else if (r == ERR_DENIED)
		*why = "The access key that started the session is not active any more.";
	else if (r != 0)
		*why = "Who started the session cannot be looked up.";
	if (r != 0)
		return ERR_DENIED;
	*who = (struct principal){
		.kind = PRINCIPAL_USER,
		.name = id.name,
		.arn = id.arn,
		.user_id = id.user_id,
		.session_name = id.session_name,
		.run_as = id.run_as,
		.access_key = row->access_key,
	};
	return 0;
}

/* What the two ways into the session ask for: having started it, and coming back. */
int
reauthorise_owner(const struct server_env *env, const struct session *se,
    struct arena *mem, const char **why)
{
	const struct store_session *row = &se->row;
	const char *session = arn_session(mem, row->region, env->account, row->id);
	const char *const start[] = {
		arn_node(mem, row->region, env->account, row->target),
		arn_document(mem, row->region, env->account, row->document),
	};
	struct principal who;
	int r = owner_of(env, se, mem, &who, why);

	if (r != 0)
		return r;
	r = authorise(&(struct authz_request){ .who = &who,
			  .action = "ssm:ResumeSession",
			  .resources = &session,
			  .nresources = 1 },
	    mem, why);
	if (r != 0)
		return r;
	return authorise(&(struct authz_request){ .who = &who,
			     .action = "ssm:StartSession",
			     .resources = start,
			     .nresources = ARRAY_LEN(start) },
	    mem, why);
}
