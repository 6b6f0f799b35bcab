/* SPDX-License-Identifier: Apache-2.0 */
/* Options and --help from one description; see cli.h. */
#include <getopt.h>
#include <stdarg.h>

#include "client/cli/cli.h"

enum { OPTIONS_MAX = 32, LONG_BASE = 256 };

/* The global options, which every command takes. */
enum { NGLOBAL = 8 };

static void
global_options(struct cli_option o[NGLOBAL], struct cli *c)
{
	const struct cli_option list[NGLOBAL] = {
		{ "profile", 0, "NAME", "profile of ~/.aws/config and credentials",
		    .text = &c->over.profile },
		{ "region", 0, "NAME", "region (AWS_REGION)", .text = &c->over.region },
		{ "endpoint-url", 0, "URL", "address of sallyportd (AWS_ENDPOINT_URL)",
		    .text = &c->over.endpoint },
		{ "ca-file", 0, "FILE",
		    "certificates to trust (SALLYPORT_CA_FILE, AWS_CA_BUNDLE)",
		    .text = &c->over.ca_file },
		{ "output", 0, "FORMAT", "text or json", .text = &c->output },
		{ "no-color", 0, NULL, "no colours, as with NO_COLOR set",
		    .flag = &c->no_color },
		{ "verbose", 0, NULL, "tell on standard error what happens",
		    .flag = &c->verbose },
		{ "help", 'h', NULL, "this text", .flag = &c->help },
	};

	memcpy(o, list, sizeof(list));
}

/* --- help -------------------------------------------------------------------------- */

static void
print_option(const struct cli_option *o)
{
	char left[64];

	snprintf(left, sizeof(left), "%s%c%s--%s%s%s", o->letter != 0 ? "-" : " ",
	    o->letter != 0 ? o->letter : ' ', o->letter != 0 ? ", " : "  ", o->name,
	    o->arg != NULL ? " " : "", o->arg != NULL ? o->arg : "");
	if (strlen(left) > 26)
		printf("  %s\n  %-26s  %s\n", left, "", o->help);
	else
		printf("  %-26s  %s\n", left, o->help);
}

static void
print_help(const struct cli_usage *u, const struct cli_option *global)
{
	printf("usage: sallyport %s%s%s\n\n%s\n", u->command,
	    u->command[0] != '\0' && u->synopsis[0] != '\0' ? " " : "", u->synopsis,
	    u->what);
	if (u->noptions > 0)
		printf("\noptions:\n");
	for (size_t i = 0; i < u->noptions; i++)
		print_option(&u->options[i]);
	printf("\nglobal options, before or after the command:\n");
	for (size_t i = 0; i < NGLOBAL; i++)
		print_option(&global[i]);
	if (u->examples != NULL)
		printf("\nexamples:\n%s", u->examples);
	printf("\nexit status:\n%s", u->exits);
}

int
cli_misused(const struct cli_usage *u, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "sallyport%s%s: ", u->command[0] != '\0' ? " " : "", u->command);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ": see sallyport%s%s --help\n", u->command[0] != '\0' ? " " : "",
	    u->command);
	return CLI_USAGE;
}

/* --- parsing ----------------------------------------------------------------------- */

/* What getopt_long() wants to know about a list of options. */
struct getopt_table {
	struct option longs[OPTIONS_MAX + 1];
	char shorts[2 * OPTIONS_MAX + 3];
	struct cli_option all[OPTIONS_MAX];
	size_t n;
};

static void
build_table(struct getopt_table *t, const struct cli_usage *u, struct cli *c)
{
	char *s = t->shorts;

	*t = (struct getopt_table){ .n = NGLOBAL + u->noptions };
	assert(t->n <= OPTIONS_MAX);
	global_options(t->all, c);
	if (u->noptions > 0)
		memcpy(t->all + NGLOBAL, u->options, u->noptions * sizeof(*t->all));
	if (u->first_word_ends)
		*s++ = '+';
	*s++ = ':';
	for (size_t i = 0; i < t->n; i++) {
		t->longs[i] = (struct option){ .name = t->all[i].name,
			.has_arg =
			    t->all[i].arg != NULL ? required_argument : no_argument,
			.val = LONG_BASE + (int)i };
		if (t->all[i].letter == 0)
			continue;
		*s++ = t->all[i].letter;
		if (t->all[i].arg != NULL)
			*s++ = ':';
	}
}

static const struct cli_option *
find_option(const struct getopt_table *t, int got)
{
	if (got >= LONG_BASE)
		return &t->all[got - LONG_BASE];
	for (size_t i = 0; i < t->n; i++)
		if (t->all[i].letter != 0 && t->all[i].letter == got)
			return &t->all[i];
	return NULL;
}

static int
take(const struct cli_usage *u, const struct cli_option *o, const char *value)
{
	if (o->flag != NULL) {
		*o->flag = true;
	} else if (o->text != NULL) {
		*o->text = value;
	} else if (o->list->n == CLI_LIST_MAX) {
		return cli_misused(u, "--%s more than %d times", o->name, CLI_LIST_MAX);
	} else {
		o->list->v[o->list->n++] = value;
	}
	return CLI_GO;
}

static int
check_global(struct cli *c, const struct cli_usage *u, const struct cli_option *all)
{
	if (c->help) {
		print_help(u, all);
		return CLI_OK;
	}
	if (c->output != NULL && strcmp(c->output, "json") != 0 &&
	    strcmp(c->output, "text") != 0)
		return cli_misused(u, "--output is text or json, not %s", c->output);
	c->json = c->output != NULL && strcmp(c->output, "json") == 0;
	return CLI_GO;
}

static int
check_words(const struct cli *c, const struct cli_usage *u)
{
	if (u->wordless && c->nargs > 0)
		return cli_misused(u, "%s is one word too many", c->args[0]);
	if (u->one_word != NULL && c->nargs != 1)
		return cli_misused(u, "%s", u->one_word);
	if (u->some_words != NULL && c->nargs == 0)
		return cli_misused(u, "%s", u->some_words);
	return CLI_GO;
}

int
cli_parse(struct cli *c, const struct cli_usage *u, int argc, char **argv)
{
	struct getopt_table t;
	const char *word;
	int got, r;

	build_table(&t, u, c);
	optind = 0; /* GNU: start afresh */
	opterr = 0;
	for (;;) {
		word = optind > 0 && optind < argc ? argv[optind] : "";
		got = getopt_long(argc, argv, t.shorts, t.longs, NULL);
		if (got == -1)
			break;
		if (got == ':')
			return cli_misused(u, "%s wants a value", argv[optind - 1]);
		if (got == '?' && optopt != 0 && optopt < LONG_BASE)
			return cli_misused(u, "unknown option -%c", optopt);
		if (got == '?')
			return cli_misused(
			    u, "unknown option %s", optind > 0 ? argv[optind - 1] : word);
		if ((r = take(u, find_option(&t, got), optarg)) != CLI_GO)
			return r;
	}
	c->args = (const char *const *)(argv + optind);
	c->nargs = (size_t)(argc - optind);
	if ((r = check_global(c, u, t.all)) != CLI_GO)
		return r;
	return check_words(c, u);
}

/* --- actions ----------------------------------------------------------------------- */

/* argv[0] names one of the actions; before: the word before it. */
static int
act(struct cli *c, const struct cli_usage *u, const char *before,
    const struct cli_action *actions, int argc, char **argv)
{
	auto_buf names = { .max = 1024 };

	for (const struct cli_action *a = actions; a->name != NULL; a++) {
		if (argc > 0 && strcmp(a->name, argv[0]) == 0)
			return a->run != NULL
			    ? a->run(c, argc, argv)
			    : act(c, u, a->name, a->actions, argc - 1, argv + 1);
		buf_addf(&names, "%s%s",
		    a == actions            ? ""
			: a[1].name == NULL ? " or "
					    : ", ",
		    a->name);
	}
	if (argc == 0)
		return cli_misused(u, "%s goes on with %s", before, buf_cstr(&names));
	return cli_misused(
	    u, "there is no %s %s: it is %s", before, argv[0], buf_cstr(&names));
}

int
cli_act(struct cli *c, const struct cli_usage *u, const struct cli_action *actions,
    int argc, char **argv)
{
	int r;

	if ((r = cli_parse(c, u, argc, argv)) != CLI_GO)
		return r;
	return act(c, u, u->command, actions, (int)c->nargs,
	    argv + (c->args - (const char *const *)argv));
}
