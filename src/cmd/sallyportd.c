/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyportd: the control plane.  Command line only; see server/daemon.h.
 */
#include <getopt.h>

#include "base/heap.h"
#include "codec/json.h"
#include "crypto/crypto.h"
#include "server/daemon.h"
#include "server/init.h"

enum { HOSTS_MAX = 64, EXIT_USAGE = 2 };

static const char usage[] =
    "usage: sallyportd [options]           serve\n"
    "       sallyportd init [init options] make CA, certificate, account and "
    "administrator\n"
    "\n"
    "  -c, --config FILE     settings (default " CONFIG_FILE_DEFAULT ")\n"
    "  -s, --state-dir DIR   where everything is kept (default " CONFIG_STATE_DEFAULT
    ")\n"
    "  -l, --listen ADDR     [host:]port (default 8443 on all addresses)\n"
    "  -t, --check-config    check the settings and the certificate, then exit\n"
    "      --version\n"
    "  -h, --help\n"
    "\n"
    "init options:\n"
    "      --host NAME       a name or address of this server; may be repeated\n"
    "      --force-new-cert  make a new server certificate from the existing CA\n"
    "\n"
    "SIGHUP loads the certificate anew, SIGTERM stops.\n";

struct args {
	struct config_flags flags;
	struct init_options init;
	const char *hosts[HOSTS_MAX];
	bool check, init_only; /* init_only: an option of init was given */
};

static int
bad_usage(const char *what)
{
	if (what != NULL)
		fprintf(stderr, "sallyportd: %s\n", what);
	fprintf(stderr, "Try 'sallyportd --help'.\n");
	return EXIT_USAGE;
}

/* -1: go on; else the exit status. */
static int
parse(struct args *a, int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "state-dir", required_argument, NULL, 's' },
		{ "listen", required_argument, NULL, 'l' },
		{ "check-config", no_argument, NULL, 't' },
		{ "host", required_argument, NULL, 'H' },
		{ "force-new-cert", no_argument, NULL, 'F' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int o;

	while ((o = getopt_long(argc, argv, "c:s:l:th", options, NULL)) != -1) {
		a->init_only = a->init_only || o == 'H' || o == 'F';
		if (o == 'c')
			a->flags.file = optarg;
		else if (o == 's')
			a->flags.state_dir = optarg;
		else if (o == 'l')
			a->flags.listen = optarg;
		else if (o == 't')
			a->check = true;
		else if (o == 'F')
			a->init.force_new_cert = true;
		else if (o == 'H' && a->init.nhosts == HOSTS_MAX)
			return bad_usage("too many names");
		else if (o == 'H')
			a->hosts[a->init.nhosts++] = optarg;
		else if (o == 'V' || o == 'h') {
			fputs(o == 'V' ? "sallyportd " SALLYPORT_VERSION "\n" : usage,
			    stdout);
			return 0;
		} else
			return bad_usage(NULL);
	}
	a->init.hosts = a->hosts;
	return -1;
}

static int
run(struct args *a, bool init)
{
	struct fault f = { 0 };
	struct config c;
	int status = 1;

	config_init(&c);
	if (config_load(&c, &a->flags, &f) != 0 ||
	    (a->check && daemon_check(&c, &f) != 0)) {
		fprintf(stderr, "sallyportd: %s\n", fault_text(&f));
	} else if (a->check) {
		printf("sallyportd: the configuration is good\n");
		status = 0;
	} else {
		log_setup(c.log_level, c.log_format, "sallyportd");
		status = init ? init_main(&c, &a->init) : daemon_main(&c);
	}
	config_fini(&c);
	return status;
}

int
main(int argc, char **argv)
{
	struct args a = { .check = false };
	bool init = argc > 1 && strcmp(argv[1], "init") == 0;
	static char self[] = "sallyportd";
	int status;

	argv[0] = self; /* who complains */
	heap_setup();
	json_setup();
	if (init) {
		argv[1] = argv[0];
		argc--;
		argv++;
	}
	if ((status = parse(&a, argc, argv)) != -1)
		return status;
	if (optind != argc) {
		fprintf(stderr, "sallyportd: unknown argument %s\n", argv[optind]);
		return bad_usage(NULL);
	}
	if (!init && a.init_only)
		return bad_usage(
		    "--host and --force-new-cert belong to 'sallyportd init'");
	crypto_init();
	return run(&a, init);
}
