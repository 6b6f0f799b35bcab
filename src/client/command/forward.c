/* SPDX-License-Identifier: Apache-2.0 */
/* sallyport forward: the words of the command line; forward.c does it. */
#include <limits.h>
#include <unistd.h>

#include "base/text.h"
#include "client/command/commands.h"
#include "client/forward/forward.h"
#include "client/command/nodes.h"
#include "client/run/run.h"
#include "client/run/start.h"

enum { FIELDS_MAX = 4 };

/* --- "127.0.0.1:8080:db.internal:5432" --------------------------------------------------- */

/* Cuts at colons that are not inside brackets; the brackets go. */
static size_t
cut_fields(char *text, char *field[FIELDS_MAX])
{
	size_t n = 0;

	for (char *p = text; p != NULL;) {
		char *end;

		if (n == FIELDS_MAX)
			return 0;
		if (p[0] == '[' && (end = strchr(p, ']')) != NULL &&
		    (end[1] == ':' || end[1] == '\0')) {
			field[n++] = p + 1;
			p = end[1] == ':' ? end + 2 : NULL;
			*end = '\0';
			continue;
		}
		field[n++] = p;
		if ((p = strchr(p, ':')) != NULL)
			*p++ = '\0';
	}
	return n;
}

static int
read_port(uint16_t *out, const char *text, int64_t min)
{
	int64_t v;

	if (num_parse(span_str(text), min, 65535, &v) != 0)
		return ERR_INVALID;
	*out = (uint16_t)v;
	return 0;
}

static char *
bind_address(const char *text)
{
	if (text == NULL || strcmp(text, "localhost") == 0)
		return xstrdup("127.0.0.1");
	return xstrdup(strcmp(text, "*") == 0 ? "" : text);
}

static bool
is_path(const char *text)
{
	return strchr(text, '/') != NULL;
}

/* Relative paths are taken from where we are. */
static char *
path_here(const char *path)
{
	char dir[PATH_MAX];

	if (path[0] == '/')
		return xstrdup(path);
	return getcwd(dir, sizeof(dir)) != NULL ? xasprintf("%s/%s", dir, path) : NULL;
}

/* What is before the far end: n fields. */
static int
read_local(struct forward_spec *s, char **field, size_t n)
{
	uint16_t unused;

	if (n == 1 && is_path(field[0])) {
		s->bind = path_here(field[0]);
		return s->bind != NULL ? 0 : ERR_INVALID;
	}
	if (n < 1 || n > 2)
		return ERR_INVALID;
	if (n == 2 && (is_path(field[0]) || read_port(&unused, field[0], 0) == 0))
		return ERR_INVALID; /* no address */
	s->bind = bind_address(n == 2 ? field[0] : NULL);
	return read_port(&s->port, field[n - 1], 0);
}

/* How many of n fields are before the far end; 0: none of them is one. */
static size_t
split_fields(struct forward_spec *s, char **field, size_t n)
{
	uint16_t unused;

	if (n < 2)
		return 0;
	if (field[n - 1][0] == '/') /* a socket there */
		return n - 1;
	if (read_port(&s->remote, field[n - 1], 1) != 0)
		return 0;
	if (n != 3)
		return n == 4 ? 2 : 1;
	/* "a:b:c" begins with a port or a path, or with an address to bind to. */
	return is_path(field[0]) || read_port(&unused, field[0], 0) == 0 ? 1 : 2;
}

int
forward_spec_parse(struct forward_spec *s, const char *text, bool socks)
{
	auto_free char *copy = xstrdup(text);
	char *field[FIELDS_MAX];
	size_t n = cut_fields(copy, field), local;

	*s = (struct forward_spec){ .socks = socks };
	if (socks)
		return n == 1 || n == 2 ? read_local(s, field, n) : ERR_INVALID;
	if ((local = split_fields(s, field, n)) == 0)
		return ERR_INVALID;
	if (s->remote == 0)
		s->host = xstrdup(field[n - 1]);
	else if (n - local == 2)
		s->host = xstrdup(field[n - 2]);
	if (s->host != NULL &&
	    (s->host[0] == '\0' || (s->remote != 0 && is_path(s->host))))
		return ERR_INVALID;
	return read_local(s, field, local);
}

void
forward_spec_fini(struct forward_spec *s)
{
	free(s->bind);
	free(s->host);
}

/* --- the command ---------------------------------------------------------------------------- */

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
