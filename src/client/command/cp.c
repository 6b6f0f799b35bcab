/* SPDX-License-Identifier: Apache-2.0 */
/* sallyport cp: the words of the command line; copy.c does it. */
#include "client/command/commands.h"
#include "client/command/nodes.h"
#include "client/copy/copy.h"

const char *
cp_remote_path(const char *word)
{
	const char *colon;

	if (strncmp(word, "tag:", 4) == 0) {
		const char *eq = strchr(word, '=');

		colon = eq != NULL ? strchr(eq, ':') : NULL;
		return colon != NULL ? colon + 1 : NULL;
	}
	colon = strchr(word, ':');
	if (colon == NULL || colon == word ||
	    memchr(word, '/', (size_t)(colon - word)) != NULL)
		return NULL;
	return colon + 1;
}

static char *
node_of(const char *word)
{
	return xstrndup(word, (size_t)(cp_remote_path(word) - word - 1));
}

/* Which node; the same for all.  CLI_GO and *node, which is the caller's. */
static int
find_node(const struct cli *c, const struct cli_usage *u, bool *upload, char **node)
{
	size_t last = c->nargs - 1;

	*upload = cp_remote_path(c->args[last]) != NULL;
	for (size_t i = 0; i < last; i++) {
		const char *path = cp_remote_path(c->args[i]);

		if (*upload && path != NULL)
			return cli_misused(u,
			    "%s and %s are both on nodes: copy to this "
			    "machine first",
			    c->args[i], c->args[last]);
		if (!*upload && path == NULL)
			return cli_misused(u,
			    "%s and %s are both on this machine: use cp, "
			    "or write NODE:path",
			    c->args[i], c->args[last]);
	}
	*node = node_of(c->args[*upload ? last : 0]);
	for (size_t i = 1; i < last && !*upload; i++) {
		auto_free char *other = node_of(c->args[i]);

		if (strcmp(other, *node) != 0)
			return cli_misused(u,
			    "%s and %s are two nodes: one command copies "
			    "from one",
			    *node, other);
	}
	return CLI_GO;
}

static int
copy_between(struct cli *c, const struct cli_usage *u, struct copy_wish *w)
{
	auto_free char *node = NULL, *id = NULL;
	auto_free const char **paths = xcalloc(c->nargs, sizeof(*paths));
	size_t last = c->nargs - 1;
	int r;

	if ((r = find_node(c, u, &w->upload, &node)) != CLI_GO)
		return r;
	for (size_t i = 0; i < last; i++)
		paths[i] = w->upload ? c->args[i] : cp_remote_path(c->args[i]);
	w->sources = paths;
	w->nsources = last;
	w->target = w->upload ? cp_remote_path(c->args[last]) : c->args[last];
	w->flags |= last > 1 ? COPY_INTO : 0;
	w->node_name = node;
	if (cli_open(c) != 0)
		return CLI_FAILED;
	if ((r = nodes_resolve(c, node, &id)) != CLI_GO) {
		if (strchr(node, '@') != NULL)
			cli_say("the node's sessions have one user: leave out what is "
				"before the @");
		return r;
	}
	w->node_id = id;
	return copy_run(c, w);
}

int
cmd_cp(struct cli *c, int argc, char **argv)
{
	struct copy_wish w = { .upload = false };
	bool recursive = false, preserve = false;
	const struct cli_option options[] = {
		{ "recursive", 'r', NULL, "directories with all that is in them",
		    .flag = &recursive },
		{ "preserve", 'p', NULL, "keep modes and times", .flag = &preserve },
		{ "quiet", 'q', NULL, "errors only", .flag = &w.quiet },
		{ "no-progress", 0, NULL, "no progress on the terminal",
		    .flag = &w.no_progress },
		{ "reason", 0, "TEXT", "why, for the history", .text = &w.reason },
	};
	const struct cli_usage u = {
		.command = "cp",
		.synopsis =
		    "[-r] [-p] [-q] [--no-progress] [--reason TEXT] SOURCE... TARGET",
		.what =
		    "Copies files between this machine and a node.  One side is "
		    "NODE:path, "
		    "the node\nnamed as for connect.  On the node the user of its "
		    "sessions "
		    "reads and writes, and\nrelative paths and ~ are in that user's "
		    "home.  Names are not expanded there.\n\n"
		    "A target that is a directory takes the sources under their names; "
		    "with several\nsources it has to be one.  Symbolic links in a source "
		    "are followed.  Devices, sockets\nand pipes are passed over.\n\n"
		    "Every file is checked by its SHA-256 at both ends and gets its name "
		    "only when it is\ncomplete.  After an interruption the same command "
		    "goes on where it stopped.",
		.examples = "  sallyport cp app.tar.gz web-1:/srv/\n"
			    "  sallyport cp web-1:/var/log/syslog .\n"
			    "  sallyport cp -r -p site tag:Role=web:www\n",
		.exits =
		    "  0    everything was copied\n"
		    "  1    something was not; standard error says what\n"
		    "  2    the command line is wrong, or the name fits several nodes\n",
		CLI_OPTIONS(options),
	};
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (c->nargs < 2)
		return cli_misused(&u, c->nargs == 0 ? "what" : "to where");
	w.flags = (recursive ? COPY_RECURSIVE : 0) | (preserve ? COPY_PRESERVE : 0);
	return copy_between(c, &u, &w);
}
