/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that knows PCRE2.  No JIT: values are short, and a server that may map
 * memory both writable and executable is worth more to an attacker than a microsecond.
 */
#include "server/api/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/buf.h"

enum {
	REGEX_STEPS = 200000, /* about a millisecond */
	REGEX_HEAP_KIB = 4096,
	REGEX_QUANTIFIER_MAX = 65535, /* what PCRE2 can count */
	REGEX_TEXT_MAX = 4096,
};

struct regex {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *limits;
};

/*
 * Models hold quantifiers like {1,100000}; PCRE2 stops at 65535.  The length is a
 * constraint of its own there, so the upper bound may go.
 */
static void
relax_quantifiers(struct buf *out, const char *p)
{
	while (*p != '\0') {
		const char *comma = p, *end;
		long max;

		if (*p != '{' || (comma = strchr(p, ',')) == NULL) {
			buf_add_u8(out, (uint8_t)*p++);
			continue;
		}
		max = strtol(comma + 1, (char **)&end, 10);
		if (*end != '}' || max <= REGEX_QUANTIFIER_MAX) {
			buf_add_u8(out, (uint8_t)*p++);
			continue;
		}
		buf_add(out, span_of(p, (size_t)(comma - p) + 1));
		p = end;
	}
}

static pcre2_code *
compile(const char *pattern, struct fault *f)
{
	uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ANCHORED |
	    PCRE2_ENDANCHORED | PCRE2_NO_AUTO_CAPTURE;
	pcre2_compile_context *ctx = pcre2_compile_context_create(NULL);
	pcre2_code *code;
	PCRE2_UCHAR text[120] = "";
	PCRE2_SIZE at;
	auto_buf b;
	int err;

	buf_init(&b, REGEX_TEXT_MAX);
	relax_quantifiers(&b, pattern);
	assert(ctx != NULL);
	pcre2_set_newline(ctx, PCRE2_NEWLINE_ANY);
	code = pcre2_compile((PCRE2_SPTR)buf_cstr(&b), b.len, options, &err, &at, ctx);
	pcre2_compile_context_free(ctx);
	if (code == NULL) {
		pcre2_get_error_message(err, text, sizeof(text));
		fault_set(
		    f, ERR_INVALID, "pattern, offset %zu: %s", (size_t)at, (char *)text);
	}
	return code;
}

int
regex_new(struct regex **out, const char *pattern, struct fault *f)
{
	struct regex *re = xcalloc(1, sizeof(*re));

	if ((re->code = compile(pattern, f)) == NULL) {
		free(re);
		return ERR_INVALID;
	}
	re->data = pcre2_match_data_create_from_pattern(re->code, NULL);
	re->limits = pcre2_match_context_create(NULL);
	assert(re->data != NULL && re->limits != NULL);
	pcre2_set_match_limit(re->limits, REGEX_STEPS);
	pcre2_set_heap_limit(re->limits, REGEX_HEAP_KIB);
	*out = re;
	return 0;
}

void
regex_free(struct regex *re)
{
	if (re == NULL)
		return;
	pcre2_match_context_free(re->limits);
	pcre2_match_data_free(re->data);
	pcre2_code_free(re->code);
	free(re);
}

bool
regex_matches(const struct regex *re, struct span s)
{
	PCRE2_SPTR text = s.n == 0 ? (PCRE2_SPTR) "" : (PCRE2_SPTR)s.p;

	return pcre2_match(re->code, text, s.n, 0, 0, re->data, re->limits) >= 0;
}
