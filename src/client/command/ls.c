/* SPDX-License-Identifier: Apache-2.0 */
/* sallyport ls: the fleet as a table or as JSON. */
#include "client/command/commands.h"
#include "client/command/nodes.h"
#include "client/terminal/table.h"
#include "client/terminal/when.h"
#include "codec/json.h"

#define GREEN  "\033[32m"
#define YELLOW "\033[33m"

static const char *
status_mark(const json_t *node)
{
	return node_is_online(node) ? GREEN : YELLOW;
}

static void
add_node(struct table *t, const json_t *node, int64_t now_ms)
{
	int64_t seen = when_of(node, "LastPingDateTime");
	const char *name = json_get_str(node, "PlatformName"),
		   *version = json_get_str(node, "PlatformVersion");
	char ago[32] = "", platform[200];

	snprintf(platform, sizeof(platform), "%s%s%s", name != NULL ? name : "",
	    name != NULL && version != NULL ? " " : "", version != NULL ? version : "");
	/* Its last message may be minutes old while its connection is watched and well. */
	if (node_is_online(node))
		snprintf(ago, sizeof(ago), "now");
	else if (seen != 0)
		when_ago(ago, sizeof(ago), now_ms, seen);
	table_add(t, node_name(node), NULL);
	table_add(t, node_id(node), NULL);
	table_add(t, json_get_str(node, "PingStatus"), status_mark(node));
	table_add(t, platform, NULL);
	table_add(t, json_get_str(node, "IPAddress"), NULL);
	table_add(t, json_get_str(node, "AgentVersion"), NULL);
	table_add(t, ago, NULL);
}

int
cmd_ls(struct cli *c, int argc, char **argv)
{
	struct cli_list filters = { .n = 0 };
	bool online = false;
	const struct cli_option options[] = {
		{ "filter", 0, "FILTER",
		    "Key=tag:Environment,Values=prod or tag:Name=web-*; may be repeated",
		    .list = &filters },
		{ "online", 0, NULL, "only nodes that are connected", .flag = &online },
	};
	const struct cli_usage u = {
		.command = "ls",
		.synopsis = "[--filter FILTER]... [--online]",
		.what =
		    "Lists the nodes: name, id, whether they are connected, platform, "
		    "address,\nversion of the agent and when they were last heard of.",
		.examples = "  sallyport ls --online\n"
			    "  sallyport ls --filter tag:Environment=prod,staging\n"
			    "  sallyport ls --filter 'tag:Name=web-*' --output json\n"
			    "  sallyport ls --filter Key=PlatformTypes,Values=Linux\n",
		.exits = CLI_EXITS_AFTER("listed (perhaps nothing)"),
		CLI_OPTIONS(options),
		.wordless = true,
	};
	static const char *const head[] = { "NAME", "ID", "STATUS", "PLATFORM", "IP",
		"AGENT", "LAST-SEEN" };
	static const struct cli_columns columns = { head, ARRAY_LEN(head), add_node };
	auto_json *nodes = NULL;
	struct fault f = { 0 };
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (cli_open(c) != 0)
		return CLI_FAILED;
	if (nodes_list(c, &(struct node_query){ &filters, online }, &nodes, &f) != 0)
		return f.code == ERR_INVALID ? cli_misused(&u, "%s", fault_text(&f))
					     : cli_fail(&f);
	cli_print_rows(c, nodes, &columns);
	return CLI_OK;
}
