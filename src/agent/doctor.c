/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyport-agent doctor`: from the disk outwards, one check after the other, each with
 * what to do when it fails.  What cannot be tried because an earlier check failed is left
 * out.
 */
#include "agent/cli.h"

#include <sys/stat.h>
#include <unistd.h>

#include "agent/aws.h"
#include "agent/files.h"
#include "agent/user.h"
#include "base/log.h"
#include "base/text.h"
#include "codec/http1.h"
#include "codec/jsonw.h"
#include "codec/uri.h"
#include "crypto/crypto.h"
#include "ev/ev.h"

enum { STEP_MS = 10 * 1000, SKEW_MAX_S = 240 };

struct doctor {
	const char *dir;
	struct agent_reg reg;
	struct ev_loop *loop;
	struct tls_ctx *tls;
	int failed;
	bool clock_is_off;
	/* the outcome of the step under way */
	int err, status;
	char why[400];
	int64_t date_ms;
};

/* --- the report --------------------------------------------------------- */

static void
good(const char *what, const char *text)
{
	(void)printf("ok    %-12s %s\n", what, text);
}

static void
bad(struct doctor *d, const char *what, const char *text, const char *what_to_do)
{
	(void)printf("FAIL  %-12s %s\n      %-12s -> %s\n", what, text, "", what_to_do);
	d->failed++;
}

/* --- registration ------------------------------------------------------- */

static bool
check_registration(struct doctor *d)
{
	struct fault f = { 0 };
	char text[300];

	if (agent_reg_load(&d->reg, d->dir, &f) != 0) {
		bad(d, "registration", fault_text(&f),
		    f.code == ERR_NOTFOUND
			? "sallyport-agent register --endpoint URL --activation-id ID"
			: "run this as the user who runs the agent, or register again "
			  "with --force");
		return false;
	}
	(void)snprintf(text, sizeof(text), "%s at %s", d->reg.node_id, d->reg.endpoint);
	good("registration", text);
	return true;
}

static void
check_secrets(struct doctor *d)
{
	static const char *const names[] = { FILE_REGISTRATION, FILE_NODE_KEY,
		FILE_CREDENTIALS };
	char path[4096 + 32], text[4096 + 64];
	struct stat st;
	int before = d->failed;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", d->dir, names[i]);
		if (stat(path, &st) == 0 && (st.st_mode & 077) != 0) {
			(void)snprintf(
			    text, sizeof(text), "%s can be read by others", path);
			bad(d, "files", text, "chmod 600 it, and find out who did that");
		}
	}
	if (d->failed == before)
		good("files", "private");
}

static void
check_user(struct doctor *d)
{
	const char *name = *d->reg.session_user != '\0' ? d->reg.session_user
							: AGENT_SESSION_USER_DEFAULT;
	struct agent_user_policy p = { true, d->reg.session_user };
	struct fault f = { 0 };
	struct agent_user u;

	if (geteuid() != 0)
		return;
	if (agent_user_allowed(&p, name, &u, &f) == 0)
		good("session user", name);
	else
		bad(d, "session user", fault_text(&f), "without it no session starts");
}

/* --- the network -------------------------------------------------------- */

static void
step_over(struct doctor *d, int err, const char *why)
{
	d->err = err;
	(void)snprintf(d->why, sizeof(d->why), "%s", why != NULL ? why : "");
	ev_stop(d->loop);
}

static void
on_connect(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct doctor *d = arg;

	if (err == 0)
		(void)snprintf(d->why, sizeof(d->why), "%s", ev_peer_name(s));
	if (s != NULL)
		ev_close(s);
	if (err != 0)
		step_over(d, err, why);
	else
		ev_stop(d->loop);
}

static bool
check_connection(struct doctor *d)
{
	struct fault f = { 0 };
	struct url u;

	if (cli_proxy() != NULL) {
		good("connection", "through the proxy of the environment");
		return true;
	}
	if (url_parse(&u, span_str(d->reg.endpoint), &f) != 0) {
		bad(d, "connection", fault_text(&f), "register again with --force");
		return false;
	}
	d->err = 0;
	ev_connect(d->loop, u.host, u.port != 0 ? u.port : 443, STEP_MS, on_connect, d);
	ev_run(d->loop);
	if (d->err == 0)
		good("connection", d->why);
	else if (d->err == ERR_RESOLVE)
		bad(d, "name", d->why,
		    "check the endpoint's name, /etc/resolv.conf and the name server");
	else if (d->err == ERR_REFUSED)
		bad(d, "connection", d->why,
		    "nothing listens there: check host and port, and that sallyportd "
		    "runs");
	else
		bad(d, "connection", d->why,
		    "check the route and the firewalls; the agent needs this one way "
		    "out");
	return d->err == 0;
}

static void
on_http(void *arg, const struct http_response *r, int err, const char *why)
{
	struct doctor *d = arg;

	d->date_ms = 0;
	if (err == 0 && time_parse_http(http1_get(r->head, "Date"), &d->date_ms) != 0)
		d->date_ms = 0;
	step_over(d, err, why);
}

static void
check_clock(struct doctor *d)
{
	int64_t off_s = (ev_wall_ms(d->loop) - d->date_ms) / 1000;
	char text[120];

	if (d->date_ms == 0)
		return;
	(void)snprintf(text, sizeof(text), "%lld s %s the server's",
	    (long long)(off_s < 0 ? -off_s : off_s), off_s < 0 ? "behind" : "ahead of");
	d->clock_is_off = off_s > SKEW_MAX_S || off_s < -SKEW_MAX_S;
	if (d->clock_is_off)
		bad(d, "clock", text,
		    "set the clock (timedatectl set-ntp true): signatures are good for "
		    "five minutes");
	else
		good("clock", off_s == 0 ? "agrees with the server's" : text);
}

static bool
check_tls(struct doctor *d)
{
	struct fault f = { 0 };
	struct http_client *c;
	auto_free char *url = xasprintf("%s/_health", d->reg.endpoint);

	if (cli_tls(&d->tls, d->reg.ca_file, &f) != 0) {
		bad(d, "TLS", fault_text(&f), "register again with the right --ca-file");
		return false;
	}
	c = http_client_new(d->loop, d->tls, cli_proxy(), cli_no_proxy());
	http_call(c,
	    &(struct http_request){ .method = "GET", .url = url, .timeout_ms = STEP_MS },
	    on_http, d);
	ev_run(d->loop);
	http_client_free(c);
	if (d->err != 0) {
		bad(d, d->err == ERR_TLS ? "TLS" : "HTTP", d->why,
		    d->err == ERR_TLS
			? "the CA file must hold the issuer of the server's certificate "
			  "(register --ca-file FILE), and the certificate must name this "
			  "endpoint"
			: "check that the endpoint is a sallyportd and not something "
			  "else");
		return false;
	}
	good("TLS", *d->reg.ca_file != '\0' ? d->reg.ca_file : "the system's roots");
	check_clock(d);
	return true;
}

/* --- credentials -------------------------------------------------------- */

static void
on_answer(void *arg, const struct agent_answer *a)
{
	struct doctor *d = arg;

	d->status = a->status;
	step_over(d, a->err, a->why);
}

static void
build_call(struct doctor *d, struct buf *body, struct agent_request *r)
{
	bool is_static = *d->reg.access_key != '\0';
	struct jsonw w;

	jw_init(&w, body);
	jw_open(&w, '{');
	if (!is_static)
		jw_field_str(&w, "Fingerprint", d->reg.fingerprint);
	jw_close(&w, '}');
	*r = (struct agent_request){
		.service = "ssm",
		.path = "/",
		.target = is_static ? "AmazonSSM.ListInstanceAssociations"
				    : "AmazonSSM.RequestManagedInstanceRoleToken",
		.body = buf_span(body),
		.auth = is_static ? AGENT_AUTH_KEYS : AGENT_AUTH_RSA,
	};
	if (!is_static)
		return;
	buf_reset(body);
	jw_init(&w, body);
	jw_open(&w, '{');
	jw_field_str(&w, "InstanceId", d->reg.node_id);
	jw_close(&w, '}');
	r->body = buf_span(body);
}

static void
try_credentials(struct doctor *d, struct rsa_key *key)
{
	struct sigv4_credentials keys = { d->reg.access_key, d->reg.secret_key, NULL };
	struct agent_request r;
	struct agent_aws *w;
	auto_buf body = { 0 };

	w = agent_aws_new(d->loop,
	    &(struct agent_aws_options){
		.endpoint = d->reg.endpoint,
		.region = d->reg.region,
		.node_id = d->reg.node_id,
		.tls = d->tls,
		.proxy = cli_proxy(),
		.no_proxy = cli_no_proxy(),
	    });
	agent_aws_set_key(w, key);
	agent_aws_set_keys(w, &keys);
	buf_init(&body, 1024);
	build_call(d, &body, &r);
	agent_aws_post(w, &r, on_answer, d);
	ev_run(d->loop);
	agent_aws_free(w);
}

static void
check_credentials(struct doctor *d)
{
	struct rsa_key *key = NULL;
	struct fault f = { 0 };
	auto_buf text = { 0 };

	if (*d->reg.access_key == '\0' &&
	    (agent_file_read(&text, d->dir, FILE_NODE_KEY, &f) != 0 ||
		rsa_load_private(&key, buf_span(&text), &f) != 0)) {
		bad(d, "key", fault_text(&f), "register again with --force");
		return;
	}
	try_credentials(d, key);
	rsa_free(key);
	if (d->err == 0 && d->status == 200)
		good("credentials", "the server knows this node");
	else
		bad(d, "credentials", d->why,
		    d->clock_is_off
			? "set the clock first, then look again"
			: "the node may have been deregistered, or this machine was "
			  "copied from another: register again with --force");
}

static void
check_agent(struct doctor *d)
{
	struct cli_state s;

	cli_state_read(&s, d->dir);
	if (!s.running)
		bad(d, "agent", "not running",
		    "systemctl start sallyport-agent, or sallyport-agent run");
	else if (!s.connected)
		bad(d, "agent", s.trouble[0] != '\0' ? s.trouble : "not connected",
		    "if all above is well it connects within a minute");
	else
		good("agent", "running and online");
}

int
cli_doctor(const struct cli_options *o)
{
	struct doctor d = { .dir = o->dir };

	log_setup(LOG_ERROR, LOG_FORMAT_AUTO, "sallyport-agent"); /* the report says it */
	crypto_init();
	d.loop = ev_loop_new();
	if (check_registration(&d)) {
		check_secrets(&d);
		check_user(&d);
		if (check_connection(&d) && check_tls(&d))
			check_credentials(&d);
		check_agent(&d);
	}
	ev_loop_free(d.loop);
	tls_ctx_free(d.tls);
	agent_reg_fini(&d.reg);
	return d.failed == 0 ? CLI_OK : CLI_FAILED;
}
