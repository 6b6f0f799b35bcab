/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session documents: validation, parameters, and what a session is made of.
 *
 * The server resolves a document with the caller's parameters and sends the result in
 * interactive_shell; the agent reads that result with the same function and no
 * parameters. Values of parameters are inserted once and never scanned again.
 */
#pragma once

#include <jansson.h>

#include "base/arena.h"
#include "base/buf.h"

enum {
	DOCUMENT_CONTENT_MAX = 64 * 1024,   /* AWS: 64 KB */
	DOCUMENT_RESOLVED_MAX = 256 * 1024, /* after insertion */
	DOCUMENT_PARAMETERS_MAX = 64,       /* ours */
	DOCUMENT_VALUE_MAX = 64 * 1024, /* AWS: 65,535 characters */
	DOCUMENT_PATTERN_VALUE_MAX =
	    8192, /* a value that an allowedPattern is run over */
	DOCUMENT_IDLE_DEFAULT = 20,   /* minutes; AWS's, as are the next two */
	DOCUMENT_IDLE_MAX = 60,       /* minutes */
	DOCUMENT_DURATION_MAX = 1440, /* minutes */
};

/* The account's preferences, and what StartSession without a document name starts. */
#define DOCUMENT_PREFERENCES "SSM-SessionManagerRunShell"

enum document_type {
	DOCUMENT_STANDARD_STREAM,
	DOCUMENT_INTERACTIVE,
	DOCUMENT_NONINTERACTIVE,
	DOCUMENT_PORT,
	DOCUMENT_COPY, /* ours: proto/copy.h */
};
const char *document_type_name(enum document_type t); /* "Standard_Stream", ... */
int document_type_parse(enum document_type *t, struct span name) MUST_USE;

/* A resolved document.  Strings are in the arena and never NULL ("" when absent). */
struct session_document {
	enum document_type type;
	int64_t idle_min; /* 1..60, DOCUMENT_IDLE_DEFAULT when not said */
	int64_t max_min;  /* 1..1440; 0: no limit */
	bool run_as_enabled;
	const char *run_as_default_user;
	const char *shell_profile; /* linux */
	const char *s3_bucket, *s3_prefix;
	bool s3_encryption;
	const char *log_group;
	bool log_encryption, log_streaming;
	const char *kms_key_id;
	/* InteractiveCommands, NonInteractiveCommands: properties.linux */
	const char *commands;
	bool run_as_elevated;
	bool separate_output;
	bool standard_input; /* the command reads what the client sends */
	const char *stdout_prefix, *stderr_prefix;
	/* Port */
	const char *port, *local_port, *host,
	    *forward_type; /* forward_type: "LocalPortForwarding" */
	const char *local_socket, *local_connection_type;
	const char *remote_socket; /* path on the node, instead of port */
	struct span properties; /* JSON text as resolved; for the handshake */
};

/*
 * Is this an acceptable document?  For CreateDocument and UpdateDocument: places that
 * hold
 * {{ parameters }} are not judged, allowedPatterns must compile.  ERR_INVALID, ERR_LIMIT.
 */
int document_check(struct span content, struct fault *f) MUST_USE;

/*
 * Fills in parameters, given as the API has them: an object of name -> list of one string
 * (plain strings are taken too), or NULL.  ERR_INVALID with AWS's words when a parameter
 * is unknown, missing, or not allowed.  content_out (may be NULL) receives the resolved
 * DocumentContent: no parameters left, booleans as JSON booleans.
 */
int document_resolve(struct session_document *out, struct buf *content_out,
    struct arena *mem, struct span content, const json_t *parameters,
    struct fault *f) MUST_USE;

/* The documents that come with the server. */
struct document_builtin {
	const char *name;
	const char *type;   /* "Session" */
	bool account_owned; /* the preferences document; the others belong to Amazon */
	const char *content;
};
extern const struct document_builtin document_builtins[];
extern const size_t document_builtins_len;
