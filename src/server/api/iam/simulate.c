/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IAM: what policies would decide.  The same engine as everywhere is asked, but with the condition
 * keys that the caller supplies and no others: nothing is filled in, as at AWS.
 */
#include "policy/evaluate.h"
#include "proto/arn.h"
#include "server/api/iam/managed.h"
#include "server/domain/access.h"

enum { INPUT_POLICIES_MAX = 20 };

struct simulation {
	struct policy_set set;
	struct policy_context context;
	struct policy *parsed[2 * INPUT_POLICIES_MAX]; /* of the input; owned */
	size_t nparsed;
};

static void
simulation_fini(struct simulation *s)
{
	for (size_t i = 0; i < s->nparsed; i++)
		policy_free(s->parsed[i]);
}
#define auto_simulation __attribute__((cleanup(simulation_fini))) struct simulation

/* ---- the policies ---- */

/* The layer's policies and those of a list in the input, which are called <list>.1 and so on. */
static int
add_input(struct api_call *c, struct simulation *s, const char *list,
    struct policy_sources *layer)
{
	const json_t *texts = json_object_get(c->in, list), *text;
	size_t n = json_array_size(texts), i;
	struct policy_source *all;

	if (n == 0)
		return 0;
	if (n > INPUT_POLICIES_MAX)
		return api_fail(c, "InvalidInput", "%s has more than %d policies.", list,
		    INPUT_POLICIES_MAX);
	all = arena_alloc(&c->mem, (layer->n + n) * sizeof(*all));
	for (i = 0; i < layer->n; i++)
		all[i] = layer->list[i];
	json_array_foreach(texts, i, text)
	{
		struct policy_flaw flaw;
		struct policy *p;

		if (policy_parse(
			&p, POLICY_INLINE, span_str(json_string_value(text)), &flaw) != 0)
			return api_fail_text(c, "InvalidInput",
			    arena_printf(&c->mem, "%s.%zu: %s", list, i + 1,
				policy_flaw_text(&c->mem, &flaw)));
		s->parsed[s->nparsed++] = p;
		all[layer->n + i] = (struct policy_source){ p,
			arena_printf(&c->mem, "%s.%zu", list, i + 1) };
	}
	*layer = (struct policy_sources){ all, layer->n + n };
	return 0;
}

/* Boundaries of the input stand instead of the one that there is. */
static int
add_inputs(struct api_call *c, struct simulation *s)
{
	struct policy_sources boundary = { 0 };
	int err;

	if (api_str(c, "ResourcePolicy") != NULL)
		return api_fail(c, "InvalidInput",
		    "This server knows no resource-based policies but those of roles, "
		    "and "
		    "does not simulate them.");
	if ((err = add_input(c, s, "PolicyInputList", &s->set.identity)) != 0 ||
	    (err = add_input(c, s, "PermissionsBoundaryPolicyInputList", &boundary)) != 0)
		return err;
	if (boundary.n > 0)
		s->set.boundary = boundary;
	return 0;
}

/* ---- whose policies ---- */

static int
bad_source(struct api_call *c, const char *arn)
{
	return api_fail_text(
	    c, "InvalidInput", arena_printf(&c->mem, "Invalid Entity Arn: %s", arn));
}

/* The user, group or role of PolicySourceArn, and what it holds. */
static int
add_source(struct api_call *c, struct simulation *s)
{
	static const struct {
		const char *type;
		enum store_entity_kind kind;
	} kinds[] = { { "user", STORE_USER }, { "group", STORE_GROUP },
		{ "role", STORE_ROLE } };
	const char *text = api_str(c, "PolicySourceArn");
	struct store_entity e;
	struct span name;
	struct arn a;
	size_t i = 0;
	int err;

	if (arn_parse(&a, span_str(text)) != 0 || !span_eq_str(a.service, "iam"))
		return bad_source(c, text);
	while (i < ARRAY_LEN(kinds) && !arn_resource_id(&a, kinds[i].type, &name))
		i++;
	if (i == ARRAY_LEN(kinds))
		return bad_source(c, text);
	for (ptrdiff_t slash; (slash = span_find(name, '/')) >= 0;)
		name = span_sub(name, (size_t)slash + 1, name.n);
	if ((err = iam_find(
		 api_reader(c), c, kinds[i].kind, arena_str(&c->mem, name), &e)) != 0)
		return err;
	return access_owner_policies(
	    c->env->access, &c->mem, kinds[i].kind, e.name, &s->set);
}

static int
source_resource(struct api_call *c)
{
	return resource_add(c, api_str(c, "PolicySourceArn"));
}

/* ---- the context ---- */

static int
read_context(struct api_call *c, struct simulation *s)
{
	const json_t *entries = json_object_get(c->in, "ContextEntries"), *e;
	size_t i, k;

	policy_context_init(&s->context, &c->mem);
	json_array_foreach(entries, i, e)
	{
		const char *name = json_get_str(e, "ContextKeyName");
		const char *type = json_get_str(e, "ContextKeyType");
		const json_t *values = json_get_arr(e, "ContextKeyValues");
		size_t n = json_array_size(values);
		struct span *list = arena_alloc(&c->mem, (n + 1) * sizeof(*list));
		bool many = type != NULL && strstr(type, "List") != NULL;

		if (name == NULL || type == NULL || (!many && n != 1))
			return api_fail(c, "InvalidInput",
			    "Context entry %zu needs a name, a type and, unless the type "
			    "is a list, one value.",
			    i + 1);
		for (k = 0; k < n; k++)
			list[k] = span_str(json_string_value(json_array_get(values, k)));
		if (many)
			policy_context_add_set(&s->context, name, list, n);
		else
			policy_context_add(&s->context, name, list[0]);
	}
	return 0;
}

/* ---- the answer ---- */

static void
write_place(struct api_call *c, const char *name, struct policy_place at)
{
	xw_open(&c->out, name);
	xw_elem_int(&c->out, "Line", at.line);
	xw_elem_int(&c->out, "Column", at.column);
	xw_close(&c->out, name);
}

/* The type is not one of the model's words, but what AWS answers. */
static void
write_matches(struct api_call *c, const struct policy_trace *t)
{
	xw_open(&c->out, "MatchedStatements");
	for (size_t i = 0; i < t->n; i++) {
		const struct policy_source *p = t->matched[i].source;
		struct policy_statement s =
		    policy_statement_get(p->policy, t->matched[i].statement);
		const char *slash = strrchr(p->id, '/');

		xw_open(&c->out, "member");
		xw_elem(&c->out, "SourcePolicyId", slash != NULL ? slash + 1 : p->id);
		xw_elem(&c->out, "SourcePolicyType", "IAM Policy");
		write_place(c, "StartPosition", s.from);
		write_place(c, "EndPosition", s.end);
		xw_close(&c->out, "member");
	}
	xw_close(&c->out, "MatchedStatements");
}

static void
write_keys(struct api_call *c, const char *name, const struct policy_set *set,
    const struct policy_context *context)
{
	size_t n;
	const struct span *keys = policy_missing_keys(&c->mem, set, context, &n);

	xw_open(&c->out, name);
	for (size_t i = 0; i < n; i++)
		xw_elem(&c->out, "member", arena_str(&c->mem, keys[i]));
	xw_close(&c->out, name);
}

/* What stands in an answer twice: for the action, and for the action on the resource. */
static void
write_details(struct api_call *c, const struct simulation *s,
    const struct policy_result *r, const struct policy_trace *t)
{
	write_matches(c, t);
	write_keys(c, "MissingContextValues", &s->set, &s->context);
	if (s->set.boundary.n == 0)
		return;
	xw_open(&c->out, "PermissionsBoundaryDecisionDetail");
	xw_elem_bool(&c->out, "AllowedByPermissionsBoundary", r->boundary_allows);
	xw_close(&c->out, "PermissionsBoundaryDecisionDetail");
}

static void
write_result(struct api_call *c, const struct simulation *s, const char *action,
    const char *resource)
{
	const struct policy_request q = { span_str(action), span_str(resource),
		&s->context };
	struct policy_trace trace = { .n = 0 };
	struct policy_result r = policy_decide(&s->set, &q, &trace);
	const char *decision = policy_decision_name(r.decision);

	xw_open(&c->out, "member");
	xw_elem(&c->out, "EvalActionName", action);
	xw_elem(&c->out, "EvalResourceName", resource);
	xw_elem(&c->out, "EvalDecision", decision);
	write_details(c, s, &r, &trace);
	xw_open(&c->out, "OrganizationsDecisionDetail");
	xw_elem_bool(&c->out, "AllowedByOrganizations", true);
	xw_close(&c->out, "OrganizationsDecisionDetail");
	xw_open(&c->out, "EvalDecisionDetails");
	xw_close(&c->out, "EvalDecisionDetails");
	xw_open(&c->out, "ResourceSpecificResults");
	xw_open(&c->out, "member");
	xw_elem(&c->out, "EvalResourceName", resource);
	xw_elem(&c->out, "EvalResourceDecision", decision);
	write_details(c, s, &r, &trace);
	xw_close(&c->out, "member");
	xw_close(&c->out, "ResourceSpecificResults");
	xw_close(&c->out, "member");
}

/* ---- SimulatePrincipalPolicy, SimulateCustomPolicy ---- */

static int
check_questions(struct api_call *c)
{
	const json_t *actions = json_object_get(c->in, "ActionNames"), *one;
	const json_t *arns = json_object_get(c->in, "ResourceArns");
	struct arn a;
	size_t i;

	json_array_foreach(actions, i, one)
	{
		if (strchr(json_string_value(one), ':') == NULL)
			return api_fail(c, "InvalidInput", "Invalid Action: %s",
			    json_string_value(one));
	}
	json_array_foreach(arns, i, one)
	{
		const char *text = json_string_value(one);

		if (strcmp(text, "*") != 0 && arn_parse(&a, span_str(text)) != 0)
			return api_fail_text(c, "InvalidInput",
			    arena_printf(&c->mem, "Invalid Resource Arn: %s", text));
	}
	return 0;
}

/* Positions are the number of the question. */
static int
answer_questions(struct api_call *c, const struct simulation *s)
{
	const json_t *actions = json_object_get(c->in, "ActionNames");
	const json_t *arns = json_object_get(c->in, "ResourceArns");
	size_t narns = MAX(json_array_size(arns), 1);
	int64_t i = 0, n = (int64_t)(json_array_size(actions) * narns);
	struct page p;
	int err;

	if ((err = page_open(
		 &p, c, "EvaluationResults", api_int(c, "MaxItems", IAM_PAGE))) != 0 ||
	    (p.after[0] != '\0' && (err = num_parse(span_str(p.after), 1, n, &i)) != 0))
		return err;
	for (; i < n; i++) {
		const char *resource =
		    json_string_value(json_array_get(arns, (size_t)i % narns));

		if (!page_take(&p, arena_printf(&c->mem, "%lld", (long long)i + 1)))
			break;
		write_result(c, s,
		    json_string_value(json_array_get(actions, (size_t)i / narns)),
		    resource != NULL ? resource : "*");
	}
	page_close(&p);
	return 0;
}

static int
simulate(struct api_call *c)
{
	auto_simulation s = { .nparsed = 0 };
	int err;

	if ((err = check_questions(c)) != 0 ||
	    (api_str(c, "PolicySourceArn") != NULL && (err = add_source(c, &s)) != 0) ||
	    (err = add_inputs(c, &s)) != 0 || (err = read_context(c, &s)) != 0)
		return err;
	return answer_questions(c, &s);
}

/* ---- GetContextKeysForPrincipalPolicy, GetContextKeysForCustomPolicy ---- */

static int
context_keys(struct api_call *c)
{
	auto_simulation s = { .nparsed = 0 };
	int err;

	policy_context_init(&s.context, &c->mem);
	if ((api_str(c, "PolicySourceArn") != NULL && (err = add_source(c, &s)) != 0) ||
	    (err = add_input(c, &s, "PolicyInputList", &s.set.identity)) != 0)
		return err;
	write_keys(c, "ContextKeyNames", &s.set, &s.context);
	return 0;
}

#define TYPES                                                                         \
	"string|stringList|numeric|numericList|boolean|booleanList|ip|ipList|binary|" \
	"binaryList|date|dateList"
#define QUESTIONS                                                                        \
	"PermissionsBoundaryPolicyInputList: list[" IAM_DOCUMENT                         \
	"]; ActionNames*: list{1..}[string{3..128}]; ResourceArns: "                     \
	"list[string{1..2048}]; ResourcePolicy: " IAM_DOCUMENT                           \
	"; ResourceOwner: string{1..2048}; CallerArn: string{1..2048}; ContextEntries: " \
	"list[struct { ContextKeyName: string{5..256}; ContextKeyValues: list[string]; " \
	"ContextKeyType: string{" TYPES                                                  \
	"} }]; ResourceHandlingOption: string{1..64}; " IAM_PAGING

const struct api_op iam_simulate_ops[] = {
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "SimulatePrincipalPolicy",
	    .action = "iam:SimulatePrincipalPolicy",
	    .find = source_resource,
	    .input = "{ PolicySourceArn*: " IAM_ARN
		     "; PolicyInputList: list[" IAM_DOCUMENT "]; " QUESTIONS " }",
	    .run = simulate,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "SimulateCustomPolicy",
	    .action = "iam:SimulateCustomPolicy",
	    .resource = "*",
	    .input = "{ PolicyInputList*: list{1..}[" IAM_DOCUMENT "]; " QUESTIONS " }",
	    .run = simulate,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "GetContextKeysForPrincipalPolicy",
	    .action = "iam:GetContextKeysForPrincipalPolicy",
	    .find = source_resource,
	    .input = "{ PolicySourceArn*: " IAM_ARN
		     "; PolicyInputList: list[" IAM_DOCUMENT "] }",
	    .run = context_keys,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "GetContextKeysForCustomPolicy",
	    .action = "iam:GetContextKeysForCustomPolicy",
	    .resource = "*",
	    .input = "{ PolicyInputList*: list{1..}[" IAM_DOCUMENT "] }",
	    .run = context_keys,
	},
	{ 0 },
};
