/* SPDX-License-Identifier: Apache-2.0 */
/* sallyport ssh-config: the block for ~/.ssh/config. */
#include "client/command/commands.h"
#include "client/command/nodes.h"
#include "client/command/ssh.h"
#include "codec/json.h"

/* A word of a Host line: no blanks, nothing that ssh takes for a pattern. */
static bool
is_plain(const char *name)
{
	return name[0] != '\0' && name[strcspn(name, " \t\"'*?!,#\\")] == '\0';
}

static void
add_names(struct buf *out, const json_t *nodes)
{
	const json_t *node;
	size_t i;

	json_array_foreach(nodes, i, node)
	{
		if (is_plain(node_name(node)))
			buf_addf(out, " %s", node_name(node));
	}
}

static int
print_block(struct cli *c, const char *user, bool ids_only)
{
	auto_buf out = { .max = 1024 * 1024 };
	auto_json *nodes = NULL;
	struct fault f = { 0 };

	buf_add_str(&out, "Host i-* mi-*");
	if (!ids_only) {
		if (cli_open(c) != 0)
			return CLI_FAILED;
		if (nodes_list(c, &(struct node_query){ .filters = NULL }, &nodes, &f) !=
		    0)
			return cli_fail(&f);
		add_names(&out, nodes);
	}
	buf_add_str(&out, "\n  ProxyCommand ");
	ssh_proxy_command(&out, c, NULL);
	buf_add_str(&out, "\n");
	if (user != NULL)
		buf_addf(&out, "  User %s\n", user);
	fwrite(out.p, 1, out.len, stdout);
	return buf_check(&out) == 0 ? CLI_OK : CLI_FAILED;
}

int
cmd_ssh_config(struct cli *c, int argc, char **argv)
{
	const char *user = NULL;
	bool ids_only = false;
	const struct cli_option options[] = {
		{ "user", 0, "NAME", "log in as this user", .text = &user },
		{ "ids-only", 0, NULL, "no names; does not ask the server",
		    .flag = &ids_only },
	};
	const struct cli_usage u = {
		.command = "ssh-config",
		.synopsis = "[--user NAME] [--ids-only]",
		.what = "Prints a block for ~/.ssh/config, with which ssh, scp, sftp and "
			"rsync reach the\nnodes by id and by name.",
		.examples = "  sallyport ssh-config >> ~/.ssh/config\n"
			    "  ssh mi-0123456789abcdef0\n",
		.exits = CLI_EXITS_AFTER("printed"),
		CLI_OPTIONS(options),
		.wordless = true,
	};
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	return print_block(c, user, ids_only);
}
