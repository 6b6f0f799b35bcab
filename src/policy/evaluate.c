/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evaluation.  Every layer is walked once, and says two things: which statement denied first,
 * and which allowed first.  Without a trace a Deny ends the walk, and an Allow is not looked
 * at once its layer has one.
 */
#include "policy/evaluate.h"

#include "policy/policy_int.h"

/* A request as the statements see it. */
struct ask {
	struct span action; /* lower case */
	struct span resource;
	const struct policy_context *context;
	const struct policy_caller *caller;
	struct policy_trace *trace;
};

struct verdict {
	struct policy_match deny, allow; /* source NULL: none */
	enum principal_match who;        /* the closest that an Allow named the caller */
};

static bool
any_matches(const struct templates *t, const struct policy_context *c, struct span text)
{
	for (size_t i = 0; i < t->n; i++)
		if (template_match(&t->list[i], c, text, false))
			return true;
	return false;
}

static bool
all_resolve(const struct templates *t, const struct policy_context *c)
{
	for (size_t i = 0; i < t->n; i++)
		if (!template_resolves(&t->list[i], c))
			return false;
	return true;
}

static bool
resource_applies(const struct statement *s, const struct ask *q)
{
	if (s->resources.n == 0) /* a trust policy: the role itself */
		return true;
	/*
	 * What an unknown name would have left out cannot be told: an Allow then gives nothing,
	 * and a Deny leaves nothing out.
	 */
	if (s->not_resource && !all_resolve(&s->resources, q->context))
		return s->deny;
	return any_matches(&s->resources, q->context, q->resource) != s->not_resource;
}

static bool
statement_applies(const struct statement *s, const struct ask *q)
{
	if (any_matches(&s->actions, q->context, q->action) == s->not_action ||
	    !resource_applies(s, q))
		return false;
	for (size_t i = 0; i < s->nconditions; i++)
		if (!condition_holds(&s->conditions[i], q->context))
			return false;
	return true;
}

static void
note(struct verdict *v, const struct ask *q, const struct statement *s,
    const struct policy_match *m)
{
	struct policy_match *first = s->deny ? &v->deny : &v->allow;

	if (first->source == NULL)
		*first = *m;
	if (q->trace != NULL && q->trace->n < POLICY_TRACE_MAX)
		q->trace->matched[q->trace->n++] = *m;
}

static void
walk_policy(struct verdict *v, const struct ask *q, const struct policy_source *source,
    enum policy_layer layer)
{
	const struct policy *p = source->policy;

	for (size_t i = 0; i < p->nstatements; i++) {
		const struct statement *s = &p->statements[i];
		const struct policy_match m = { source, i, layer };
		enum principal_match who = CALLER_NONE;

		if (q->trace == NULL && v->deny.source != NULL)
			return;
		if (layer == LAYER_RESOURCE) {
			if ((who = principals_match(&s->who, q->caller)) == CALLER_NONE)
				continue;
		} else if (q->trace == NULL && !s->deny && v->allow.source != NULL) {
			continue;
		}
		if (!statement_applies(s, q))
			continue;
		if (!s->deny)
			v->who = MAX(v->who, who);
		note(v, q, s, &m);
	}
}

static struct verdict
walk(const struct ask *q, const struct policy_sources *sources, enum policy_layer layer)
{
	struct verdict v = { 0 };

	for (size_t i = 0; i < sources->n; i++)
		walk_policy(&v, q, &sources->list[i], layer);
	return v;
}

static struct policy_result
refuse(enum policy_decision decision, enum policy_layer layer, struct policy_match by)
{
	return (struct policy_result){
		.decision = decision, .layer = layer, .by = by, .boundary_allows = true
	};
}

static struct policy_result
allow(enum policy_layer layer, struct policy_match by)
{
	return refuse(POLICY_ALLOWED, layer, by);
}

/* Steps 2 to 6, when nothing denied.  v: by layer. */
static struct policy_result
decide_allow(const struct policy_set *set, const struct verdict *v)
{
	static const struct policy_match none = { 0 };
	enum principal_match who = v[LAYER_RESOURCE].who;
	bool named;

	if (set->resource.n > 0 && who == CALLER_NONE)
		return refuse(POLICY_IMPLICIT_DENY, LAYER_RESOURCE, none);
	if (set->root)
		return allow(LAYER_IDENTITY, none);
	if (who == CALLER_EXACT)
		return allow(LAYER_RESOURCE, v[LAYER_RESOURCE].allow);
	named = who == CALLER_ROLE;
	if (!named && v[LAYER_IDENTITY].allow.source == NULL)
		return refuse(POLICY_IMPLICIT_DENY, LAYER_IDENTITY, none);
	if (set->boundary.n > 0 && v[LAYER_BOUNDARY].allow.source == NULL)
		return refuse(POLICY_IMPLICIT_DENY, LAYER_BOUNDARY, none);
	if (set->session.n > 0 && v[LAYER_SESSION].allow.source == NULL)
		return refuse(POLICY_IMPLICIT_DENY, LAYER_SESSION, none);
	return named ? allow(LAYER_RESOURCE, v[LAYER_RESOURCE].allow)
		     : allow(LAYER_IDENTITY, v[LAYER_IDENTITY].allow);
}

static bool
lower_action(char out[POLICY_NAME_MAX], struct span action)
{
	if (action.n > POLICY_NAME_MAX)
		return false;
	for (size_t i = 0; i < action.n; i++) {
		uint8_t c = action.p[i];

		out[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	return true;
}

struct policy_result
policy_decide(const struct policy_set *set, const struct policy_request *q,
    struct policy_trace *trace)
{
	const struct policy_sources *layers[] = {
		[LAYER_IDENTITY] = &set->identity,
		[LAYER_BOUNDARY] = &set->boundary,
		[LAYER_SESSION] = &set->session,
		[LAYER_RESOURCE] = &set->resource,
	};
	struct verdict v[ARRAY_LEN(layers)];
	char action[POLICY_NAME_MAX];
	struct policy_result r;
	struct ask ask = {
		.resource = q->resource,
		.context = q->context,
		.caller = &set->caller,
		.trace = trace,
	};

	if (trace != NULL)
		trace->n = 0;
	if (!lower_action(action, q->action))
		return refuse(
		    POLICY_IMPLICIT_DENY, LAYER_IDENTITY, (struct policy_match){ 0 });
	ask.action = span_of(action, q->action.n);
	for (size_t i = 0; i < ARRAY_LEN(layers); i++) {
		v[i] = walk(&ask, layers[i], (enum policy_layer)i);
		if (v[i].deny.source != NULL && trace == NULL)
			return refuse(POLICY_EXPLICIT_DENY, v[i].deny.layer, v[i].deny);
	}
	r = decide_allow(set, v);
	for (size_t i = ARRAY_LEN(layers); i-- > 0;)
		if (v[i].deny.source != NULL)
			r = refuse(POLICY_EXPLICIT_DENY, v[i].deny.layer, v[i].deny);
	r.boundary_allows = set->boundary.n == 0 ||
	    (v[LAYER_BOUNDARY].allow.source != NULL &&
		v[LAYER_BOUNDARY].deny.source == NULL);
	return r;
}
