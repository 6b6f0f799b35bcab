/* SPDX-License-Identifier: Apache-2.0 */
/* sallyport policy lint: what a policy does not do.  Reads a file and asks nobody. */
#include "client/command/commands.h"
#include "client/terminal/slurp.h"
#include "codec/json.h"
#include "codec/jsonw.h"
#include "policy/lint.h"

/* The words of --kind, by enum policy_kind. */
static const char *const kinds[] = {
	[POLICY_MANAGED] = "managed",
	[POLICY_INLINE] = "inline",
	[POLICY_SESSION] = "session",
	[POLICY_TRUST] = "trust",
};

/* The text of a policy may hold anything; a terminal gets no control characters of it. */
static void
print_plain(const char *s)
{
	for (; *s != '\0'; s++)
		putchar((unsigned char)*s < ' ' && *s != '\n' && *s != '\t' ? '?' : *s);
}

static void
print_text(const char *path, const struct policy_lint *lint)
{
	for (const struct policy_finding *f = lint->first; f != NULL; f = f->next) {
		printf("%s:%u:%u: %s: ", path, f->at.line, f->at.column, f->code);
		print_plain(f->text);
		putchar('\n');
	}
	if (lint->better == NULL)
		return;
	printf("\nWhat was probably meant:\n\n");
	print_plain(lint->better);
	putchar('\n');
}

/* The writer mends what a long sentence was cut in; jansson would refuse it. */
static void
print_findings_json(const struct policy_lint *lint)
{
	auto_buf out = { .max = 16 * POLICY_TEXT_MAX };
	auto_json *tree = NULL;
	struct jsonw w;

	jw_init(&w, &out);
	jw_open(&w, '{');
	jw_key(&w, "Findings");
	jw_open(&w, '[');
	for (const struct policy_finding *f = lint->first; f != NULL; f = f->next) {
		jw_open(&w, '{');
		jw_field_str(&w, "Code", f->code);
		jw_field_int(&w, "Line", f->at.line);
		jw_field_int(&w, "Column", f->at.column);
		jw_field_str(&w, "Text", f->text);
		jw_close(&w, '}');
	}
	jw_close(&w, ']');
	jw_field_opt(&w, "Better", lint->better);
	jw_close(&w, '}');
	if (buf_check(&out) == 0 && json_read(&tree, buf_span(&out), NULL) == 0)
		cli_print_json(tree);
}

static int
kind_of(const char *name, enum policy_kind *kind)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(name, kinds[i]) == 0) {
			*kind = (enum policy_kind)i;
			return 0;
		}
	return ERR_NOTFOUND;
}

static int
lint_file(struct cli *c, enum policy_kind kind, const char *path)
{
	auto_buf text = { .max = POLICY_TEXT_MAX };
	auto_arena mem = { 0 };
	struct policy_lint lint;
	struct fault f = { 0 };

	if (slurp_path(&text, path, &f) != 0)
		return cli_fail(&f);
	policy_lint(&lint, &mem, kind, buf_span(&text));
	if (c->json)
		print_findings_json(&lint);
	else
		print_text(path, &lint);
	return lint.first == NULL ? CLI_OK : CLI_FAILED;
}

int
cmd_policy(struct cli *c, int argc, char **argv)
{
	const char *kind_name = "managed";
	const struct cli_option options[] = {
		{ "kind", 0, "KIND", "managed (the default), inline, session or trust",
		    .text = &kind_name },
	};
	const struct cli_usage u = {
		.command = "policy",
		.synopsis = "lint [options] FILE",
		.what = "Says what an IAM policy does not do although it looks as if it "
			"did, and\n"
			"prints the policy that does, where there is one.  FILE may be "
			"-.  Needs no\n"
			"server.",
		.examples = "  sallyport policy lint policy.json\n"
			    "  sallyport policy lint --kind trust - < trust.json\n",
		.exits = "  0  nothing to say\n"
			 "  1  there are findings, or the file cannot be read\n"
			 "  2  the command line is wrong\n",
		CLI_OPTIONS(options),
	};
	enum policy_kind kind;
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (c->nargs == 0 || strcmp(c->args[0], "lint") != 0)
		return cli_misused(&u, "what to do: lint");
	if (c->nargs != 2)
		return cli_misused(&u, "which file");
	if (kind_of(kind_name, &kind) != 0)
		return cli_misused(&u, "there is no kind %s", kind_name);
	return lint_file(c, kind, c->args[1]);
}
