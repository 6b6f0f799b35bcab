/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event of the audit trail as CloudTrail writes it (record version 1.11), and the names
 * under which its resources are looked up.  Pure.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum {
	AUDIT_RESOURCES_MAX = 16, /* named in one event */
	AUDIT_AGENT_MAX = 512,    /* bytes of a user agent */
	AUDIT_MESSAGE_MAX = 1024, /* bytes of an error's words */
	AUDIT_PARAMETERS_MAX = 100 * 1024, /* as CloudTrail: longer ones are left out */
};
#define AUDIT_HIDDEN       "HIDDEN_DUE_TO_SECURITY_REASONS"
#define AUDIT_HIDDEN_VALUE "Value hidden due to security reasons."

/* Who did it, as far as it was proven. */
struct audit_identity {
	const char *arn;        /* NULL or "": nobody, or the service itself */
	const char *role_arn;   /* of the role behind a session; NULL or "": not known */
	const char *user_id;    /* aws:userid; may be NULL */
	const char *access_key; /* may be NULL */
	int64_t created_ms;     /* of temporary credentials; 0: not known */
	bool mfa;
};

/* The connection of a call. */
struct audit_tls {
	const char *version, *cipher; /* OpenSSL's words; NULL: not TLS */
	const char *host;             /* the Host header */
};

struct audit_event {
	char id[37];      /* uuid */
	const char *name; /* "StartSession" */
	const char *source;     /* "ssm.amazonaws.com" */
	const char *region, *account;
	const char *request_id; /* NULL: no call */
	const char *source_ip, *user_agent; /* NULL: none */
	int64_t time_ms;
	bool read_only;
	bool service; /* AwsServiceEvent: something happened, nobody called */
	struct audit_tls tls;
	struct audit_identity who;
	const char *error, *message; /* NULL: it worked */
	struct span request, response, details; /* JSON objects, or empty */
	const char *const *resources;           /* ARNs */
	size_t nresources;
	uint64_t left_out; /* events before this one that were not recorded */
};

/* Adds the record.  ERR_LIMIT in the buffer when it is too long. */
void audit_event_write(struct buf *out, const struct audit_event *e);

/*
 * "AWS::SSM::ManagedInstance" and "mi-1" for an ARN.  Anything else is its own name, of
 * type "".  Strings in mem.
 */
struct audit_resource {
	const char *type, *name;
};
void audit_resource_of(struct audit_resource *out, struct arena *mem, const char *arn);
/* For those that stand for everything and end with a star: nothing to look up. */
bool audit_resource_is_any(const char *arn);
