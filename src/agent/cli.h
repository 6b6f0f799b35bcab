/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of sallyport-agent.  Exit codes: 0 done, 1 it did not work (the reason
 * is on standard error), 2 the command line is not understood.
 */
#pragma once

#include "agent/registration.h"
#include "net/tls.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

int agent_main(int argc, char **argv);

struct cli_options {
	char dir[4096]; /* state folder */
	const char *endpoint, *region, *activation_id, *activation_code;
	const char *ca_file, *session_user, *node_id, *access_key;
	char deny_forward[2048]; /* what --deny-forward and --no-...-forward say */
	bool force, json, grant_sudo;
};

/* The commands; each returns an exit code. */
int cli_register(const struct cli_options *o);
int cli_run(const struct cli_options *o);
int cli_status(const struct cli_options *o);
int cli_doctor(const struct cli_options *o);

/* What the running agent last wrote, if there is one. */
struct cli_state {
	bool running;
	bool connected;
	int64_t pid, since_ms, heartbeat_ms, expire_ms, sessions;
	char trouble[256];
};
void cli_state_read(struct cli_state *s, const char *dir);

/* "sallyport-agent: text" on standard error. */
void cli_complain(const char *fmt, ...) PRINTF(1, 2);
/* The proxy of the environment for https URLs, or NULL. */
const char *cli_proxy(void);
const char *cli_no_proxy(void);
/* "" and NULL mean the system's roots. */
int cli_tls(struct tls_ctx **out, const char *ca_file, struct fault *f) MUST_USE;
