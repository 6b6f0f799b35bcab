/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a value of a condition, a NUL, and a value of a request; every operator reads
 * both.  Properties: an operator and its opposite never hold together, and one of them does
 * when both values can be read; less, equal and greater exclude one another.
 */
#include "fuzz/fuzz.h"

#include "policy/operator.h"

/* Whether the operator holds; *readable: the value of the condition was. */
static bool
holds(
    struct arena *mem, const char *op, struct span want, struct span got, bool *readable)
{
	struct condition_value v;
	struct condition c = { .key = SPAN("k"), .values = &v, .nvalues = 1 };
	struct policy_context context;

	c.hash = policy_key_hash(c.key);
	policy_context_init(&context, mem);
	policy_context_add(&context, "k", got);
	PROPERTY("an operator", condition_operator(&c, span_str(op)) == 0);
	*readable =
	    condition_value_compile(&v, c.op, mem, want, true, NULL) == 0 && v.readable;
	return *readable && condition_holds(&c, &context);
}

static void
check_opposites(struct arena *mem, struct span want, struct span got)
{
	static const struct {
		const char *op, *opposite;
		bool always; /* one of them holds, whatever the request has */
	} t[] = {
		{ "StringEquals", "StringNotEquals", true },
		{ "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", true },
		{ "StringLike", "StringNotLike", true },
		{ "ArnLike", "ArnNotLike", true },
		{ "NumericEquals", "NumericNotEquals", false },
		{ "DateEquals", "DateNotEquals", false },
		{ "IpAddress", "NotIpAddress", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		bool readable;
		bool a = holds(mem, t[i].op, want, got, &readable);
		bool b = holds(mem, t[i].opposite, want, got, &readable);

		PROPERTY("not both", !(a && b));
		PROPERTY("one of them", !readable || !t[i].always || a || b);
	}
}

static void
check_order(struct arena *mem, const char *name, struct span want, struct span got)
{
	static const char *const ops[] = { "LessThan", "Equals", "GreaterThan" };
	bool held[3], readable;
	int n = 0;

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		held[i] = holds(
		    mem, arena_printf(mem, "%s%s", name, ops[i]), want, got, &readable);
		n += held[i];
	}
	PROPERTY("at most one", n <= 1);
	PROPERTY("less or equal",
	    holds(mem, arena_printf(mem, "%sLessThanEquals", name), want, got,
		&readable) == (held[0] || held[1]));
	PROPERTY("greater or equal",
	    holds(mem, arena_printf(mem, "%sGreaterThanEquals", name), want, got,
		&readable) == (held[1] || held[2]));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data, size }, want, got;
	ptrdiff_t cut = span_find(in, 0);
	auto_arena mem = { 0 };
	bool readable;

	if (cut < 0 || size > 1024)
		return 0;
	want = span_sub(in, 0, (size_t)cut);
	got = span_sub(in, (size_t)cut + 1, size);
	check_opposites(&mem, want, got);
	check_order(&mem, "Numeric", want, got);
	check_order(&mem, "Date", want, got);
	(void)holds(&mem, "Bool", want, got, &readable);
	(void)holds(&mem, "BinaryEquals", want, got, &readable);
	(void)holds(&mem, "Null", want, got, &readable);
	return 0;
}
