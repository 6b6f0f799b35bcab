/* SPDX-License-Identifier: Apache-2.0 */
/* See cli.h. */
#include "agent/cli.h"

#include <getopt.h>
#include <stdarg.h>

#include "agent/copy_program.h"
#include "agent/dial.h"
#include "agent/files.h"
#include "base/log.h"

struct command {
	const char *name;
	int (*run)(const struct cli_options *o);
	const char *options; /* letters of the options it takes */
	const char *help;
};

static const char general_help[] =
    "usage: sallyport-agent COMMAND [OPTION]...\n"
    "\n"
    "The agent of a Sallyport node.  It dials out only; no port is opened.\n"
    "\n"
    "  register   make this machine a node of a Sallyport server\n"
    "  run        serve sessions (what the systemd unit starts)\n"
    "  status     show the registration and the running agent\n"
    "  doctor     find out why it does not work\n"
    "\n"
    "  --help, --version; COMMAND --help\n"
    "\n"
    "Exit status: 0 done, 1 it did not work, 2 the command line is not understood.\n";

static const char register_help[] =
    "usage: sallyport-agent register --endpoint URL --activation-id ID [OPTION]...\n"
    "       sallyport-agent register --endpoint URL --node-id ID --access-key KEY "
    "[OPTION]...\n"
    "\n"
    "  --endpoint URL          the server, https://host:port\n"
    "  --activation-id ID      of the activation (aws ssm create-activation)\n"
    "  --activation-code CODE  better: in SALLYPORT_ACTIVATION_CODE, or piped in\n"
    "  --ca-file FILE          trust these certificates instead of the system's\n"
    "  --region NAME           default: AWS_REGION, AWS_DEFAULT_REGION, us-east-1\n"
    "  --session-user NAME     sessions run as this user; only for an agent that runs "
    "as\n"
    "                          root, default: ssm-user\n"
    "  --grant-sudo            let that user use sudo without a password\n"
    "  --deny-forward CIDR     port sessions to other hosts never go there (repeat it);\n"
    "                          link-local and metadata addresses are always denied\n"
    "  --no-loopback-forward   nor to this machine's loopback under the name of a host\n"
    "  --no-socket-forward     port sessions do not connect to unix sockets\n"
    "  --node-id ID            static credentials instead of an activation; the secret\n"
    "  --access-key KEY        is in SALLYPORT_SECRET_ACCESS_KEY, or piped in\n"
    "  --state-dir DIR         default: /var/lib/sallyport-agent for root, else\n"
    "                          ${XDG_STATE_HOME:-~/.local/state}/sallyport-agent\n"
    "  --force                 replace an existing registration\n";

static const char run_help[] = "usage: sallyport-agent run [--state-dir DIR]\n"
			       "\n"
			       "Connects to the server and serves sessions until SIGTERM "
			       "or SIGINT.  Started as root\n"
			       "it splits into a small root process, which only starts "
			       "sessions, and an unprivileged\n"
			       "one, which talks to the network.\n";

static const char status_help[] =
    "usage: sallyport-agent status [--state-dir DIR] [--json]\n"
    "\n"
    "Exit status 0 when the agent runs and is connected.\n";

static const char doctor_help[] =
    "usage: sallyport-agent doctor [--state-dir DIR]\n"
    "\n"
    "Checks registration, name resolution, TLS, the clock and the credentials, and says\n"
    "what to do.  Exit status 1 when something is wrong.\n";

static const struct command commands[] = {
	{ "register", cli_register, "eicarugnksfdlo", register_help },
	{ "run", cli_run, "s", run_help },
	{ "status", cli_status, "sj", status_help },
	{ "doctor", cli_doctor, "s", doctor_help },
};

static const struct option long_options[] = {
	{ "endpoint", required_argument, NULL, 'e' },
	{ "activation-id", required_argument, NULL, 'i' },
	{ "activation-code", required_argument, NULL, 'c' },
	{ "ca-file", required_argument, NULL, 'a' },
	{ "region", required_argument, NULL, 'r' },
	{ "session-user", required_argument, NULL, 'u' },
	{ "grant-sudo", no_argument, NULL, 'g' },
	{ "node-id", required_argument, NULL, 'n' },
	{ "access-key", required_argument, NULL, 'k' },
	{ "state-dir", required_argument, NULL, 's' },
	{ "deny-forward", required_argument, NULL, 'd' },
	{ "no-loopback-forward", no_argument, NULL, 'l' },
	{ "no-socket-forward", no_argument, NULL, 'o' },
	{ "force", no_argument, NULL, 'f' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

void
cli_complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fputs("sallyport-agent: ", stderr);
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
}

const char *
cli_proxy(void)
{
	const char *p = getenv("https_proxy");

	if (p == NULL || *p == '\0')
		p = getenv("HTTPS_PROXY");
	return p != NULL && *p != '\0' ? p : NULL;
}

const char *
cli_no_proxy(void)
{
	const char *p = getenv("no_proxy");

	return p != NULL ? p : getenv("NO_PROXY");
}

int
cli_tls(struct tls_ctx **out, const char *ca_file, struct fault *f)
{
	return tls_client_new(
	    out, ca_file != NULL && *ca_file != '\0' ? ca_file : NULL, f);
}

static int
add_prefix(struct cli_options *o, const char *cidr)
{
	size_t n = strlen(o->deny_forward);

	if (n + 2 > sizeof(o->deny_forward))
		return ERR_LIMIT;
	if (n > 0)
		o->deny_forward[n++] = ' ';
	return str_copy(o->deny_forward + n, sizeof(o->deny_forward) - n, cidr);
}

static void
take_option(struct cli_options *o, int c, const char *value, int *bad)
{
	switch (c) {
	case 'e':
		o->endpoint = value;
		break;
	case 'i':
		o->activation_id = value;
		break;
	case 'c':
		o->activation_code = value;
		break;
	case 'a':
		o->ca_file = value;
		break;
	case 'r':
		o->region = value;
		break;
	case 'u':
		o->session_user = value;
		break;
	case 'n':
		o->node_id = value;
		break;
	case 'k':
		o->access_key = value;
		break;
	case 's':
		*bad |= str_copy(o->dir, sizeof(o->dir), value) != 0;
		break;
	case 'd':
		*bad |= add_prefix(o, value) != 0;
		break;
	case 'l':
		*bad |= add_prefix(o, DIAL_LOOPBACK) != 0;
		break;
	case 'o':
		*bad |= add_prefix(o, DIAL_SOCKETS) != 0;
		break;
	case 'g':
		o->grant_sudo = true;
		break;
	case 'f':
		o->force = true;
		break;
	case 'j':
		o->json = true;
		break;
	}
}

/* CLI_OK: go on; -1: help was wanted. */
static int
parse(struct cli_options *o, const struct command *cmd, int argc, char **argv)
{
	struct fault f = { 0 };
	static char self[] = "sallyport-agent";
	int c, bad = 0;

	argv[0] = self; /* who complains */
	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (c == 'h')
			return -1;
		if (c == '?' || strchr(cmd->options, c) == NULL) {
			if (c != '?')
				cli_complain(
				    "%s does not take %s", cmd->name, argv[optind - 1]);
			return CLI_USAGE;
		}
		take_option(o, c, optarg, &bad);
	}
	if (optind < argc) {
		cli_complain("unexpected argument \"%s\"", argv[optind]);
		return CLI_USAGE;
	}
	if (bad != 0) {
		cli_complain("an argument is too long");
		return CLI_USAGE;
	}
	if (o->dir[0] == '\0' && agent_dir_default(o->dir, sizeof(o->dir), &f) != 0) {
		cli_complain("%s", fault_text(&f));
		return CLI_FAILED;
	}
	return CLI_OK;
}

static int
run_command(const struct command *cmd, int argc, char **argv)
{
	struct cli_options o = { 0 };
	int r = parse(&o, cmd, argc, argv);

	if (r == -1) {
		(void)fputs(cmd->help, stdout);
		return CLI_OK;
	}
	if (r == CLI_USAGE)
		(void)fprintf(stderr, "Try: sallyport-agent %s --help\n", cmd->name);
	return r == CLI_OK ? cmd->run(&o) : r;
}

int
agent_main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	log_setup(LOG_INFO, LOG_FORMAT_AUTO, "sallyport-agent");
	if (strcmp(name, AGENT_COPY_WORD) == 0) /* of the agent, not of a person */
		return agent_copy_main();
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
	    strcmp(name, "help") == 0) {
		(void)fputs(general_help, stdout);
		return CLI_OK;
	}
	if (strcmp(name, "--version") == 0) {
		(void)printf("sallyport-agent %s\n", SALLYPORT_VERSION);
		return CLI_OK;
	}
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(name, commands[i].name) == 0)
			return run_command(&commands[i], argc - 1, argv + 1);
	if (*name != '\0')
		cli_complain("there is no command \"%s\"", name);
	(void)fputs(general_help, stderr);
	return CLI_USAGE;
}
