/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport doctor: goes the way of a session step by step and says at the first step that
 * fails what to do.  A step that needs one that failed is left out.
 */
#include <stdarg.h>

#include "base/text.h"
#include "client/command/commands.h"
#include "client/terminal/slurp.h"
#include "codec/json.h"
#include "codec/uri.h"
#include "codec/xmlw.h"
#include "net/stream.h"

enum {
	STEP_TIMEOUT_MS = 10 * 1000,
	SKEW_MAX_S = 5 * 60, /* beyond it signatures are refused */
	SKEW_NOTE_S = 60,
	PAGE_MAX = 64 * 1024,
};

enum verdict { GOOD, NOTE, BAD };

struct doctor {
	struct cli *c;
	struct url url;
	bool tls;
	json_t *report; /* array, for --output json */
	bool failed;
	/* of the connection under way */
	struct ev_stream *tcp;
	char peer[80];
	int err;
	char why[300];
};

/* --- the report -------------------------------------------------------------------- */

static void PRINTF(4, 5)
    tell(struct doctor *d, enum verdict v, const char *check, const char *fmt, ...)
{
	static const char *const words[] = { "ok", "note", "FAIL" };
	static const char *const marks[] = { "\033[32m", "\033[33m", "\033[31m" };
	bool colour = cli_colour(d->c, stdout);
	char text[700];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (v == BAD)
		d->failed = true;
	json_array_append_new(d->report,
	    json_pack(
		"{s:s, s:s, s:s}", "Check", check, "Result", words[v], "Text", text));
	if (!d->c->json)
		printf("%s%-4s%s  %-12s  %s\n", colour ? marks[v] : "", words[v],
		    colour ? "\033[0m" : "", check, text);
}

/* --- name, TCP, TLS ---------------------------------------------------------------- */

static void
on_connected(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct doctor *d = arg;

	d->tcp = s;
	d->err = err;
	snprintf(d->why, sizeof(d->why), "%s", why != NULL ? why : "");
	if (s != NULL)
		snprintf(d->peer, sizeof(d->peer), "%s", ev_peer_name(s));
	ev_stop(d->c->loop);
}

static int
check_tcp(struct doctor *d)
{
	uint16_t port = d->url.port != 0 ? d->url.port : d->tls ? 443 : 80;

	ev_connect(d->c->loop, d->url.host, port, STEP_TIMEOUT_MS, on_connected, d);
	ev_run(d->c->loop);
	if (d->err == ERR_RESOLVE) {
		tell(d, BAD, "name",
		    "%s does not resolve (%s): check the endpoint, DNS or /etc/hosts",
		    d->url.host, d->why);
		return d->err;
	}
	tell(d, GOOD, "name", "%s resolves", d->url.host);
	if (d->err != 0)
		tell(d, BAD, "connection",
		    "%s port %u: %s: is sallyportd running there, and does a firewall "
		    "let you through?",
		    d->url.host, port, d->why);
	else
		tell(d, GOOD, "connection", "connected to %s", d->peer);
	return d->err;
}

static void
on_tls_open(void *arg)
{
	struct doctor *d = arg;

	d->err = 0;
	ev_stop(d->c->loop);
}

static void
on_tls_close(void *arg, int err, const char *why)
{
	struct doctor *d = arg;

	d->err = err != 0 ? err : ERR_TLS;
	snprintf(d->why, sizeof(d->why), "%s", why != NULL ? why : err_text(err));
	ev_stop(d->c->loop);
}

static void
on_tls_late(void *arg)
{
	on_tls_close(arg, ERR_TIMEOUT, "no answer to the handshake");
}

static void
on_tls_data(void *arg, struct span in)
{
	(void)arg;
	(void)in;
}

static int
check_tls(struct doctor *d)
{
	static const struct stream_handler handler = {
		.on_open = on_tls_open, .on_data = on_tls_data, .on_close = on_tls_close
	};
	const char *ca = d->c->settings.ca_file;
	struct tls_ctx *tls = NULL;
	struct ev_timer late = { 0 };
	struct fault f = { 0 };
	struct stream *st;

	if ((d->err = tls_client_new(&tls, ca[0] != '\0' ? ca : NULL, &f)) != 0) {
		ev_close(STEAL(d->tcp));
		tell(d, BAD, "TLS", "%s", fault_text(&f));
		return d->err;
	}
	st = stream_new(STEAL(d->tcp), tls, d->url.host, &handler, d);
	ev_timer_set(d->c->loop, &late, STEP_TIMEOUT_MS, on_tls_late, d);
	ev_run(d->c->loop);
	ev_timer_clear(&late);
	stream_close(st);
	tls_ctx_free(tls);
	if (d->err != 0)
		tell(d, BAD, "TLS", "%s", d->why);
	else
		tell(d, GOOD, "TLS", "the certificate is trusted (%s)",
		    ca[0] != '\0' ? ca : "system certificates");
	return d->err;
}

/* --- the server -------------------------------------------------------------------- */

static void
check_clock(struct doctor *d, int64_t date_ms)
{
	long long off = (ev_wall_ms(d->c->loop) - date_ms) / 1000;
	const char *way = off > 0 ? "ahead of" : "behind";

	if (date_ms == 0)
		tell(d, NOTE, "clock", "the server told no time");
	else if (llabs(off) > SKEW_MAX_S)
		tell(d, BAD, "clock",
		    "this machine is %lld s %s the server: set the clock, signatures are "
		    "refused",
		    llabs(off), way);
	else if (llabs(off) > SKEW_NOTE_S)
		tell(d, NOTE, "clock", "this machine is %lld s %s the server", llabs(off),
		    way);
	else
		tell(d, GOOD, "clock", "agrees with the server's");
}

/* Reachable, trusted and healthy; version and date of the server. */
static int
ask_health(struct cli *c, char *version, size_t size, int64_t *date_ms, struct fault *f)
{
	struct cli_page page = { .body = { .max = PAGE_MAX } };
	auto_json *o = NULL;
	const char *word;
	int r;

	if ((r = cli_get(c, "/_health", &page, f)) == 0 &&
	    (page.status != 200 || json_read(&o, buf_span(&page.body), NULL) != 0))
		r = fault_set(f, ERR_PROTOCOL,
		    "/_health answers with status %d and not as a sallyportd does",
		    page.status);
	if (r == 0 && ((word = json_get_str(o, "status")) == NULL || strcmp(word, "ok")))
		r = fault_set(f, ERR_PROTOCOL, "the server does not call itself healthy");
	if (r == 0) {
		word = json_get_str(o, "version");
		snprintf(version, size, "%s", word != NULL ? word : "?");
		*date_ms = page.date_ms;
	}
	buf_fini(&page.body);
	return r;
}

static int
check_health(struct doctor *d)
{
	struct fault f = { 0 };
	char version[64] = "";
	int64_t date_ms = 0;

	if (ask_health(d->c, version, sizeof(version), &date_ms, &f) != 0) {
		tell(d, BAD, "server", "%s: %s", fault_text(&f),
		    d->tls ? "look at its log"
			   : "does it want https:// instead of http://?");
		return f.code;
	}
	tell(d, GOOD, "server", "sallyportd %s is healthy", version);
	check_clock(d, date_ms);
	return 0;
}

static void
check_credentials(struct doctor *d, bool reachable)
{
	static const char form[] = "Action=GetCallerIdentity&Version=2011-06-15";
	auto_buf xml = { .max = PAGE_MAX };
	struct fault f = { 0 };
	char arn[300];

	if (aws_settings_keys(&d->c->settings, &f) != 0)
		tell(d, BAD, "credentials", "%s", fault_text(&f));
	else if (!reachable)
		return;
	else if (cli_query(d->c, "sts", form, &xml, &f) != 0)
		tell(d, BAD, "credentials", "%s", fault_text(&f));
	else if (xml_find_text(arn, sizeof(arn), buf_span(&xml), "Arn") != 0)
		tell(d, BAD, "credentials", "GetCallerIdentity answered without an ARN");
	else
		tell(d, GOOD, "credentials", "you are %s, region %s", arn,
		    d->c->settings.region);
}

/* --- other programs ---------------------------------------------------------------- */

/* The first line that a program prints about its version; false when there is none. */
static bool
version_of(const char *program, char *out, size_t size)
{
	const char *const argv[] = { program, "--version", NULL };
	auto_buf text = { .max = PAGE_MAX };
	struct span rest, line;
	int status;

	if (slurp_program(&text, argv, true, &status) != 0 || status != 0)
		return false;
	rest = buf_span(&text);
	if (!span_cut(&rest, '\n', &line))
		return false;
	snprintf(out, size, SPAN_FMT, SPAN_ARG(line));
	return true;
}

static void
check_plugin(struct doctor *d)
{
	char version[100];

	if (version_of("session-manager-plugin", version, sizeof(version)))
		tell(d, GOOD, "plugin", "session-manager-plugin %s is on PATH", version);
	else
		tell(d, NOTE, "plugin",
		    "no session-manager-plugin on PATH: \"aws ssm start-session\" needs "
		    "one; a link of that name to sallyport will do");
}

/* AWS_ENDPOINT_URL is read since 1.29.0 and 2.13.0. */
static void
check_cli(struct doctor *d)
{
	int major = 0, minor = 0;
	char version[200];

	if (!version_of("aws", version, sizeof(version))) {
		tell(d, NOTE, "AWS CLI", "no aws on PATH (sallyport does without)");
		return;
	}
	if (sscanf(version, "aws-cli/%d.%d", &major, &minor) != 2) {
		tell(d, NOTE, "AWS CLI", "its version is not understood: %s", version);
		return;
	}
	if (major > 2 || (major == 2 && minor >= 13) || (major == 1 && minor >= 29))
		tell(d, GOOD, "AWS CLI", "%d.%d reads AWS_ENDPOINT_URL", major, minor);
	else
		tell(d, NOTE, "AWS CLI",
		    "%d.%d does not read AWS_ENDPOINT_URL: call it with --endpoint-url "
		    "%s",
		    major, minor, d->c->settings.endpoint);
}

/* --- the whole --------------------------------------------------------------------- */

/* A proxy of the environment is between us and the server. */
static const char *
proxy_in_use(const struct doctor *d)
{
	const char *p = getenv("HTTPS_PROXY");

	if (p == NULL)
		p = getenv("https_proxy");
	return d->tls && p != NULL && p[0] != '\0' ? p : NULL;
}

static bool
check_way(struct doctor *d)
{
	const char *proxy = proxy_in_use(d);

	if (proxy != NULL)
		tell(d, NOTE, "proxy",
		    "HTTPS_PROXY is set; the server is asked as NO_PROXY says");
	else if (check_tcp(d) != 0)
		return false;
	else if (!d->tls)
		tell(d, NOTE, "TLS", "not in use: the endpoint is http");
	else if (check_tls(d) != 0)
		return false;
	if (d->tcp != NULL)
		ev_close(STEAL(d->tcp));
	return check_health(d) == 0;
}

static int
examine(struct cli *c)
{
	struct doctor d = { .c = c, .report = json_array() };
	struct fault f = { 0 };
	bool reachable = false;

	if (cli_open_place(c, &f) != 0 ||
	    url_parse(&d.url, span_str(c->settings.endpoint), &f) != 0) {
		tell(&d, BAD, "settings", "%s", fault_text(&f));
	} else {
		d.tls = strcmp(d.url.scheme, "https") == 0;
		tell(&d, GOOD, "settings", "endpoint %s", c->settings.endpoint);
		reachable = check_way(&d);
		check_credentials(&d, reachable);
	}
	check_plugin(&d);
	check_cli(&d);
	if (c->json)
		cli_print_json(d.report);
	json_decref(d.report);
	return d.failed ? CLI_FAILED : CLI_OK;
}

static int
examine_quietly(struct cli *c)
{
	struct fault f = { 0 };
	char version[64];
	int64_t date_ms;

	return cli_open_place(c, &f) == 0 &&
		ask_health(c, version, sizeof(version), &date_ms, &f) == 0
	    ? CLI_OK
	    : CLI_FAILED;
}

int
cmd_doctor(struct cli *c, int argc, char **argv)
{
	bool quiet = false;
	const struct cli_option options[] = {
		{ "quiet", 'q', NULL, "no words; only: is the server there and trusted",
		    .flag = &quiet },
	};
	const struct cli_usage u = {
		.command = "doctor",
		.synopsis = "[--quiet]",
		.what =
		    "Goes the way of a session step by step: settings, name, "
		    "connection, TLS,\nserver, clock, credentials, plugin and AWS CLI; "
		    "says what is wrong and what to do.",
		.examples = "  sallyport doctor\n"
			    "  until sallyport doctor --quiet; do sleep 1; done\n",
		.exits = "  0  nothing is wrong\n"
			 "  1  something is\n"
			 "  2  the command line is wrong\n",
		CLI_OPTIONS(options),
		.wordless = true,
	};
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	return quiet ? examine_quietly(c) : examine(c);
}
