/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line "sallyport": a table of commands, options that describe themselves,
 * and calls to the service that block.
 *
 *	command/commands.c   the table, global options, the dispatch
 *	cli_args.c           options and --help
 *	cli_call.c           settings, calls, messages
 *	command/             the commands; each is one function int cmd_x(struct cli *, argc, argv)
 *
 * Messages go to standard error as "sallyport: what: what to do next"; standard output
 * carries results alone.
 */
#pragma once

#include "client/aws/aws.h"

/* Exit statuses.  connect and exec answer with the remote one (run.h). */
enum {
	CLI_GO = -1, /* not over yet */
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2, /* also: the name of a node fits several */
};

/* The statuses as --help tells them, for commands that have no others. */
#define CLI_EXITS                                         \
	"  0  done\n"                                     \
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

struct cli_command {
	const char *name;
	const char *help; /* one line */
	int (*run)(struct cli *c, int argc, char **argv);
};
extern const struct cli_command cli_commands[];
extern const size_t cli_commands_len;

int cli_main(int argc, char **argv);

/*
 * A command of several actions, "admin lock add": runs the one that argv[0] names.  what: what
 * goes before it, for the message when there is none of that name.
 */
struct cli_action {
	const char *name; /* NULL ends a list */
	int (*run)(struct cli *c, int argc, char **argv);
};
struct cli_usage;
int cli_act(struct cli *c, const struct cli_usage *u, const char *what,
    const struct cli_action *actions, int argc, char **argv);

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
	const struct cli_option *options;
	size_t noptions;
	bool first_word_ends; /* the first word that is no option ends the options */
	bool wordless;        /* takes options only */
};

/*
 * Reads the options of a command and the global ones.  CLI_GO: go on with c->args;
 * else the exit status (help was shown, or the mistake was explained).
 */
int cli_parse(struct cli *c, const struct cli_usage *u, int argc, char **argv) MUST_USE;
/* CLI_USAGE after "sallyport ls: ...: see sallyport ls --help". */
int cli_misused(const struct cli_usage *u, const char *fmt, ...) PRINTF(2, 3);

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
/* Writes the body of a page; token is NULL for the first. */
typedef void cli_page_body(struct buf *out, const void *arg, const char *token);
/*
 * An operation that answers in pages: appends what stands in their member "list" to out,
 * until there is no more or out holds "enough" (0: all).
 */
int cli_ssm_pages(struct cli *c, const char *operation, const char *list,
    cli_page_body *body, const void *arg, size_t enough, json_t *out,
    struct fault *f) MUST_USE;
int cli_json_pages(struct cli *c, enum aws_service service, const char *operation,
    const char *list, cli_page_body *body, const void *arg, size_t enough, json_t *out,
    struct fault *f) MUST_USE;
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

/* --- words ------------------------------------------------------------------------------ */

void cli_say(const char *fmt, ...) PRINTF(1, 2); /* "sallyport: ..." on standard error */
int cli_fail(const struct fault *f);             /* says it; CLI_FAILED */
/* May this stream (stdout, stderr) be coloured? */
bool cli_colour(const struct cli *c, FILE *stream);
void cli_print_json(const json_t *v); /* indented, on standard output */
