/* SPDX-License-Identifier: Apache-2.0 */
/* sallyport completion: the script is made from packaging/completion/ at build time. */
#include "client/command/commands.h"
#include "client/command/completion.h"

int
cmd_completion(struct cli *c, int argc, char **argv)
{
	const struct cli_usage u = {
		.command = "completion",
		.synopsis = "bash",
		.what = "Prints the completion script of a shell.",
		.examples = "  . <(sallyport completion bash)\n"
			    "  sallyport completion bash > "
			    "/etc/bash_completion.d/sallyport\n",
		.exits = "  0  printed\n"
			 "  2  there is none for this shell\n",
		.one_word = "which shell",
	};
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (strcmp(c->args[0], "bash") != 0)
		return cli_misused(
		    &u, "there is no completion for %s, only for bash", c->args[0]);
	fwrite(completions[0].text, 1, completions[0].len, stdout);
	return CLI_OK;
}
