/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STS: AssumeRole.
 */
#include <strings.h>

#include "server/api/error.h"
#include "server/api/iam/iam.h"
#include "server/api/sts/sts.h"

/* The transitive tags of the caller's own session go on. */
static void
inherit_tags(const struct api_call *c, struct sts_grant *g)
{
	const struct key_session *from = c->auth.who.session;

	for (size_t i = 0; from != NULL && i < from->ntags; i++) {
		if (!from->tags[i].transitive)
			continue;
		g->session.tags[g->session.ntags++] = from->tags[i];
		g->tagged = true;
	}
}

static bool
names(const json_t *keys, const char *key)
{
	const json_t *one;
	size_t i;

	json_array_foreach(keys, i, one)
	{
		if (strcasecmp(json_string_value(one), key) == 0)
			return true;
	}
	return false;
}

/* Every transitive key is one of the tags that come with it. */
static int
check_transitive(struct api_call *c, const json_t *tags, const json_t *keys)
{
	const json_t *key, *tag;
	size_t i, k;

	json_array_foreach(keys, i, key)
	{
		bool found = false;

		json_array_foreach(tags, k, tag)
		{
			found = found ||
			    strcasecmp(
				json_get_str(tag, "Key"), json_string_value(key)) == 0;
		}
		if (!found)
			return api_fail(c, "InvalidParameterValue",
			    "The specified transitive tag key must be included in the "
			    "requested tags.");
	}
	return 0;
}

static int
read_tags(struct api_call *c, struct sts_grant *g)
{
	const json_t *tags = json_object_get(c->in, "Tags"), *tag;
	const json_t *transitive = json_object_get(c->in, "TransitiveTagKeys");
	size_t i;
	int err;

	inherit_tags(c, g);
	json_array_foreach(tags, i, tag)
	{
		const char *key = json_get_str(tag, "Key");

		err = sts_add_tag(
		    c, g, key, json_get_str(tag, "Value"), names(transitive, key));
		if (err != 0)
			return err;
	}
	return check_transitive(c, tags, transitive);
}

/* Once set it stays, down the whole chain. */
static int
read_source_identity(struct api_call *c, struct sts_grant *g)
{
	const struct key_session *from = c->auth.who.session;
	const char *asked = api_str(c, "SourceIdentity");
	const char *had = from != NULL ? from->source_identity : "";

	if (asked != NULL && had[0] != '\0' && strcmp(asked, had) != 0)
		return api_fail(c, "ValidationError",
		    "The source identity is already set for this assume role session");
	g->session.source_identity = had[0] != '\0' ? had : asked != NULL ? asked : "";
	return 0;
}

/* A user that showed a second factor for its session has shown it for the role. */
static void
inherit_mfa(const struct api_call *c, struct sts_grant *g)
{
	const struct principal *who = &c->auth.who;

	if (g->session.mfa_ms != 0 || who->kind != PRINCIPAL_USER || who->session == NULL)
		return;
	g->session.mfa_ms = who->session->mfa_ms;
	g->session.mfa_serial = who->session->mfa_serial;
}

static void
add_text(struct sts_grant *g, const char *key, const char *value)
{
	if (value != NULL && value[0] != '\0')
		policy_context_add(&g->more, key, span_str(value));
}

static void
add_context(struct api_call *c, struct sts_grant *g)
{
	const json_t *keys = json_object_get(c->in, "TransitiveTagKeys"), *one;
	struct span *list =
	    arena_alloc(&c->mem, (json_array_size(keys) + 1) * sizeof(*list));
	size_t i;

	api_request_tags(c, &g->more);
	add_text(g, "sts:ExternalId", api_str(c, "ExternalId"));
	add_text(g, "sts:RoleSessionName", g->session.session_name);
	add_text(g, "sts:SourceIdentity", g->session.source_identity);
	json_array_foreach(keys, i, one)
	{
		list[i] = span_str(json_string_value(one));
	}
	if (i > 0)
		policy_context_add_set(&g->more, "sts:TransitiveTagKeys", list, i);
}

/* In the order of AWS: what the request says, then who may, then how long. */
static int
ask(struct api_call *c, struct sts_grant *g)
{
	const struct {
		const char *action;
		bool needed;
	} t[] = {
		{ "sts:AssumeRole", true },
		{ "sts:TagSession", g->tagged },
		{ "sts:SetSourceIdentity", g->session.source_identity[0] != '\0' },
	};
	const char *message;

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if (t[i].needed && sts_ask(c, g, t[i].action, NULL, &message) != 0)
			return error_denied(c, message);
	return 0;
}

/* A role that is not there is refused in the words for one that is not allowed. */
static int
permit_assume_role(struct api_call *c)
{
	struct sts_grant *g = sts_grant_new(c);
	int err;

	g->session.session_name = api_str(c, "RoleSessionName");
	err = sts_find_role(c, g);
	if (err == ERR_NOTFOUND)
		return error_denied(c,
		    arena_printf(&c->mem,
			"User: %s is not authorized to perform: sts:AssumeRole on "
			"resource: %s",
			c->auth.who.arn, g->role_arn));
	if (err != 0 || (err = read_tags(c, g)) != 0 ||
	    (err = read_source_identity(c, g)) != 0 || (err = sts_read_mfa(c, g)) != 0)
		return err;
	inherit_mfa(c, g);
	add_context(c, g);
	return ask(c, g);
}

static int
role_resource(struct api_call *c)
{
	return resource_add(c, api_str(c, "RoleArn"));
}

static int
role_written(struct api_call *c)
{
	const struct sts_grant *g = c->user;

	sts_write_credentials(c, g);
	sts_write_role_user(c, g);
	sts_write_packed(c, g);
	if (g->session.source_identity[0] != '\0')
		xw_elem(&c->out, "SourceIdentity", g->session.source_identity);
	return 0;
}

static int
assume_role(struct api_call *c)
{
	struct sts_grant *g = c->user;
	int64_t life_ms;
	int err;

	if ((err = sts_read_life(c, g, &life_ms)) != 0 ||
	    (err = sts_read_policies(c, g)) != 0 || (err = sts_pack(c, g)) != 0)
		return err;
	return sts_give(c, g, life_ms, role_written);
}

const struct api_op sts_role_ops[] = {
	{
	    .service = API_STS,
	    .access = API_WRITE,
	    .name = "AssumeRole",
	    .action = "sts:AssumeRole",
	    .find = role_resource,
	    .permit = permit_assume_role,
	    .input = "{ RoleArn*: " STS_ROLE_ARN "; RoleSessionName*: " STS_SESSION_NAME
		     "; PolicyArns: " STS_POLICY_ARNS "; Policy: " STS_POLICY
		     "; DurationSeconds: integer{900..43200}; Tags: " IAM_TAGS
		     "; TransitiveTagKeys: " IAM_TAG_KEYS
		     "; ExternalId: string{2..1224 /[\\w+=,.@:\\/-]*/}; "
		     "SerialNumber: string{9..256 /[\\w+=\\/:,.@-]*/}; "
		     "TokenCode~: string{6..6 /[\\d]*/}; "
		     "SourceIdentity: string{2..64 /[\\w+=,.@-]*/} }",
	    .run = assume_role,
	    .response = sts_record,
	},
	{ 0 },
};
