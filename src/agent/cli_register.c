/* SPDX-License-Identifier: Apache-2.0 */
/* `sallyport-agent register`. */
#include "agent/cli.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "agent/dial.h"
#include "agent/files.h"
#include "agent/register.h"
#include "agent/sudoers.h"
#include "agent/user.h"
#include "crypto/crypto.h"
#include "ev/ev.h"
#include "proto/ids.h"

enum { SECRET_MAX = 512 };

/* From the option, the environment, or one line of a pipe; NULL when there is none. */
static char *
take_secret(const char *option, const char *variable)
{
	const char *v = option != NULL ? option : getenv(variable);
	char line[SECRET_MAX];
	char *copy;

	if (v != NULL && *v != '\0')
		return xstrdup(v);
	if (isatty(STDIN_FILENO) || fgets(line, sizeof(line), stdin) == NULL)
		return NULL;
	line[strcspn(line, "\r\n")] = '\0';
	copy = *line != '\0' ? xstrdup(line) : NULL;
	secret_wipe(line, sizeof(line));
	return copy;
}

static const char *
region_of(const struct cli_options *o)
{
	const char *r = o->region;

	if (r == NULL || *r == '\0')
		r = getenv("AWS_REGION");
	if (r == NULL || *r == '\0')
		r = getenv("AWS_DEFAULT_REGION");
	return r != NULL && *r != '\0' ? r : "us-east-1";
}

static int
check_usage(const struct cli_options *o)
{
	bool is_static = o->node_id != NULL || o->access_key != NULL;
	struct dial_policy deny;
	struct fault f = { 0 };

	if (o->endpoint == NULL)
		cli_complain("--endpoint is missing");
	else if (is_static && (o->node_id == NULL || o->access_key == NULL))
		cli_complain("--node-id and --access-key belong together");
	else if (is_static == (o->activation_id != NULL))
		cli_complain("say either --activation-id, or --node-id and --access-key");
	else if (o->session_user != NULL && !id_user_valid(span_str(o->session_user)))
		cli_complain("--session-user is not a user name");
	else if (!id_region_valid(span_str(region_of(o))))
		cli_complain("--region is not a region's name");
	else if (dial_policy_parse(&deny, o->deny_forward, &f) != 0)
		cli_complain("--deny-forward: %s", fault_text(&f));
	else if (o->grant_sudo && geteuid() != 0)
		cli_complain("--grant-sudo is for root");
	else
		return CLI_OK;
	(void)fputs("Try: sallyport-agent register --help\n", stderr);
	return CLI_USAGE;
}

static int
check_state(const struct cli_options *o, struct fault *f)
{
	struct agent_reg old;
	auto_buf b = { 0 };
	int r;

	if ((r = agent_dir_make(o->dir, f)) != 0)
		return r;
	if (o->force ||
	    agent_file_read(&b, o->dir, FILE_REGISTRATION, NULL) == ERR_NOTFOUND)
		return 0;
	if (agent_reg_load(&old, o->dir, NULL) != 0)
		return fault_set(f, ERR_EXISTS,
		    "%s holds a damaged registration; --force replaces it", o->dir);
	r = fault_set(f, ERR_EXISTS,
	    "this machine is registered already, as %s at %s; --force replaces that",
	    old.node_id, old.endpoint);
	agent_reg_fini(&old);
	return r;
}

/* What the server cannot know. */
static int
fill_local(struct agent_reg *reg, const struct cli_options *o, struct fault *f)
{
	char path[PATH_MAX];

	if (o->ca_file != NULL && realpath(o->ca_file, path) == NULL)
		return fault_set(f, err_from_errno(errno), "cannot open %s: %s",
		    o->ca_file, strerror(errno));
	reg->ca_file = xstrdup(o->ca_file != NULL ? path : "");
	reg->session_user = xstrdup(o->session_user != NULL ? o->session_user : "");
	reg->deny_forward = xstrdup(o->deny_forward);
	return 0;
}

static int
with_activation(struct agent_reg *reg, struct buf *key, const struct cli_options *o,
    const char *endpoint, struct fault *f)
{
	struct agent_register_options ro = { .endpoint = endpoint,
		.region = region_of(o),
		.activation_id = o->activation_id,
		.proxy = cli_proxy(),
		.no_proxy = cli_no_proxy() };
	auto_secret *code = take_secret(o->activation_code, "SALLYPORT_ACTIVATION_CODE");
	struct ev_loop *l;
	int r;

	if (code == NULL)
		return fault_set(f, ERR_INVALID,
		    "no activation code; put it into SALLYPORT_ACTIVATION_CODE or pipe "
		    "it in");
	ro.activation_code = code;
	if ((r = cli_tls(&ro.tls, o->ca_file, f)) != 0)
		return r;
	l = ev_loop_new();
	r = agent_register(l, reg, key, &ro, f);
	ev_loop_free(l);
	tls_ctx_free(ro.tls);
	return r;
}

static int
with_keys(struct agent_reg *reg, const struct cli_options *o, const char *endpoint,
    struct fault *f)
{
	if (!id_session_valid(span_str(o->node_id)))
		return fault_set(f, ERR_INVALID, "--node-id is not a node's id");
	reg->secret_key = take_secret(NULL, "SALLYPORT_SECRET_ACCESS_KEY");
	if (reg->secret_key == NULL)
		return fault_set(f, ERR_INVALID,
		    "no secret; put it into SALLYPORT_SECRET_ACCESS_KEY or pipe it in");
	reg->node_id = xstrdup(o->node_id);
	reg->access_key = xstrdup(o->access_key);
	reg->endpoint = xstrdup(endpoint);
	reg->region = xstrdup(region_of(o));
	return 0;
}

/* The registration is written last: it is what makes this machine a node. */
static int
store(const struct agent_reg *reg, struct span key, const char *dir, struct fault *f)
{
	int r;

	agent_file_remove(dir, FILE_CREDENTIALS);
	agent_file_remove(dir, FILE_NODE_KEY_NEW);
	agent_file_remove(dir, FILE_STATUS);
	if (key.n > 0 && (r = agent_file_write(dir, FILE_NODE_KEY, key, true, f)) != 0)
		return r;
	return agent_reg_save(reg, dir, f);
}

static void
say_what_is_left(const struct agent_reg *reg)
{
	struct agent_user_policy p = { geteuid() == 0, reg->session_user };
	const char *name =
	    *reg->session_user != '\0' ? reg->session_user : AGENT_SESSION_USER_DEFAULT;
	struct fault f = { 0 };
	struct agent_user u;

	if (p.is_root && agent_user_allowed(&p, name, &u, &f) != 0)
		cli_complain("note: %s", fault_text(&f));
}

static int
do_register(struct agent_reg *reg, const struct cli_options *o, struct fault *f)
{
	auto_free char *endpoint = NULL;
	auto_buf key = { 0 };
	int r;

	buf_init(&key, AGENT_FILE_MAX);
	if ((r = agent_endpoint_clean(&endpoint, o->endpoint, f)) != 0 ||
	    (r = check_state(o, f)) != 0 || (r = fill_local(reg, o, f)) != 0)
		return r;
	r = o->node_id != NULL ? with_keys(reg, o, endpoint, f)
			       : with_activation(reg, &key, o, endpoint, f);
	if (r != 0)
		return r;
	if ((r = store(reg, buf_span(&key), o->dir, f)) != 0)
		return r;
	return o->grant_sudo
	    ? sudoers_grant(*reg->session_user != '\0' ? reg->session_user
						       : AGENT_SESSION_USER_DEFAULT,
		  f)
	    : 0;
}

int
cli_register(const struct cli_options *o)
{
	struct agent_reg reg = { 0 };
	struct fault f = { 0 };
	int r;

	if ((r = check_usage(o)) != CLI_OK)
		return r;
	crypto_init();
	if (do_register(&reg, o, &f) != 0) {
		cli_complain("%s", fault_text(&f));
		r = CLI_FAILED;
	} else {
		(void)printf("Registered as %s at %s\n", reg.node_id, reg.endpoint);
		say_what_is_left(&reg);
	}
	agent_reg_fini(&reg);
	return r;
}
