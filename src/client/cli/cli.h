/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line "sallyport": a table of commands, options that describe themselves,
 * and calls to the service that block.
 *
 *	command/commands.c   the table, global options, the dispatch
 *	cli_args.c           options, words and --help
 *	cli_call.c           settings and calls
 *	cli_print.c          messages and results
 *	command/             the commands; each is one function int cmd_x(struct cli *, argc, argv)
 *
 * Messages go to standard error as "sallyport: what: what to do next"; standard output
 * carries results alone.
 */
#pragma once

#include "client/aws/aws.h"
#include "codec/jsonw.h"

struct table;

/* Exit statuses.  connect and exec answer with the remote one (run.h). */
enum {
	CLI_GO = -1, /* not over yet */
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2, /* also: the name of a node fits several */
};

/* The statuses as --help tells them, for commands that have no others. */
#define CLI_EXITS CLI_EXITS_AFTER("done")
#define CLI_EXITS_AFTER(done)                             \
	"  0  " done "\n"                                 \
	"  1  it did not work; standard error says why\n" \
	"  2  the command line is wrong\n"

struct cli {
	struct aws_overrides over; /* global options */
	const char *output;
	bool json, no_color, verbose, help, version;
	const char *const *args; /* what cli_parse() left over */
	size_t nargs;
	struct ev_loop *loop; /* from cli_open() on; cli_close() frees all of it */
	struct aws_settings settings;
	struct aws_api *api;
};

/* --- options ---------------------------------------------------------------------- */

enum { CLI_LIST_MAX = 64 };
struct cli_list {
	const char *v[CLI_LIST_MAX];
	size_t n;
};

/* One option; exactly one of flag, text and list is set and receives it. */
struct cli_option {
	const char *name; /* long */
	char letter;      /* short; 0: none */
	const char *arg;  /* what its value is called; NULL for a flag */
	const char *help;
	bool *flag;
	const char **text;
	struct cli_list *list; /* may be given several times */
};

struct cli_usage {
	const char *command;
	const char *synopsis; /* what follows "sallyport <command> " */
	const char *what;     /* one paragraph */
	const char *examples; /* whole lines; may be NULL */
	const char *exits;    /* whole lines */
	const struct cli_option *options; /* CLI_OPTIONS() */
	size_t noptions;
	bool first_word_ends; /* the first word that is no option ends the options */
	/* At most one of them: */
	bool wordless;          /* takes options only */
	const char *one_word;   /* takes one word; what is missing without: "which node" */
	const char *some_words; /* takes one word or more; the same */
};
#define CLI_OPTIONS(list) .options = (list), .noptions = ARRAY_LEN(list)

/*
 * Reads the options of a command and the global ones, and counts its words.  CLI_GO: go on with
 * c->args; else the exit status (help was shown, or the mistake was explained).
 */
int cli_parse(struct cli *c, const struct cli_usage *u, int argc, char **argv) MUST_USE;
/* CLI_USAGE after "sallyport ls: ...: see sallyport ls --help". */
int cli_misused(const struct cli_usage *u, const char *fmt, ...) PRINTF(2, 3);

/* A command of several actions, "admin lock add": the next word names one. */
struct cli_action {
	const char *name; /* NULL ends a list */
	int (*run)(struct cli *c, int argc, char **argv); /* or else: */
	const struct cli_action *actions;
};
/* Reads the options before that word and runs the action; returns the exit status. */
int cli_act(struct cli *c, const struct cli_usage *u, const struct cli_action *actions,
    int argc, char **argv);

/* --- settings and calls -------------------------------------------------------------- */

/* Settings, credentials and the connection; says what is wrong. */
int cli_open(struct cli *c) MUST_USE;
/* The same without credentials, for doctor; quiet: fault instead of words. */
int cli_open_place(struct cli *c, struct fault *f) MUST_USE;
void cli_close(struct cli *c);

/* One operation of a JSON service, of AmazonSSM.  *out is the caller's; body is JSON. */
int cli_json(struct cli *c, enum aws_service service, const char *operation,
    struct span body, json_t **out, struct fault *f) MUST_USE;
int cli_ssm(struct cli *c, const char *operation, struct span body, json_t **out,
    struct fault *f) MUST_USE;
/* The same with an object of texts as its body; NULL values are left out. */
struct cli_field {
	const char *name, *value;
};
int cli_json_fields(struct cli *c, enum aws_service service, const char *operation,
    const struct cli_field *fields, size_t n, json_t **out, struct fault *f) MUST_USE;
/* An operation that answers in pages. */
struct cli_pages {
	enum aws_service service;
	const char *operation;
	const char *list; /* member of the answer, an array */
	/* Writes the members of the input but NextToken; NULL: there are none. */
	void (*input)(struct jsonw *w, const void *arg);
	const void *arg;
	size_t enough; /* stop asking when there are so many; 0: all */
};
/* Appends what stands in the lists of all pages to out. */
int cli_json_pages(
    struct cli *c, const struct cli_pages *p, json_t *out, struct fault *f) MUST_USE;
/* One Query operation; the XML of its answer. */
int cli_query(struct cli *c, const char *service, const char *form, struct buf *out,
    struct fault *f) MUST_USE;
/* GET without a signature: our server's own paths. */
struct cli_page {
	int status;
	struct buf body; /* the caller sets max and releases it */
	int64_t date_ms; /* of the Date header; 0: none */
};
int cli_get(
    struct cli *c, const char *path, struct cli_page *out, struct fault *f) MUST_USE;
/* The code of the service's error at the front of a fault of a call. */
bool cli_is_error(const struct fault *f, const char *code);

/* A moment as an option gives it; untouched without.  Says what is wrong with it. */
int cli_moment(struct cli *c, const char *option, const char *text, int64_t *ms) MUST_USE;

/* --- words ------------------------------------------------------------------------------ */

void cli_say(const char *fmt, ...) PRINTF(1, 2); /* "sallyport: ..." on standard error */
int cli_fail(const struct fault *f);             /* says it; CLI_FAILED */
/* May this stream (stdout, stderr) be coloured? */
bool cli_colour(const struct cli *c, FILE *stream);
void cli_print_json(const json_t *v); /* indented, on standard output */
/* An array of objects as JSON, or as a table with a row for each. */
struct cli_columns {
	const char *const *head;
	size_t n;
	/* Adds n cells. */
	void (*add_row)(struct table *t, const json_t *one, int64_t now_ms);
};
void cli_print_rows(const struct cli *c, const json_t *list, const struct cli_columns *k);
/* All of a list command behind its options: asks for the pages and prints them; exit status. */
int cli_print_pages(
    struct cli *c, const struct cli_pages *p, const struct cli_columns *k);
