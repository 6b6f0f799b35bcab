/* SPDX-License-Identifier: Apache-2.0 */
/* sallyport forward: the words of the command line; forward/ does it. */
#include "client/command/commands.h"
#include "client/command/nodes.h"
#include "client/forward/forward.h"
#include "client/run/run.h"
#include "client/run/start.h"

struct wanted {
	struct cli_list ports, socks;
	const char *reason;
};

static int
add_spec(const struct cli_usage *u, struct forward_spec *s, const char *text, bool socks)
{
	if (forward_spec_parse(s, text, socks) == 0)
		return CLI_GO;
	return cli_misused(u, "%s is not %s", text,
	    socks ? "[ADDRESS:]PORT"
		  : "[ADDRESS:]PORT:[HOST:]PORT, nor with paths of sockets in their "
		    "places");
}

static int
forward_node(struct cli *c, const struct cli_usage *u, const struct wanted *w,
    struct forward_spec *specs)
{
	auto_free char *id = NULL;
	size_t n = 0;
	int r = CLI_GO;

	for (size_t i = 1; i < c->nargs && r == CLI_GO; i++)
		r = add_spec(u, &specs[n++], c->args[i], false);
	for (size_t i = 0; i < w->ports.n && r == CLI_GO; i++)
		r = add_spec(u, &specs[n++], w->ports.v[i], false);
	for (size_t i = 0; i < w->socks.n && r == CLI_GO; i++)
		r = add_spec(u, &specs[n++], w->socks.v[i], true);
	if (r != CLI_GO)
		return r;
	if (cli_open(c) != 0)
		return RUN_EXIT_LOST;
	if ((r = nodes_resolve(c, c->args[0], &id)) != CLI_GO)
		return start_failure(r);
	return forward_run(&(struct forward_options){ .loop = c->loop,
	    .api = c->api,
	    .settings = &c->settings,
	    .node_id = id,
	    .node_name = c->args[0],
	    .reason = w->reason,
	    .specs = specs,
	    .nspecs = n });
}

int
cmd_forward(struct cli *c, int argc, char **argv)
{
	struct wanted w = { .reason = NULL };
	const struct cli_option options[] = {
		{ "local", 'L', "SPEC", "as LOCAL:REMOTE; may be repeated",
		    .list = &w.ports },
		{ "dynamic", 'D', "[ADDRESS:]PORT",
		    "a SOCKS 5 proxy whose connections leave from the node",
		    .list = &w.socks },
		{ "reason", 0, "TEXT", "why, for the history", .text = &w.reason },
	};
	const struct cli_usage u = {
		.command = "forward",
		.synopsis = "NODE [[ADDRESS:]PORT:[HOST:]PORT]... [-L SPEC] [-D PORT]",
		.what =
		    "Carries connections to ports of this machine to ports of the node, "
		    "or of hosts\nthat the node can reach.  One line tells when each is "
		    "ready.  Ctrl-C ends it.\n\n"
		    "Local port 0 is any free one.  IPv6 addresses stand in brackets.  "
		    "Without an\naddress only this machine can connect.  Instead of "
		    "either port there may be the\npath of a unix socket; on the node it "
		    "is absolute, and used with the rights of\nthe session's user.",
		.examples = "  sallyport forward web-1 8080:80\n"
			    "  sallyport forward web-1 5432:db.internal:5432 8080:80\n"
			    "  sallyport forward web-1 /tmp/db.sock:db.internal:5432\n"
			    "  sallyport forward web-1 ./docker.sock:/run/docker.sock\n"
			    "  sallyport forward web-1 -D 1080\n",
		.exits = "  0    ended by a signal\n" START_EXIT_WORDS,
		CLI_OPTIONS(options),
	};
	struct forward_spec *specs;
	size_t n;
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (c->nargs == 0)
		return cli_misused(&u, "which node");
	if ((n = c->nargs - 1 + w.ports.n + w.socks.n) == 0)
		return cli_misused(&u, "which ports");
	specs = xcalloc(n, sizeof(*specs));
	r = forward_node(c, &u, &w, specs);
	for (size_t i = 0; i < n; i++)
		forward_spec_fini(&specs[i]);
	free(specs);
	return r;
}
