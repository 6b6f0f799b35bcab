/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of sallyportd: built-in values, then the file, then flags.
 *
 * The file has lines "key = value"; '#' begins a comment, a value may stand in double
 * quotes.  Section lines ("[tls]") are allowed and only serve the eye.  An unknown key, a
 * second value for a key or a value out of range is an error that names the line.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"

enum config_metrics { CONFIG_METRICS_OFF, CONFIG_METRICS_LOOPBACK, CONFIG_METRICS_ANY };

struct config {
	struct arena mem;

	const char *state_dir;
	const char *listen_host; /* "" for all addresses */
	uint16_t listen_port;
	const char *tls_cert, *tls_key; /* default: in the state folder */
	const char *ca_file;            /* served under /_ca.pem */
	bool tls;                       /* off: behind something that ends TLS */
	/* [ws://|wss://]host[:port] of StreamUrl, wss without; "": as the client said */
	const char *stream_url_host;
	const char *oidc_ca_file; /* whom identity providers are certified by; "": the system's */
	const char *oidc_deny;    /* address prefixes that no provider's keys are fetched from */
	const char *agent_dir; /* packages served under /_agent/; "": none */
	const char *region;    /* of calls that name none */
	enum log_level log_level;
	enum log_format log_format;
	enum config_metrics metrics; /* who may read /_metrics */
	int64_t connections_max;
	int64_t sessions_per_node_max, sessions_per_principal_max;
	int64_t access_approvers; /* how many have to agree to an access request */
	int64_t session_buffer_max; /* bytes that wait for an end that is away */
	int64_t body_max; /* bytes of a request body */
	int64_t drain_ms; /* how long a stop waits for answers */
	int64_t audit_retention_days; /* 0: for ever */
	/* Of the audit trail; in the state folder.  NULL without config_load(). */
	const char *audit_key, *audit_pub, *reserve;
};

/* What the command line may override; NULL: not given. */
struct config_flags {
	const char *file;
	const char *state_dir;
	const char *listen; /* [host]:port or port */
};

enum { CONFIG_FILE_MAX = 256 * 1024 };
#define CONFIG_FILE_DEFAULT  "/etc/sallyport/sallyportd.conf"
#define CONFIG_STATE_DEFAULT "/var/lib/sallyport"

/* Built-in values only. */
void config_init(struct config *c);
void config_fini(struct config *c);

/* Applies the text of a file called name.  ERR_INVALID with "name:line: ..." in *f. */
int config_parse(
    struct config *c, const char *name, struct span text, struct fault *f) MUST_USE;
/*
 * Everything together.  A missing default file is no error, a missing file that was named
 * is one.
 */
int config_load(
    struct config *c, const struct config_flags *flags, struct fault *f) MUST_USE;
/* Where the files of the audit trail are: for a config that was not loaded. */
void config_state_files(struct config *c);
/* A path in the state folder, in c->mem. */
const char *config_path(struct config *c, const char *name);
