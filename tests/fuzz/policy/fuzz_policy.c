/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a byte that says which kind, and the text of a policy.  Properties: what is
 * refused is refused with a sentence and a place inside the text; what is accepted has
 * statements at places inside the text, and decides the same with and without a trace; what
 * the linter offers instead is a policy.
 */
#include "fuzz/fuzz.h"

#include "policy/evaluate.h"
#include "policy/lint.h"

static bool
inside(struct policy_place at, struct span text)
{
	return at.line >= 1 && at.column >= 1 && at.offset <= text.n;
}

static void
ask(const struct policy *p, enum policy_kind kind)
{
	static const char *const actions[] = { "ssm:StartSession", "sts:AssumeRole" };
	struct policy_source source = { p, "p" };
	struct policy_set set = { .caller = { .account = SPAN("123456789012") } };
	struct policy_context context;
	struct policy_trace trace;
	auto_arena mem = { 0 };
	size_t n;

	*(kind == POLICY_TRUST ? &set.resource : &set.identity) =
	    (struct policy_sources){ &source, 1 };
	policy_context_init(&context, &mem);
	policy_context_add(&context, "aws:username", SPAN("alice"));
	policy_context_add(&context, "a", SPAN("1"));
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		struct policy_request q = { span_str(actions[i]),
			SPAN("arn:aws:ssm:eu-north-1:123456789012:session/alice-1"),
			&context };
		struct policy_result quick = policy_decide(&set, &q, NULL);
		struct policy_result traced = policy_decide(&set, &q, &trace);

		PROPERTY("one decision",
		    quick.decision == traced.decision && quick.layer == traced.layer &&
			quick.by.statement == traced.by.statement);
		(void)policy_denial(&mem, &quick, "me", actions[i], "it");
	}
	(void)policy_missing_keys(&mem, &set, &context, &n);
}

static void
lint(enum policy_kind kind, struct span text)
{
	auto_arena mem = { 0 };
	auto_policy *p = NULL;
	struct policy_flaw flaw;
	struct policy_lint found;

	policy_lint(&found, &mem, kind, text);
	for (const struct policy_finding *f = found.first; f != NULL; f = f->next)
		PROPERTY("found inside", inside(f->at, text) && f->text[0] != '\0');
	if (found.better != NULL)
		PROPERTY("a policy",
		    policy_parse(&p, kind, span_str(found.better), &flaw) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy_flaw flaw;
	enum policy_kind kind;
	struct span text;
	auto_policy *p = NULL;
	auto_arena mem = { 0 };

	if (size == 0)
		return 0;
	kind = (enum policy_kind)(data[0] % (POLICY_TRUST + 1));
	text = span_of(data + 1, size - 1);
	lint(kind, text);
	if (policy_parse(&p, kind, text, &flaw) != 0) {
		PROPERTY("no policy", p == NULL);
		PROPERTY("a sentence", flaw.message[0] != '\0' && flaw.code != 0);
		PROPERTY("a place", inside(flaw.at, text));
		(void)policy_flaw_text(&mem, &flaw);
		return 0;
	}
	PROPERTY("statements", policy_statements(p) > 0);
	for (size_t i = 0; i < policy_statements(p); i++) {
		struct policy_statement s = policy_statement_get(p, i);

		PROPERTY("begins inside",
		    inside(s.begin, text) && text.p[s.begin.offset] == '{');
		PROPERTY("ends inside",
		    inside(s.end, text) && text.p[s.end.offset - 1] == '}');
	}
	ask(p, kind);
	return 0;
}
