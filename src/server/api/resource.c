/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which ARNs an operation touches: the templates of op.h over a valid input.
 */
#include "server/api/call.h"

#include "proto/arn.h"
#include "server/authorise.h"

int
resource_add(struct api_call *c, const char *arn)
{
	if (c->nresources == AUTHZ_RESOURCES_MAX)
		return api_fail(
		    c, "ValidationException", "The request names too many resources.");
	if (c->resources == NULL)
		c->resources =
		    arena_alloc(&c->mem, AUTHZ_RESOURCES_MAX * sizeof(*c->resources));
	c->resources[c->nresources++] = arn;
	return 0;
}

int
resource_add_nodes(struct api_call *c, const json_t *ids)
{
	const json_t *id;
	size_t i;
	int err;

	json_array_foreach(ids, i, id)
	{
		err = resource_add(c,
		    arn_node(
			&c->mem, c->region, c->env->account, json_string_value(id)));
		if (err != 0)
			return err;
	}
	return 0;
}

/* Actions without a resource: everything in this region, as AWS prints it; global ones
 * "*". */
static const char *
any(struct api_call *c)
{
	if (c->service != API_SSM)
		return "*";
	return arn_make(&c->mem, "ssm", c->region, c->env->account, "*");
}

static const char *
ssm_arn(struct api_call *c, const char *type, const char *id)
{
	while (*id == '/')
		id++;
	return arn_make(&c->mem, "ssm", c->region, c->env->account,
	    arena_printf(&c->mem, "%s/%s", type, id));
}

static const char *
document_arn(struct api_call *c, const char *name)
{
	struct span bare;

	if (arn_document_name(&bare, span_str(name)) == 0)
		name = arena_str(&c->mem, bare);
	return arn_document(&c->mem, c->region, c->env->account, name);
}

static const char *
arn_of(struct api_call *c, const char *kind, const char *id)
{
	if (strcmp(kind, "node") == 0)
		return arn_node(&c->mem, c->region, c->env->account, id);
	if (strcmp(kind, "document") == 0)
		return document_arn(c, id);
	if (strcmp(kind, "session") == 0)
		return arn_session(&c->mem, c->region, c->env->account, id);
	if (strncmp(id, "arn:", 4) == 0)
		return id;
	if (strcmp(kind, "setting") == 0)
		return ssm_arn(c, "servicesetting", id);
	return ssm_arn(c, kind, id);
}

static int
add_values(struct api_call *c, const char *kind, const json_t *v)
{
	json_t *e;
	size_t i;
	int err;

	if (json_is_string(v))
		return resource_add(c, arn_of(c, kind, json_string_value(v)));
	json_array_foreach(v, i, e)
	{
		if (json_is_string(e) &&
		    (err = resource_add(c, arn_of(c, kind, json_string_value(e)))) != 0)
			return err;
	}
	return 0;
}

/* kind:{Member} or kind:{Member?} */
static int
add_word(struct api_call *c, struct span word)
{
	struct span kind, member = word;
	const json_t *v;

	if (span_eq_str(word, "*"))
		return resource_add(c, any(c));
	if (span_eq_str(word, "self"))
		return resource_add(c, arn_of(c, "node", c->auth.who.name));
	span_cut(&member, ':', &kind);
	assert(member.n > 2 && member.p[0] == '{' && member.p[member.n - 1] == '}');
	member = span_sub(member, 1, member.n - 2);
	if (member.p[member.n - 1] == '?')
		member.n--;
	v = json_object_get(c->in, arena_str(&c->mem, member));
	return v == NULL ? 0 : add_values(c, arena_str(&c->mem, kind), v);
}

int
resource_find(struct api_call *c)
{
	struct span rest = span_str(c->op->resource), word;
	int err;

	if (c->op->find != NULL)
		return c->op->find(c);
	while (span_cut(&rest, ' ', &word)) {
		if (word.n > 0 && (err = add_word(c, word)) != 0)
			return err;
	}
	return c->nresources == 0 ? resource_add(c, any(c)) : 0;
}
