/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is "json|query|ec2 OPERATION", a line feed, and a body for it: JSON or a form.
 *
 * Properties: whatever the body is, reading and checking it ends; what passed both passes
 * them again unchanged; a refusal has its words, at most ten violations, and is UTF-8.
 */
#include "fuzz/fuzz.h"

#include "base/text.h"
#include "server/api/op.h"

static struct op_table table;

/* Any operation of that name; all names differ. */
static const struct shape *
find_shape(struct span name)
{
	for (size_t i = 0; i < table.n; i++) {
		if (span_eq_str(name, table.entries[i].op->name))
			return table.entries[i].input;
	}
	return table.entries[name.n % table.n].input;
}

static json_t *
read_body(const struct shape *s, struct span how, struct span body, struct arena *mem)
{
	struct fault f = { 0 };
	struct query q;
	json_t *in = NULL;

	if (span_eq_str(how, "query") || span_eq_str(how, "ec2")) {
		enum shape_form form =
		    span_eq_str(how, "ec2") ? SHAPE_FORM_EC2 : SHAPE_FORM_QUERY;

		if (query_parse(&q, mem, body) != 0)
			return NULL;
		if (shape_from_form(&in, s, form, &q, &f) != 0)
			PROPERTY(
			    "a form that was refused has a reason", f.text[0] != '\0');
		return in;
	}
	if (json_read(&in, body, &f) != 0)
		return NULL;
	if (shape_clean(s, in, &f) != 0) {
		PROPERTY("a type that was refused has a reason", f.text[0] != '\0');
		json_decref(in);
		return NULL;
	}
	return in;
}

static void
check_message(const char *message)
{
	long n = strtol(message, NULL, 10);

	PROPERTY("one to ten violations", n >= 1 && n <= SHAPE_VIOLATIONS_MAX);
	PROPERTY("the message is UTF-8", utf8_valid(span_str(message)));
	PROPERTY(
	    "the message has its beginning", strstr(message, " detected: Value") != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_of(data, size), how, name;
	const struct shape *s;
	auto_json *in = NULL;
	auto_arena mem;
	char *message;

	arena_init(&mem);
	if (table.n == 0)
		PROPERTY("the table is good", op_table_init(&table, NULL) == 0);
	if (!span_cut(&rest, '\n', &name))
		return 0;
	span_cut(&name, ' ', &how);
	s = find_shape(name);
	if ((in = read_body(s, how, rest, &mem)) == NULL)
		return 0;
	if (shape_check(s, in, SHAPE_FULL, &mem, &message) != 0) {
		check_message(message);
		return 0;
	}
	auto_json *again = json_deep_copy(in);

	PROPERTY("types hold the second time", shape_clean(s, again, NULL) == 0);
	PROPERTY("nothing changes the second time", json_equal(in, again));
	PROPERTY("constraints hold the second time",
	    shape_check(s, again, SHAPE_FULL, &mem, &message) == 0);
	return 0;
}
