/* SPDX-License-Identifier: Apache-2.0 */
/* sallyport register-command: an activation, wrapped in one line for the new node. */
#include <sys/mman.h>
#include <unistd.h>

#include "base/text.h"
#include "client/command/commands.h"
#include "client/command/install_line.h"
#include "client/terminal/when.h"
#include "codec/json.h"
#include "codec/jsonw.h"
#include "codec/uri.h"
#include "crypto/crypto.h"
#include "proto/ids.h"

enum { PAGE_MAX = 256 * 1024, LINE_MAX = 64 * 1024 };

#define TAG_PREFIX "sallyport:instance-id-prefix"

struct registering {
	const char *name, *tags, *prefix, *limit, *expires, *role, *endpoint;
	int64_t limit_n, expires_s;
};

/* --- what the server offers -------------------------------------------------------- */

static int
get_page(struct cli *c, const char *path, struct buf *out, int *status, struct fault *f)
{
	struct cli_page page = { .body = { .max = PAGE_MAX } };
	int r = cli_get(c, path, &page, f);

	*status = page.status;
	if (r == 0 && page.status == 200)
		buf_add(out, buf_span(&page.body));
	buf_fini(&page.body);
	return r;
}

/* Does the server's certificate come from this CA?  (It may have a public one.) */
static bool
ca_signs_server(struct cli *c, struct span pem)
{
	struct aws_settings other = c->settings; /* everything but the CA is shared */
	struct cli probe = { .loop = c->loop };
	auto_buf body = { .max = PAGE_MAX };
	char path[40];
	int fd = memfd_create("ca", MFD_CLOEXEC), status = 0;
	bool good = false;

	if (fd < 0 || write(fd, pem.p, pem.n) != (ssize_t)pem.n)
		goto out;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	other.ca_file = path;
	probe.settings = other;
	good = aws_api_new(&probe.api, c->loop, &probe.settings, NULL) == 0 &&
	    get_page(&probe, "/_health", &body, &status, NULL) == 0;
	aws_api_free(probe.api);
out:
	if (fd >= 0)
		close(fd);
	return good;
}

static int
find_ca(struct cli *c, struct install_line *l, struct arena *mem, struct fault *f)
{
	auto_buf pem = { .max = PAGE_MAX };
	char hex[2 * SHA256_LEN + 1];
	uint8_t sum[SHA256_LEN];
	int r, status;

	if ((r = get_page(c, "/_ca.pem", &pem, &status, f)) != 0)
		return r;
	if (status != 200 || !ca_signs_server(c, buf_span(&pem)))
		return 0;
	sha256(sum, buf_span(&pem));
	hex_encode(hex, sum, sizeof(sum));
	l->ca_sha256 = arena_strdup(mem, hex);
	return 0;
}

static int
find_packages(struct cli *c, struct install_line *l, struct arena *mem, struct fault *f)
{
	auto_buf sums = { .max = PAGE_MAX };
	int r, status;

	if ((r = get_page(c, "/_agent/SHA256SUMS", &sums, &status, f)) != 0)
		return r;
	if (install_packages(l, mem, buf_span(&sums)) != 0)
		return fault_set(f, ERR_NOTFOUND,
		    "the server offers no agent package: put sallyport-agent_*.deb into "
		    "a "
		    "folder and name it as agent_dir in sallyportd.conf");
	return 0;
}

/* --- CreateActivation -------------------------------------------------------------- */

static void
write_tag(struct jsonw *w, struct span key, struct span value)
{
	jw_open(w, '{');
	jw_key(w, "Key");
	jw_span(w, key);
	jw_key(w, "Value");
	jw_span(w, value);
	jw_close(w, '}');
}

static int
write_tags(struct jsonw *w, const struct registering *g)
{
	struct span rest = span_str(g->tags != NULL ? g->tags : ""), one, key;

	jw_key(w, "Tags");
	jw_open(w, '[');
	if (g->name != NULL)
		write_tag(w, SPAN("Name"), span_str(g->name));
	if (strcmp(g->prefix, "i-") == 0)
		write_tag(w, SPAN(TAG_PREFIX), SPAN("i-"));
	while (span_cut(&rest, ',', &one)) {
		if (one.n == 0)
			continue; /* no tags, or a comma at the end */
		if (span_find(one, '=') < 1 || !span_cut(&one, '=', &key))
			return ERR_INVALID;
		write_tag(w, key, one);
	}
	jw_close(w, ']');
	return 0;
}

static int
activation_body(struct cli *c, const struct registering *g, struct buf *out)
{
	struct jsonw w;
	int r;

	jw_init(&w, out);
	jw_open(&w, '{');
	jw_field_str(&w, "Description", "sallyport register-command");
	jw_field_opt(&w, "DefaultInstanceName", g->name);
	jw_field_str(&w, "IamRole", g->role);
	jw_field_int(&w, "RegistrationLimit", g->limit_n);
	jw_field_time(&w, "ExpirationDate", ev_wall_ms(c->loop) + g->expires_s * 1000);
	if ((r = write_tags(&w, g)) != 0)
		return r;
	jw_close(&w, '}');
	return buf_check(out);
}

static bool
is_code(const char *code)
{
	size_t n = strlen(code);

	return n >= 8 && n <= 250 &&
	    strspn(code,
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789+/=_-") == n;
}

static int
activate(struct cli *c, const struct registering *g, struct install_line *l,
    struct arena *mem, struct fault *f)
{
	auto_buf body = { .max = PAGE_MAX };
	auto_json *answer = NULL;
	const char *id, *code;
	int r;

	if (activation_body(c, g, &body) != 0)
		return fault_set(f, ERR_INVALID,
		    "--tags %s is not understood: write KEY=VALUE,KEY=VALUE", g->tags);
	if ((r = cli_ssm(c, "CreateActivation", buf_span(&body), &answer, f)) != 0)
		return r;
	id = json_get_str(answer, "ActivationId");
	code = json_get_str(answer, "ActivationCode");
	if (id == NULL || code == NULL || !id_uuid_valid(span_str(id)) || !is_code(code))
		return fault_set(f, ERR_PROTOCOL,
		    "the answer to CreateActivation is not understood: is this endpoint "
		    "a "
		    "sallyportd?");
	l->activation_id = arena_strdup(mem, id);
	l->code = arena_strdup(mem, code);
	return 0;
}

/* --- the command ------------------------------------------------------------------- */

/* "localhost" means another machine there. */
static void
warn_of_loopback(const char *endpoint)
{
	struct url u;

	if (url_parse(&u, span_str(endpoint), NULL) == 0 &&
	    (strcmp(u.host, "localhost") == 0 || strncmp(u.host, "127.", 4) == 0 ||
		strcmp(u.host, "::1") == 0))
		cli_say("the line names %s, which only this machine can reach: give "
			"--agent-endpoint for others",
		    u.host);
}

static void
print_line(struct cli *c, const struct install_line *l, const char *line)
{
	auto_json *o = NULL;

	if (!c->json) {
		printf("%s\n", line);
		return;
	}
	o = json_pack("{s:s, s:s}", "ActivationId", l->activation_id, "Command", line);
	cli_print_json(o);
}

static int
make_line(struct cli *c, const struct registering *g)
{
	struct install_line l = { .npackages = 0 };
	auto_buf line = { .max = LINE_MAX };
	struct fault f = { 0 };
	auto_arena mem;

	arena_init(&mem);
	if (cli_open(c) != 0)
		return CLI_FAILED;
	l.endpoint = g->endpoint != NULL ? g->endpoint : c->settings.endpoint;
	l.region = c->settings.region;
	/* The activation last: nothing is left behind when the rest is not there. */
	if (find_packages(c, &l, &mem, &f) != 0 || find_ca(c, &l, &mem, &f) != 0 ||
	    activate(c, g, &l, &mem, &f) != 0)
		return cli_fail(&f);
	install_line_build(&line, &l);
	if (buf_check(&line) != 0) {
		cli_say("the server offers too many packages for one line");
		return CLI_FAILED;
	}
	warn_of_loopback(l.endpoint);
	print_line(c, &l, buf_cstr(&line));
	return CLI_OK;
}

static int
check_values(const struct cli_usage *u, struct registering *g)
{
	if (strcmp(g->prefix, "i-") != 0 && strcmp(g->prefix, "mi-") != 0)
		return cli_misused(u, "--id-prefix is i- or mi-, not %s", g->prefix);
	if (num_parse(span_str(g->limit), 1, 1000, &g->limit_n) != 0)
		return cli_misused(u, "--limit is 1 to 1000, not %s", g->limit);
	if (when_duration(&g->expires_s, g->expires) != 0 ||
	    g->expires_s > 30 * 24 * 3600)
		return cli_misused(
		    u, "--expires is a time such as 30m, 24h or 7d, up to 30d");
	if (g->endpoint != NULL && strncmp(g->endpoint, "https://", 8) != 0)
		return cli_misused(u, "--agent-endpoint begins with https://");
	return CLI_GO;
}

int
cmd_register(struct cli *c, int argc, char **argv)
{
	struct registering g = {
		.prefix = "mi-", .limit = "1", .expires = "24h", .role = "SallyportNode"
	};
	const struct cli_option options[] = {
		{ "name", 0, "NAME", "name of the node, and its tag Name",
		    .text = &g.name },
		{ "tags", 0, "KEY=VALUE,...", "tags of the node", .text = &g.tags },
		{ "id-prefix", 0, "i-|mi-", "how its id begins (mi-)",
		    .text = &g.prefix },
		{ "limit", 0, "N", "how many machines may use the line (1)",
		    .text = &g.limit },
		{ "expires", 0, "TIME", "how long it is good: 30m, 24h, 7d (24h)",
		    .text = &g.expires },
		{ "iam-role", 0, "NAME", "role of the node (SallyportNode)",
		    .text = &g.role },
		{ "agent-endpoint", 0, "URL", "the server's address as the node sees it",
		    .text = &g.endpoint },
	};
	const struct cli_usage u = {
		.command = "register-command",
		.synopsis = "[options]",
		.what =
		    "Makes an activation and prints one line to paste on a new node "
		    "(Debian, with\ncurl).  It fetches the agent from the server, "
		    "checks package and CA by their\ndigests, installs, registers and "
		    "starts.  The line is a secret until it was used\nor has expired.",
		.examples = "  sallyport register-command --name web-1 "
			    "--tags Environment=prod\n"
			    "  sallyport register-command --id-prefix i- --limit 20 "
			    "--expires 2h\n",
		.exits = "  0  printed\n"
			 "  1  the service did not answer, refused, or has no packages\n"
			 "  2  the command line is wrong\n",
		CLI_OPTIONS(options),
		.wordless = true,
	};
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if ((r = check_values(&u, &g)) != CLI_GO)
		return r;
	return make_line(c, &g);
}
