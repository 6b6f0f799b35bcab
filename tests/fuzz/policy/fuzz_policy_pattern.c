/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a pattern, a NUL, and the text of an ARN.  Properties: what matches field by
 * field also matches when stars may cross colons, and that, when the pattern names all six
 * fields, also as plain wildcards; a star at both ends loses nothing.
 */
#include "fuzz/fuzz.h"

#include "policy/template.h"

static bool
matches(struct arena *mem, struct span pattern, enum template_mode mode, struct span text,
    bool *valid)
{
	struct policy_context c;
	struct template t;

	policy_context_init(&c, mem);
	policy_context_add(&c, "k", SPAN("a:b*"));
	policy_context_add(&c, "e", SPAN(""));
	*valid = template_compile(&t, mem, pattern, mode, true, NULL) == 0;
	return *valid && template_match(&t, &c, text, false);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data, size }, pattern, text, wide;
	ptrdiff_t cut = span_find(in, 0);
	auto_arena mem = { 0 };
	bool arn, resource, like, valid, valid_wide;
	size_t colons = 0;

	if (cut < 0 || size > 2048)
		return 0;
	pattern = span_sub(in, 0, (size_t)cut);
	text = span_sub(in, (size_t)cut + 1, size);
	arn = matches(&mem, pattern, TEMPLATE_ARN, text, &valid);
	resource = matches(&mem, pattern, TEMPLATE_RESOURCE, text, &valid);
	like = matches(&mem, pattern, TEMPLATE_LIKE, text, &valid);
	PROPERTY("stars that cross match more", !arn || resource);
	for (size_t i = 0; i < pattern.n; i++)
		colons += pattern.p[i] == ':';
	if (colons >= 5 && span_find(pattern, '$') < 0)
		PROPERTY("wildcards match more", !resource || like);
	wide = span_str(arena_printf(&mem, "*" SPAN_FMT "*", SPAN_ARG(pattern)));
	PROPERTY("wider matches more",
	    !like || matches(&mem, wide, TEMPLATE_LIKE, text, &valid_wide));
	return 0;
}
