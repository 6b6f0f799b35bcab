/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS Signature Version 4: canonical requests, signing, verifying; header-signed and
 * presigned; and the RSASSA-PSS variant that on-premises agents use for their token
 * calls.  Pure: the time of day is a parameter.
 *
 * Verification is in two steps because the secret is looked up in between:
 *
 *	sigv4_parse(&a, &req, ...)   what the request claims; checks form, not truth
 *	sigv4_check_time/scope       date window, scope pieces
 *	sigv4_verify(&a, &req, key)  the signature itself, constant time
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum {
	SIGV4_SKEW_MS = 5 * 60 * 1000,     /* most services */
	SIGV4_SKEW_S3_MS = 15 * 60 * 1000, /* S3, STS and IAM */
	SIGV4_PRESIGN_MAX_S = 604800,      /* AWS's limit of X-Amz-Expires: a week */
	SIGV4_SIGNED_HEADERS_MAX = 64,     /* ours */
};

struct sigv4_header {
	struct span name;
	struct span value;
};

/* A request as seen on the wire. */
struct sigv4_request {
	const char *method;
	struct span path;  /* raw, as sent */
	struct span query; /* raw, without '?' */
	const struct sigv4_header *headers;
	size_t nheaders;
	struct span
	    body; /* whole body; hashed unless the payload literal says otherwise */
	/*
	 * The body is still on its way (S3 uploads): x-amz-content-sha256 is believed,
	 * and the caller compares it with sigv4_auth.payload_hash once the body is there.
	 */
	bool body_later;
};

/* Why a request was refused; the API layer words it per service. */
enum sigv4_reason {
	SIGV4_OK,
	SIGV4_MISSING,    /* no credentials at all */
	SIGV4_INCOMPLETE, /* Authorization or X-Amz-* parameters malformed or missing */
	SIGV4_BOTH,       /* header and query auth together */
	SIGV4_BAD_ALGORITHM,
	SIGV4_BAD_DATE,
	SIGV4_EXPIRED, /* signature too old, or presigned request past its end */
	SIGV4_NOT_YET,
	SIGV4_HOST_NOT_SIGNED,
	SIGV4_HEADER_NOT_SIGNED, /* x-amz-date, -target or -security-token present but
				    unsigned */
	SIGV4_BAD_SCOPE,
	SIGV4_BAD_SIGNATURE,
	SIGV4_BAD_PAYLOAD_HASH,
};

struct sigv4_auth {
	char *access_key; /* all strings live in the arena */
	char *date;       /* yyyymmdd of the scope */
	char *region;
	char *service;
	char *terminator;
	char *amz_date;       /* X-Amz-Date as sent */
	char *security_token; /* or NULL */
	char *signature;      /* hex, or base64 for the RSA variant */
	char *signed_headers[SIGV4_SIGNED_HEADERS_MAX]; /* lower case, as listed */
	size_t nsigned;
	int64_t when_ms;   /* amz_date parsed */
	int64_t expires_s; /* presigned only */
	bool presigned;
	struct span payload_hash; /* x-amz-content-sha256 as sent, or empty */
};

/* Fills *a; *why and f (AWS's message text) are set on failure. */
int sigv4_parse(struct sigv4_auth *a, const struct sigv4_request *r, struct arena *mem,
    enum sigv4_reason *why, struct fault *f) MUST_USE;
int sigv4_check_time(const struct sigv4_auth *a, int64_t now_ms, int64_t skew_ms,
    enum sigv4_reason *why, struct fault *f) MUST_USE;
/* service: what the request was routed to; any region is accepted. Sentences accumulate.
 */
int sigv4_check_scope(const struct sigv4_auth *a, const char *service,
    enum sigv4_reason *why, struct fault *f) MUST_USE;
/* Verifies; on mismatch the non-normalised and normalised path are both tried. */
int sigv4_verify(const struct sigv4_auth *a, const struct sigv4_request *r,
    struct span secret, struct arena *mem, enum sigv4_reason *why) MUST_USE;
struct rsa_key;
int sigv4_verify_rsa(const struct sigv4_auth *a, const struct sigv4_request *r,
    const struct rsa_key *key, struct arena *mem, enum sigv4_reason *why) MUST_USE;

/*
 * What the signature should have been made of, for the answer to a mismatch.  It repeats
 * the caller's own headers, session token included: for the caller's eyes, not for a log.
 */
void sigv4_explain(const struct sigv4_auth *a, const struct sigv4_request *r,
    struct arena *mem, char **canonical, char **string_to_sign);

struct sigv4_credentials {
	const char *access_key;
	const char *secret;
	const char *token; /* or NULL */
};

/*
 * Signs: *authorization is the header value; the caller sends it together with
 * X-Amz-Date (amz_date) and, where a token is given, X-Amz-Security-Token; r->headers
 * must already hold Host, Content-Type and X-Amz-Target where used (all of r->headers are
 * signed).
 */
int sigv4_sign(char **authorization, const struct sigv4_request *r,
    const struct sigv4_credentials *c, const char *region, const char *service,
    const char *amz_date, struct arena *mem) MUST_USE;
int sigv4_sign_rsa(char **authorization, const struct sigv4_request *r,
    const char *node_id, const struct rsa_key *key, const char *region,
    const char *amz_date, struct arena *mem) MUST_USE;

/*
 * Bodies whose chunks are signed one by one (S3, aws-chunked with
 * STREAMING-AWS4-HMAC-SHA256-PAYLOAD): each signature covers the one before, the first
 * that of the head.  Start it after sigv4_verify(); it holds a signing key, so end it.
 */
struct sigv4_chain {
	uint8_t key[32];
	char *amz_date; /* these two live in the arena */
	char *scope;
	char last[65];
};

int sigv4_chain_init(struct sigv4_chain *c, const struct sigv4_auth *a,
    struct span secret, struct arena *mem) MUST_USE;
/* sha256: of the chunk's data (none in the last chunk).  ERR_SIGNATURE when it does not
 * fit. */
int sigv4_chain_chunk(
    struct sigv4_chain *c, const uint8_t sha256[32], struct span signature) MUST_USE;
/* sha256: of the trailer, "name:value\n" for each of its lines. */
int sigv4_chain_trailer(
    struct sigv4_chain *c, const uint8_t sha256[32], struct span signature) MUST_USE;
void sigv4_chain_fini(struct sigv4_chain *c); /* wipes */
