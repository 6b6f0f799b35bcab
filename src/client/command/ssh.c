/* SPDX-License-Identifier: Apache-2.0 */
/* sallyport ssh, and sallyport proxy, which ssh calls for its connection. */
#include <errno.h>
#include <unistd.h>

#include "base/text.h"
#include "client/command/commands.h"
#include "client/command/nodes.h"
#include "client/command/ssh.h"
#include "client/run/run.h"
#include "client/run/start.h"
#include "client/terminal/quote.h"
#include "codec/json.h"

/* --- the ProxyCommand ----------------------------------------------------------------------- */

static void
add_option(struct buf *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buf_addf(out, " --%s ", name);
	quote_word(out, value);
}

void
ssh_proxy_command(struct buf *out, const struct cli *c, const char *node)
{
	auto_buf plain = { .max = out->max };
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[MAX(n, 0)] = '\0';
	if (n <= 0)
		snprintf(self, sizeof(self), "sallyport");
	quote_word(&plain, self);
	add_option(&plain, "profile", c->over.profile);
	add_option(&plain, "region", c->over.region);
	add_option(&plain, "endpoint-url", c->over.endpoint);
	add_option(&plain, "ca-file", c->over.ca_file);
	buf_add_str(&plain, " proxy ");
	if (node != NULL)
		quote_word(&plain, node);
	for (size_t i = 0; i < plain.len; i++) { /* ssh expands % */
		if (plain.p[i] == '%')
			buf_add_str(out, "%");
		buf_add(out, span_of(plain.p + i, 1));
	}
	buf_add_str(out, node != NULL ? " %p" : "%n %p");
}

/* --- proxy ------------------------------------------------------------------------------------ */

int
cmd_proxy(struct cli *c, int argc, char **argv)
{
	struct starting s = { .document = "AWS-StartSSHSession" };
	const struct cli_option options[] = {
		{ "reason", 0, "TEXT", "why, for the history", .text = &s.reason },
	};
	const struct cli_usage u = {
		.command = "proxy",
		.synopsis = "NODE [PORT]",
		.what = "Connects standard input and output to a port of a node (22), "
			"for ssh's\nProxyCommand and the like.",
		.examples = "  ssh -o 'ProxyCommand sallyport proxy %n %p' web-1\n",
		.exits = "  0    the far end closed the connection\n" START_EXIT_WORDS,
		CLI_OPTIONS(options),
	};
	auto_json *parameters = NULL;
	auto_free char *id = NULL;
	int64_t port = 22;
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (c->nargs < 1 || c->nargs > 2)
		return cli_misused(&u, c->nargs == 0 ? "which node" : "too many words");
	if (c->nargs == 2 && num_parse(span_str(c->args[1]), 1, 65535, &port) != 0)
		return cli_misused(&u, "%s is no port", c->args[1]);
	if (cli_open(c) != 0)
		return RUN_EXIT_LOST;
	if ((r = nodes_resolve(c, c->args[0], &id)) != CLI_GO)
		return start_failure(r);
	s.target = id;
	if (c->nargs == 2) {
		parameters = json_pack("{s:[s]}", "portNumber", c->args[1]);
		s.parameters = parameters;
	}
	return start_and_run(c, &s);
}

/* --- ssh ---------------------------------------------------------------------------------------- */

static int
exec_ssh(struct cli *c)
{
	const char **argv = xcalloc(c->nargs + 4, sizeof(*argv));
	const char *at = strrchr(c->args[0], '@');
	auto_buf option = { .max = 16 * 1024 };
	size_t n = 0;

	buf_add_str(&option, "ProxyCommand=");
	ssh_proxy_command(&option, c, at != NULL ? at + 1 : c->args[0]);
	argv[n++] = "ssh";
	argv[n++] = "-o";
	argv[n++] = buf_cstr(&option);
	for (size_t i = 0; i < c->nargs; i++)
		argv[n++] = c->args[i];
	execvp("ssh", (char *const *)(uintptr_t)argv);
	cli_say("ssh cannot be run: %s", strerror(errno));
	free(argv);
	return RUN_EXIT_LOST;
}

int
cmd_ssh(struct cli *c, int argc, char **argv)
{
	const struct cli_usage u = {
		.command = "ssh",
		.synopsis = "[USER@]NODE [OPTIONS AND COMMAND OF SSH]...",
		.what = "Runs ssh with the connection to the node's SSH server through "
			"Sallyport.  All\nthat follows the node is for ssh.",
		.examples = "  sallyport ssh web-1\n"
			    "  sallyport ssh root@web-1 -p 2222 uptime\n",
		.exits = "  that of ssh\n",
		.first_word_ends = true,
	};
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (c->nargs == 0)
		return cli_misused(&u, "which node");
	return exec_ssh(c);
}
