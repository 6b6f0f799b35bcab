/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outside of a policy document: its size, its elements, its statements.
 */
#include "policy/parse_int.h"

#include <stdarg.h>

/* AWS's quotas, in characters that are not blank. */
static const struct {
	size_t max;
	const char *quota;
} size_limits[] = {
	[POLICY_MANAGED] = { 6144, "PolicySize" },
	[POLICY_INLINE] = { 10240, "PolicySize" },
	[POLICY_SESSION] = { 2048, "PolicySize" },
	[POLICY_TRUST] = { 2048, "ACLSizePerRole" },
};

void
complain(struct parser *ps, enum complaint_rank rank, const struct tree_node *at,
    const char *why, const char *sentence, ...)
{
	struct policy_flaw *f = ps->flaw;
	auto_buf path = { .max = sizeof(f->path) - 1 };
	va_list ap;

	if (rank >= ps->rank)
		return;
	ps->rank = rank;
	*f = (struct policy_flaw){ .code = ERR_INVALID, .at = at->begin };
	va_start(ap, sentence);
	vsnprintf(f->message, sizeof(f->message), sentence, ap);
	va_end(ap);
	snprintf(f->why, sizeof(f->why), "%s", why != NULL ? why : "");
	node_path(&path, at);
	if (buf_check(&path) == 0)
		snprintf(f->path, sizeof(f->path), "%s", buf_cstr(&path));
}

void
complain_syntax(struct parser *ps, const struct tree_node *at, const char *why)
{
	complain(ps, RANK_SYNTAX, at, why, "Syntax errors in policy.");
}

const struct tree_node *
items_first(const struct tree_node *v)
{
	return v->kind == NODE_ARRAY ? v->first : v;
}

const struct tree_node *
items_next(const struct tree_node *v, const struct tree_node *item)
{
	return v->kind == NODE_ARRAY ? item->next : NULL;
}

size_t
items_count(const struct tree_node *v)
{
	size_t n = 0;

	for (const struct tree_node *i = items_first(v); i != NULL; i = items_next(v, i))
		n++;
	return n;
}

bool
items_are_strings(struct parser *ps, const struct tree_node *v)
{
	for (const struct tree_node *i = items_first(v); i != NULL; i = items_next(v, i))
		if (i->kind != NODE_STRING) {
			complain_syntax(
			    ps, i, "a string, or a list of strings, is wanted");
			return false;
		}
	return true;
}

static void
parse_version(struct parser *ps, const struct tree_node *top, const struct tree_node *v)
{
	static const char sentence[] =
	    "Policy document must be version 2012-10-17 or greater.";

	if (v != NULL &&
	    (v->kind != NODE_STRING ||
		(!span_eq_str(v->text, "2012-10-17") &&
		    !span_eq_str(v->text, "2008-10-17")))) {
		complain_syntax(ps, v, "the Version is 2012-10-17, or 2008-10-17");
		return;
	}
	ps->variables = v != NULL && span_eq_str(v->text, "2012-10-17");
	if (ps->p->kind == POLICY_MANAGED && !ps->variables)
		complain(ps, RANK_VERSION, v != NULL ? v : top, NULL, "%s", sentence);
}

/* Behind the bracket at this place. */
static struct policy_place
behind(struct policy_place at)
{
	return (struct policy_place){ at.line, at.column + 1, at.offset + 1 };
}

static void
parse_statements(struct parser *ps, const struct tree_node *v)
{
	struct policy *p = ps->p;
	const struct tree_node *item;

	p->nstatements = items_count(v);
	p->statements = arena_alloc(&p->mem, p->nstatements * sizeof(*p->statements));
	if (p->nstatements == 0)
		complain_syntax(ps, v, "there is no statement");
	item = items_first(v);
	for (size_t i = 0; i < p->nstatements; i++) {
		parse_statement(ps, &p->statements[i], item);
		p->statements[i].from = i > 0 ? p->statements[i - 1].end : behind(v->begin);
		item = items_next(v, item);
	}
}

static void
check_sids(struct parser *ps, const struct tree_node *v)
{
	const struct statement *s = ps->p->statements;
	const struct tree_node *item = items_first(v);

	for (size_t i = 0; i < ps->p->nstatements; i++, item = items_next(v, item))
		for (size_t j = 0; j < i && s[i].sid.n > 0; j++)
			if (span_eq(s[i].sid, s[j].sid))
				complain(ps, RANK_SID, node_get(item, "Sid"), NULL,
				    "Statement IDs (SID) in a single policy must be "
				    "unique.");
}

static void
parse_document(struct parser *ps, const struct tree_node *top)
{
	const struct tree_node *statements = node_get(top, "Statement");
	const struct tree_node *id = node_get(top, "Id");

	if (top->kind != NODE_OBJECT) {
		complain_syntax(ps, top, "a policy is a JSON object");
		return;
	}
	if (statements == NULL && node_get(top, "Effect") != NULL)
		complain_syntax(ps, top,
		    "this is a statement, not a policy: it belongs into the list "
		    "\"Statement\" of an object that also has a \"Version\"");
	for (const struct tree_node *n = top->first; n != NULL; n = n->next)
		if (!span_eq_str(n->name, "Version") && !span_eq_str(n->name, "Id") &&
		    !span_eq_str(n->name, "Statement"))
			complain_syntax(ps, n, "a policy has no such element");
	parse_version(ps, top, node_get(top, "Version"));
	if (id != NULL && id->kind != NODE_STRING)
		complain_syntax(ps, id, "the Id is a string");
	else if (id != NULL)
		ps->p->id = arena_copy(&ps->p->mem, id->text);
	if (statements == NULL) {
		complain_syntax(ps, top, "the element \"Statement\" is missing");
		return;
	}
	parse_statements(ps, statements);
	check_sids(ps, statements);
}

/* "JSON line 3, column 5: ..." of codec/json as a place and a reason. */
static void
place_of_fault(struct policy_flaw *flaw, const struct fault *f)
{
	unsigned line, column;
	int head = 0;

	flaw->at = (struct policy_place){ 1, 1, 0 };
	if (sscanf(f->text, "JSON line %u, column %u: %n", &line, &column, &head) == 2)
		flaw->at = (struct policy_place){ MAX(line, 1U), MAX(column, 1U), 0 };
	snprintf(flaw->why, sizeof(flaw->why), "%s", fault_text(f) + head);
}

static int
check_size(enum policy_kind kind, struct span text, struct policy_flaw *flaw)
{
	if (text.n <= POLICY_TEXT_MAX && policy_size(text) <= size_limits[kind].max)
		return 0;
	snprintf(flaw->message, sizeof(flaw->message), "Cannot exceed quota for %s: %zu",
	    size_limits[kind].quota, size_limits[kind].max);
	return flaw->code = ERR_LIMIT;
}

static void
parse_text(struct parser *ps, struct span text)
{
	struct fault f = { 0 };
	struct tree_node *top;

	if (tree_read(&top, &ps->scratch, text, &f) == 0) {
		parse_document(ps, top);
		return;
	}
	ps->rank = RANK_SYNTAX;
	ps->flaw->code = ERR_INVALID;
	snprintf(ps->flaw->message, sizeof(ps->flaw->message), "%s",
	    ps->p->kind == POLICY_TRUST ? "This policy contains invalid Json"
					: "Syntax errors in policy.");
	place_of_fault(ps->flaw, &f);
}

int
policy_parse(struct policy **out, enum policy_kind kind, struct span text,
    struct policy_flaw *flaw)
{
	struct parser ps = { .rank = RANK_NONE, .flaw = flaw };
	auto_policy *p = xcalloc(1, sizeof(*p));

	*out = NULL;
	*flaw = (struct policy_flaw){ .at = { 1, 1, 0 } };
	p->kind = kind;
	ps.p = p;
	if (check_size(kind, text, flaw) != 0)
		return flaw->code;
	parse_text(&ps, text);
	arena_fini(&ps.scratch);
	if (ps.rank != RANK_NONE)
		return flaw->code;
	*out = STEAL(p);
	return 0;
}

void
policy_free(struct policy *p)
{
	if (p == NULL)
		return;
	arena_fini(&p->mem);
	free(p);
}

char *
policy_flaw_text(struct arena *mem, const struct policy_flaw *f)
{
	if (f->code == ERR_LIMIT)
		return arena_strdup(mem, f->message);
	return arena_printf(mem, "%s%s Line %u, column %u%s%s%s%s", f->message,
	    f->message[0] != '\0' &&
		    strchr(".!", f->message[strlen(f->message) - 1]) == NULL
		? "."
		: "",
	    f->at.line, f->at.column, f->path[0] != '\0' ? ", " : "", f->path,
	    f->why[0] != '\0' ? ": " : "", f->why);
}

size_t
policy_size(struct span text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];

		/* Characters: the first byte of each counts. */
		if (c != ' ' && (c < '\t' || c > '\r') && (c & 0xc0) != 0x80)
			n++;
	}
	return n;
}

/* --- looking at a compiled policy -------------------------------------------------------- */

size_t
policy_statements(const struct policy *p)
{
	return p->nstatements;
}

struct policy_statement
policy_statement_get(const struct policy *p, size_t i)
{
	const struct statement *s = &p->statements[i];

	assert(i < p->nstatements);
	return (struct policy_statement){ s->sid, s->deny, s->begin, s->end, s->from };
}

struct span
policy_document_id(const struct policy *p)
{
	return p->id;
}

static void
template_keys(const struct template *t, policy_key_cb *cb, void *arg)
{
	for (size_t i = 0; i < t->nparts; i++)
		if (t->parts[i].kind == PART_VARIABLE)
			cb(arg, t->parts[i].text);
}

static void
condition_keys(const struct condition *c, policy_key_cb *cb, void *arg)
{
	cb(arg, c->key);
	for (size_t i = 0; i < c->nvalues; i++)
		if (c->op->class == OPERATOR_STRING || c->op->class == OPERATOR_ARN)
			template_keys(&c->values[i].text, cb, arg);
}

void
policy_keys(const struct policy *p, policy_key_cb *cb, void *arg)
{
	for (size_t i = 0; i < p->nstatements; i++) {
		const struct statement *s = &p->statements[i];

		for (size_t j = 0; j < s->resources.n; j++)
			template_keys(&s->resources.list[j], cb, arg);
		for (size_t j = 0; j < s->nconditions; j++)
			condition_keys(&s->conditions[j], cb, arg);
	}
}
