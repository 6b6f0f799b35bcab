/* SPDX-License-Identifier: Apache-2.0 */
/* sallyport connect and sallyport exec: start-session and the session in one. */
#include "client/command/commands.h"
#include "client/command/nodes.h"
#include "client/run/run.h"
#include "client/run/start.h"
#include "client/terminal/quote.h"
#include "codec/json.h"

enum { COMMAND_MAX = 65535 }; /* AWS: of a parameter's value */

/* --- connect ----------------------------------------------------------------------- */

/* "k=v" into the object; the same key again adds to its list. */
static int
add_parameter(const struct cli_usage *u, json_t *parameters, const char *text)
{
	const char *eq = strchr(text, '=');
	auto_free char *key = NULL;
	json_t *list;

	if (eq == NULL || eq == text)
		return cli_misused(u, "--parameters %s is not KEY=VALUE", text);
	key = xstrndup(text, (size_t)(eq - text));
	if ((list = json_object_get(parameters, key)) == NULL) {
		list = json_array();
		json_object_set_new(parameters, key, list);
	}
	if (json_array_append_new(list, json_string(eq + 1)) != 0)
		return cli_misused(u, "--parameters %s is not UTF-8", key);
	return CLI_GO;
}

static int
connect_node(struct cli *c, const struct cli_usage *u, const struct cli_list *params,
    struct starting *s)
{
	auto_json *parameters = json_object();
	auto_free char *id = NULL;
	int r;

	for (size_t i = 0; i < params->n; i++)
		if ((r = add_parameter(u, parameters, params->v[i])) != CLI_GO)
			return r;
	if (cli_open(c) != 0)
		return RUN_EXIT_LOST;
	if ((r = nodes_resolve(c, c->args[0], &id)) != CLI_GO)
		return start_failure(r);
	s->target = id;
	if (params->n > 0)
		s->parameters = parameters;
	return start_and_run(c, s);
}

int
cmd_connect(struct cli *c, int argc, char **argv)
{
	struct cli_list params = { .n = 0 };
	struct starting s = { .target = NULL };
	const struct cli_option options[] = {
		{ "document-name", 0, "NAME", "another session document than a shell",
		    .text = &s.document },
		{ "parameters", 0, "KEY=VALUE",
		    "a parameter of the document; may be repeated", .list = &params },
		{ "reason", 0, "TEXT", "why, for the history", .text = &s.reason },
	};
	const struct cli_usage u = {
		.command = "connect",
		.synopsis = "NAME|ID|tag:KEY=VALUE [options]",
		.what =
		    "Opens a shell on a node.  The node is given by its id, its name, "
		    "the beginning\nof either when only one node has it, or a tag.\n\n"
		    "When the connection is lost, it is restored and nothing typed "
		    "meanwhile is\nlost.  Ctrl-C while it is away ends the session.",
		.examples =
		    "  sallyport connect web-1\n"
		    "  sallyport connect tag:Role=database --reason 'ticket 4711'\n"
		    "  sallyport connect web-1 --document-name "
		    "AWS-StartInteractiveCommand \\\n"
		    "      --parameters command=top\n",
		.exits = "  the exit status of the remote shell, and\n" START_EXIT_WORDS,
		CLI_OPTIONS(options),
	};
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (c->nargs != 1)
		return cli_misused(
		    &u, c->nargs == 0 ? "which node" : "more than one node");
	return connect_node(c, &u, &params, &s);
}

/* --- exec -------------------------------------------------------------------------- */

struct exec_options {
	bool terminal, leave_stdin;
	const char *reason;
};

static int
exec_command(struct cli *c, const struct cli_usage *u, const struct exec_options *o,
    const char *node)
{
	struct starting s = {
		.document =
		    o->terminal ? "AWS-StartInteractiveCommand" : "Sallyport-Exec",
		.reason = o->reason,
		.leave_stdin = o->leave_stdin,
	};
	auto_buf command = { .max = COMMAND_MAX };
	auto_json *parameters = NULL;
	auto_free char *id = NULL;
	int r;

	quote_words(&command, c->args, c->nargs);
	if (buf_check(&command) != 0)
		return cli_misused(u, "the command is longer than %d bytes", COMMAND_MAX);
	parameters = json_pack("{s:[s]}", "command", buf_cstr(&command));
	if (parameters == NULL)
		return cli_misused(u, "the command is not UTF-8");
	if (cli_open(c) != 0)
		return RUN_EXIT_LOST;
	if ((r = nodes_resolve(c, node, &id)) != CLI_GO)
		return start_failure(r);
	s.target = id;
	s.parameters = parameters;
	return start_and_run(c, &s);
}

/* Options may stand before and after the node; the next word begins the command. */
int
cmd_exec(struct cli *c, int argc, char **argv)
{
	struct exec_options o = { .terminal = false };
	const struct cli_option options[] = {
		{ "terminal", 't', NULL, "give the command a terminal",
		    .flag = &o.terminal },
		{ "no-stdin", 'n', NULL, "leave standard input alone, as if empty",
		    .flag = &o.leave_stdin },
		{ "reason", 0, "TEXT", "why, for the history", .text = &o.reason },
	};
	const struct cli_usage u = {
		.command = "exec",
		.synopsis = "[-n] [-t] [--reason TEXT] NODE -- COMMAND [ARGUMENT]...",
		.what =
		    "Runs one command on a node (named as for connect) and answers with "
		    "its exit\nstatus.  The words arrive as they are given here: for "
		    "pipes and variables run\na shell, as in the second example.\n\n"
		    "Standard input, standard output and standard error are those of the "
		    "command, byte\nfor byte, and so is the end of the input.  In a loop "
		    "over lines of a file use -n, as\nwith ssh: the command would read "
		    "them.  With -t it gets a terminal.",
		.examples = "  sallyport exec web-1 -- systemctl is-active nginx\n"
			    "  sallyport exec web-1 -- sh -c 'df -h | grep /var'\n"
			    "  tar c site | sallyport exec web-1 -- tar x -C /srv\n"
			    "  sallyport exec -t web-1 -- top\n",
		.exits = "  the exit status of the remote command (128 + N after signal "
			 "N), and\n" START_EXIT_WORDS,
		CLI_OPTIONS(options),
		.first_word_ends = true,
	};
	const char *node;
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (c->nargs == 0)
		return cli_misused(&u, "which node");
	node = c->args[0];
	argv += c->args - (const char *const *)argv;
	if ((r = cli_parse(c, &u, (int)c->nargs, argv)) != CLI_GO)
		return r;
	if (c->nargs == 0)
		return cli_misused(&u, "which command");
	return exec_command(c, &u, &o, node);
}
