/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/policy/naive.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <strings.h>
#include <time.h>

/* --- text with wildcards and variables ---------------------------------------------------- */

enum { TOKENS_MAX = 512 };

struct token {
	char c;
	char wild;   /* 0, '*', '?' */
	bool inside; /* matches no colon */
};

struct tokens {
	struct token list[TOKENS_MAX];
	int n, colons;
};

enum mode { EXACT, LIKE, ARN, RESOURCE };

static int
values_of(const struct pair *context, const char *key, const char **values)
{
	int n = 0;

	for (int i = 0; context[i].key != NULL; i++)
		if (strcasecmp(context[i].key, key) == 0)
			values[n++] = context[i].value;
	return n;
}

static void
push(struct tokens *t, char c, char wild, bool inside)
{
	assert_true(t->n < TOKENS_MAX);
	t->list[t->n++] = (struct token){ c, wild, inside };
}

static void
push_literal(struct tokens *t, enum mode mode, char c)
{
	push(t, c, 0, false);
	if (mode >= ARN && c == ':')
		t->colons++;
}

/* "key" or "key, 'default'": false when the request has no single value for it. */
static bool
push_variable(
    struct tokens *t, enum mode mode, const char *name, const struct pair *context)
{
	char key[64], fallback[64] = "";
	const char *values[16], *text = fallback;
	int n, parts = sscanf(name, " %63[^,}] , '%63[^'}]", key, fallback);

	if ((n = values_of(context, key, values)) > 1)
		return false;
	if (n == 1)
		text = values[0];
	else if (parts < 2 && strchr(name, ',') == NULL)
		return false;
	if (mode >= ARN && t->colons < 5 && strchr(text, ':') != NULL)
		return false;
	for (; *text != '\0'; text++)
		push(t, *text, 0, false);
	return true;
}

/* False: a variable has no value. */
static bool
expand(struct tokens *t, const char *s, enum mode mode, bool variables,
    const struct pair *context)
{
	*t = (struct tokens){ 0 };
	for (; *s != '\0'; s++) {
		bool inside = mode >= ARN && t->colons < 5;

		if (mode != EXACT && *s == '*')
			push(t, 0, '*',
			    inside &&
				!(mode == RESOURCE && (s[1] == ':' || s[1] == '\0')));
		else if (mode != EXACT && *s == '?')
			push(t, 0, '?', inside);
		else if (variables && s[0] == '$' && s[1] == '{') {
			const char *end = strchr(s, '}');
			char name[128];

			snprintf(name, sizeof(name), "%.*s", (int)(end - s - 2), s + 2);
			if (strlen(name) == 1 && strchr("*?$", name[0]) != NULL)
				push_literal(t, mode, name[0]);
			else if (!push_variable(t, mode, name, context))
				return false;
			s = end;
		} else
			push_literal(t, mode, *s);
	}
	for (; mode >= ARN && t->colons < 5;) {
		push_literal(t, mode, ':');
		push(t, 0, '*', mode == ARN && t->colons < 5);
	}
	return true;
}

static bool
match_from(const struct tokens *t, int i, const char *s, bool fold)
{
	if (i == t->n)
		return *s == '\0';
	switch (t->list[i].wild) {
	case '*':
		if (match_from(t, i + 1, s, fold))
			return true;
		return *s != '\0' && !(t->list[i].inside && *s == ':') &&
		    match_from(t, i, s + 1, fold);
	case '?':
		return *s != '\0' && !(t->list[i].inside && *s == ':') &&
		    match_from(t, i + 1, s + 1, fold);
	default:
		if (fold ? tolower(*s) != tolower(t->list[i].c) : *s != t->list[i].c)
			return false;
		return *s != '\0' && match_from(t, i + 1, s + 1, fold);
	}
}

static bool
text_matches(const char *pattern, enum mode mode, bool variables,
    const struct pair *context, const char *s, bool fold)
{
	static struct tokens t;

	if (mode == RESOURCE && strcmp(pattern, "*") == 0)
		return true;
	return expand(&t, pattern, mode, variables, context) &&
	    match_from(&t, 0, s, fold);
}

/* --- other values ------------------------------------------------------------------- */

enum answer { NO, YES, UNREADABLE };

static bool
number(const char *s, double *out)
{
	const char *p = s + (*s == '-' || *s == '+');
	size_t whole = strspn(p, "0123456789"), rest = 0;

	if (p[whole] == '.')
		rest = strspn(p + whole + 1, "0123456789");
	*out = strtod(s, NULL);
	return whole > 0 && p[whole + (rest > 0 ? rest + 1 : 0)] == '\0';
}

/* The forms that the tests use. */
static bool
date(const char *s, double *out)
{
	struct tm tm = { .tm_mday = 1 };
	char z;

	if (*s != '\0' && s[strspn(s, "0123456789")] == '\0') {
		*out = strtod(s, NULL);
		return true;
	}
	if (*s == '-' && s[1] != '\0' && s[1 + strspn(s + 1, "0123456789")] == '\0') {
		*out = -1e300; /* a year before the first */
		return true;
	}
	if (!(strlen(s) == 20 &&
		sscanf(s, "%4d-%2d-%2dT%2d:%2d:%2d%c", &tm.tm_year, &tm.tm_mon,
		    &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &z) == 7 &&
		z == 'Z') &&
	    !(strlen(s) == 10 &&
		sscanf(s, "%4d-%2d-%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday) == 3) &&
	    !(strlen(s) == 7 && sscanf(s, "%4d-%2d", &tm.tm_year, &tm.tm_mon) == 2))
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*out = (double)timegm(&tm);
	return true;
}

static bool
truth(const char *s, double *out)
{
	*out = strcasecmp(s, "true") == 0;
	return *out != 0 || strcasecmp(s, "false") == 0;
}

/* The address as text of ones and zeros. */
static bool
address(const char *s, char bits[129], int *length)
{
	char addr[64] = "";
	unsigned char raw[16];
	int slash = -1, family;

	sscanf(s, "%63[^/]/%d", addr, &slash);
	family = strchr(addr, ':') != NULL ? AF_INET6 : AF_INET;
	if (inet_pton(family, addr, raw) != 1)
		return false;
	*length = family == AF_INET6 ? 128 : 32;
	for (int i = 0; i < *length; i++)
		bits[i] = (raw[i / 8] & 0x80 >> i % 8) != 0 ? '1' : '0';
	bits[*length] = '\0';
	if (strchr(s, '/') == NULL)
		return true;
	if (slash < 0 || slash > *length)
		return false;
	bits[slash] = '\0';
	return true;
}

static enum answer
ip_matches(const char *net, const char *addr)
{
	char a[129], b[129];
	int la, lb;

	if (!address(net, a, &la) || !address(addr, b, &lb) || strchr(addr, '/') != NULL)
		return UNREADABLE;
	return la == lb && strncmp(a, b, strlen(a)) == 0 ? YES : NO;
}

static enum answer
bytes_match(const char *want, const char *got)
{
	static const char set[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

	if (strlen(want) % 4 != 0 || want[strspn(want, set)] != '\0')
		return UNREADABLE;
	return strcmp(want, got) == 0 ? YES : NO;
}

/* "Equals", "NotEquals", "LessThan", ... */
static enum answer
compare(const char *how, double got, double want)
{
	if (strcmp(how, "LessThan") == 0)
		return got < want ? YES : NO;
	if (strcmp(how, "LessThanEquals") == 0)
		return got <= want ? YES : NO;
	if (strcmp(how, "GreaterThan") == 0)
		return got > want ? YES : NO;
	if (strcmp(how, "GreaterThanEquals") == 0)
		return got >= want ? YES : NO;
	return got == want ? YES : NO;
}

static enum answer
ordered(const char *how, const char *want, const char *got,
    bool (*read)(const char *, double *))
{
	double a, b;

	if (!read(want, &a) || !read(got, &b))
		return UNREADABLE;
	return compare(how, b, a);
}

/* One value of the policy and one of the request; op without "Not". */
static enum answer
value_matches(const char *op, const char *want, const char *got, bool variables,
    const struct pair *context)
{
	if (strncmp(op, "String", 6) == 0)
		return text_matches(want, strcmp(op, "StringLike") == 0 ? LIKE : EXACT,
			   variables, context, got,
			   strcmp(op, "StringEqualsIgnoreCase") == 0)
		    ? YES
		    : NO;
	if (strncmp(op, "Arn", 3) == 0)
		return text_matches(want, ARN, variables, context, got, false) ? YES : NO;
	if (strncmp(op, "Numeric", 7) == 0)
		return ordered(op + 7, want, got, number);
	if (strncmp(op, "Date", 4) == 0)
		return ordered(op + 4, want, got, date);
	if (strcmp(op, "Bool") == 0)
		return ordered("Equals", want, got, truth);
	if (strcmp(op, "BinaryEquals") == 0)
		return bytes_match(want, got);
	return ip_matches(want, got);
}

/* --- conditions ------------------------------------------------------------------- */

static const json_t *
item(const json_t *v, size_t i)
{
	return json_is_array(v) ? json_array_get(v, i) : v;
}

static size_t
items(const json_t *v)
{
	return json_is_array(v) ? json_array_size(v) : 1;
}

static bool
one_value_holds(const char *op, bool negated, const json_t *values, const char *got,
    bool variables, const struct pair *context)
{
	int yes = 0, no = 0;

	for (size_t i = 0; i < items(values); i++) {
		enum answer a = value_matches(
		    op, json_string_value(item(values, i)), got, variables, context);

		yes += a == YES;
		no += a == NO;
	}
	return negated ? no == (int)items(values) : yes > 0;
}

/* Takes "Not" out of an operator's name. */
static bool
without_not(char *op)
{
	char *not = strstr(op, "Not");

	if (not == NULL)
		return false;
	memmove(not, not +3, strlen(not +3) + 1);
	return true;
}

static bool
condition_is_true(const char *name, const char *key, const json_t *values, bool variables,
    const struct pair *context)
{
	const char *got[16];
	int n = values_of(context, key, got), held = 0, filled = 0;
	bool any = strncmp(name, "ForAnyValue:", 12) == 0;
	bool all = strncmp(name, "ForAllValues:", 13) == 0;
	bool if_exists, negated;
	char op[64];

	snprintf(op, sizeof(op), "%s", name + (any ? 12 : all ? 13 : 0));
	if_exists = strlen(op) > 8 && strcmp(op + strlen(op) - 8, "IfExists") == 0;
	if (if_exists)
		op[strlen(op) - 8] = '\0';
	if (strcmp(op, "Null") == 0) {
		for (size_t i = 0; i < items(values); i++)
			if (strcasecmp(json_string_value(item(values, i)),
				n == 0 ? "true" : "false") == 0)
				return true;
		return false;
	}
	negated = without_not(op);
	if (n == 0)
		return if_exists || all || (negated && !any);
	for (int i = 0; i < n; i++) {
		held += one_value_holds(op, negated, values, got[i], variables, context);
		filled += got[i][0] != '\0';
	}
	if ((any || all) && filled == 0)
		return all;
	return all || (negated && !any) ? held == n : held > 0;
}

static bool
conditions_are_true(const json_t *c, bool variables, const struct pair *context)
{
	const char *op, *key;
	json_t *keys, *values;

	json_object_foreach((json_t *)c, op, keys)
	{
		json_object_foreach(keys, key, values)
		{
			if (!condition_is_true(op, key, values, variables, context))
				return false;
		}
	}
	return true;
}

/* --- statements ------------------------------------------------------------------- */

static bool
resolvable(const json_t *list, bool variables, const struct pair *context)
{
	static struct tokens t;

	for (size_t i = 0; i < items(list); i++)
		if (!expand(&t, json_string_value(item(list, i)), RESOURCE, variables,
			context))
			return false;
	return true;
}

static bool
any_of(const json_t *list, enum mode mode, bool variables, const struct pair *context,
    const char *s)
{
	for (size_t i = 0; i < items(list); i++)
		if (text_matches(json_string_value(item(list, i)), mode, variables,
			context, s, mode == LIKE))
			return true;
	return false;
}

static bool
statement_applies(const json_t *s, bool variables, const char *action,
    const char *resource, const struct pair *context)
{
	const json_t *a = json_object_get(s, "Action"),
		     *r = json_object_get(s, "Resource");
	const json_t *not_a = json_object_get(s, "NotAction"),
		     *not_r = json_object_get(s, "NotResource");

	if (a != NULL && !any_of(a, LIKE, false, context, action))
		return false;
	if (not_a != NULL && any_of(not_a, LIKE, false, context, action))
		return false;
	if (r != NULL && !any_of(r, RESOURCE, variables, context, resource))
		return false;
	if (not_r != NULL && !resolvable(not_r, variables, context)) {
		if (strcmp(json_string_value(json_object_get(s, "Effect")), "Allow") == 0)
			return false;
		return conditions_are_true(
		    json_object_get(s, "Condition"), variables, context);
	}
	if (not_r != NULL && any_of(not_r, RESOURCE, variables, context, resource))
		return false;
	return conditions_are_true(json_object_get(s, "Condition"), variables, context);
}

static bool
says(const json_t *policy, const char *effect, const char *action, const char *resource,
    const struct pair *context)
{
	const json_t *list = json_object_get(policy, "Statement");
	const char *version = json_string_value(json_object_get(policy, "Version"));
	bool variables = version != NULL && strcmp(version, "2012-10-17") == 0;

	for (size_t i = 0; i < items(list); i++) {
		const json_t *s = item(list, i);

		if (strcmp(json_string_value(json_object_get(s, "Effect")), effect) ==
			0 &&
		    statement_applies(s, variables, action, resource, context))
			return true;
	}
	return false;
}

enum policy_decision
naive_decide(const struct naive_set *set, const char *action, const char *resource,
    const struct pair *context)
{
	const json_t *layers[] = { set->identity, set->boundary, set->session };

	for (size_t i = 0; i < ARRAY_LEN(layers); i++)
		if (layers[i] != NULL &&
		    says(layers[i], "Deny", action, resource, context))
			return POLICY_EXPLICIT_DENY;
	for (size_t i = 0; i < ARRAY_LEN(layers); i++)
		if (layers[i] == NULL
			? i == 0
			: !says(layers[i], "Allow", action, resource, context))
			return POLICY_IMPLICIT_DENY;
	return POLICY_ALLOWED;
}
