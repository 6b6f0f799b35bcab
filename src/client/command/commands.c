/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands and the way into them. */
#include "client/command/commands.h"

#include "base/log.h"
#include "crypto/crypto.h"

const struct cli_command cli_commands[] = {
	{ "ls", "list the nodes", cmd_ls },
	{ "connect", "open a shell on a node", cmd_connect },
	{ "exec", "run a command on a node", cmd_exec },
	{ "cp", "copy files to and from a node", cmd_cp },
	{ "forward", "carry local ports to ports behind a node", cmd_forward },
	{ "ssh", "run ssh to a node", cmd_ssh },
	{ "ssh-config", "print the block for ~/.ssh/config", cmd_ssh_config },
	{ "proxy", "connect standard streams to a port of a node", cmd_proxy },
	{ "sessions", "list sessions, live or past", cmd_sessions },
	{ "terminate", "end sessions", cmd_terminate },
	{ "access", "ask for access to nodes, or decide on it", cmd_access },
	{ "audit", "who did what: events, live or past", cmd_audit },
	{ "admin", "session documents, locks, the proof of the audit trail", cmd_admin },
	{ "register-command", "print the line that adds a node", cmd_register },
	{ "policy", "say what an IAM policy does not do", cmd_policy },
	{ "doctor", "find out why something does not work", cmd_doctor },
	{ "completion", "print the completion script of a shell", cmd_completion },
};
const size_t cli_commands_len = ARRAY_LEN(cli_commands);

/* --- suggestions ------------------------------------------------------------------- */

enum { NAME_MAX_LEN = 32 };

/* How many letters must be changed, added, left out or swapped. */
static size_t
distance(const char *a, const char *b)
{
	size_t d[NAME_MAX_LEN + 1][NAME_MAX_LEN + 1];
	size_t n = MIN(strlen(a), NAME_MAX_LEN), m = MIN(strlen(b), NAME_MAX_LEN);

	for (size_t i = 0; i <= n; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		for (size_t j = 1; j <= m; j++) {
			size_t best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			best = MIN(best, d[i - 1][j] + 1);
			best = MIN(best, d[i][j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				best = MIN(best, d[i - 2][j - 2] + 1);
			d[i][j] = best;
		}
	}
	return d[n][m];
}

/* The command that was probably meant, or NULL. */
static const char *
suggest(const char *word)
{
	const char *best = NULL;
	size_t least = 3;

	for (size_t i = 0; i < cli_commands_len; i++) {
		const char *name = cli_commands[i].name;
		size_t d = distance(word, name);

		if (strlen(word) >= 2 && strncmp(name, word, strlen(word)) == 0)
			return name;
		if (d < least && d < strlen(name)) {
			least = d;
			best = name;
		}
	}
	return best;
}

/* --- dispatch ---------------------------------------------------------------------- */

static int
unknown(const char *word)
{
	const char *name = suggest(word);

	if (name != NULL)
		cli_say("there is no command %s: did you mean %s?", word, name);
	else
		cli_say("there is no command %s: see sallyport --help", word);
	return CLI_USAGE;
}

static const struct cli_command *
find_command(const char *name)
{
	for (size_t i = 0; i < cli_commands_len; i++)
		if (strcmp(cli_commands[i].name, name) == 0)
			return &cli_commands[i];
	return NULL;
}

static int
run_command(struct cli *c, const char *name, int argc, char **argv)
{
	const struct cli_command *cmd = find_command(name);
	int status;

	if (cmd == NULL)
		return unknown(name);
	status = cmd->run(c, argc, argv);
	cli_close(c);
	if (fflush(stdout) != 0 && status == CLI_OK)
		status = CLI_FAILED; /* nobody reads any more, or the disk is full */
	return status;
}

static const char *
command_list(struct buf *out)
{
	buf_add_str(
	    out, "Shells and commands on nodes behind a sallyportd.\n\ncommands:");
	for (size_t i = 0; i < cli_commands_len; i++)
		buf_addf(out, "\n  %-18s %s", cli_commands[i].name, cli_commands[i].help);
	buf_add_str(out, "\n\n\"sallyport COMMAND --help\" tells more about each.");
	return buf_cstr(out);
}

int
cli_main(int argc, char **argv)
{
	struct cli c = { 0 };
	auto_buf what = { .max = 4096 };
	const struct cli_option options[] = {
		{ "version", 'V', NULL, "which version this is", .flag = &c.version },
	};
	const struct cli_usage u = {
		.command = "",
		.synopsis = "[global options] COMMAND [arguments]",
		.what = command_list(&what),
		.examples = "  sallyport ls\n"
			    "  sallyport connect web-1\n"
			    "  sallyport exec web-1 -- uptime\n",
		.exits = CLI_EXITS,
		CLI_OPTIONS(options),
		.first_word_ends = true,
	};
	int r;

	crypto_init();
	if ((r = cli_parse(&c, &u, argc, argv)) != CLI_GO)
		return r;
	if (c.version) {
		printf("sallyport %s\n", SALLYPORT_VERSION);
		return CLI_OK;
	}
	if (c.nargs == 0)
		return cli_misused(&u, "no command");
	log_setup(c.verbose ? LOG_DEBUG : LOG_ERROR, LOG_FORMAT_TEXT, "sallyport");
	argc = (int)c.nargs;
	argv += (c.args - (const char *const *)argv);
	if (strcmp(argv[0], "help") != 0)
		return run_command(&c, argv[0], argc, argv);
	c.help = true; /* "help ls" is "ls --help" */
	return argc > 1 ? run_command(&c, argv[1], 1, argv + 1)
			: cli_parse(&c, &u, 1, argv);
}
