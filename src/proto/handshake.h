/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handshake of a data channel and the small payloads: HandshakeRequest, -Response and
 * -Complete, encryption challenge, Flag, Size, ExitCode, and what the version strings
 * mean.
 *
 * Our extension is one extra top-level member of Request and Response; stock peers ignore
 * it, and it is used only when both ends showed it:
 *
 *	"Sallyport":{"Version":1,"ExitStatus":true,"MaxPayload":65536,"Window":1048576}
 *
 * and "Input":true where this session's input is a stream that ends by itself.
 *
 * Parsed text lives in the caller's arena.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

enum {
	HANDSHAKE_ACTIONS_MAX = 8,      /* there are two kinds */
	HANDSHAKE_ERRORS_MAX = 16,      /* of a response; further ones are dropped */
	HANDSHAKE_TEXT_MAX = 64 * 1024, /* bytes of a message */
	HANDSHAKE_EXT_VERSION = 1,      /* of our extension */
	HANDSHAKE_EXT_PAYLOAD_MAX = 1024 * 1024 - 1024, /* accepted range of MaxPayload */
	HANDSHAKE_EXT_WINDOW_MAX = 16 * 1024 * 1024,
	HANDSHAKE_WAIT_MS = 15 * 1000, /* how long a stock agent waits for the response */
};

/* Announced so that stock peers choose mux without keep-alive (data-channel rules). */
#define HANDSHAKE_AGENT_VERSION  "3.3.987.0"
#define HANDSHAKE_CLIENT_VERSION "1.2.707.0"

#define ACTION_SESSION_TYPE "SessionType"
#define ACTION_KMS          "KMSEncryption"

enum handshake_status {
	HANDSHAKE_UNKNOWN =
	    0, /* what the stock plugin says to an action it does not know */
	HANDSHAKE_SUCCESS = 1,
	HANDSHAKE_FAILED = 2,
	HANDSHAKE_UNSUPPORTED = 3,
};

struct handshake_ext {
	bool present;
	uint32_t version;
	bool exit_status;
	bool input;     /* this session's: the agent takes it, the client sends it */
	bool no_digest; /* stream data needs no PayloadDigest */
	bool attached;  /* smux: a stream hears when its connection is there */
	uint32_t max_payload;
	uint32_t window;
};

/* One entry of RequestedClientActions. */
struct handshake_action {
	const char *type;         /* ACTION_*, or a name nobody knows */
	const char *session_type; /* SessionType: one of the four, as written */
	struct span properties;   /* SessionType: JSON text; empty: null */
	const char *kms_key_id;   /* KMSEncryption */
	const char *challenge;    /* KMSEncryption; NULL when absent */
};

struct handshake_request {
	const char *agent_version;
	struct handshake_action actions[HANDSHAKE_ACTIONS_MAX];
	size_t nactions;
	struct handshake_ext ext;
};

/* One entry of ProcessedClientActions. */
struct handshake_result {
	const char *type;
	int status;         /* enum handshake_status; others as received */
	struct span result; /* JSON text; empty: null */
	const char *error;  /* "" when none */
};

struct handshake_response {
	const char *client_version;
	struct handshake_result results[HANDSHAKE_ACTIONS_MAX];
	size_t nresults;
	const char *errors[HANDSHAKE_ERRORS_MAX];
	size_t nerrors;
	struct handshake_ext ext;
};

struct handshake_complete {
	int64_t elapsed_ns;
	const char *customer_message; /* "" when none */
};

/* What we announce in every session; "input" depends on the session. */
struct handshake_ext handshake_ext_ours(uint32_t max_payload, uint32_t window);

void handshake_request_build(struct buf *out, const struct handshake_request *r);
int handshake_request_parse(struct handshake_request *r, struct arena *mem,
    struct span json, struct fault *f) MUST_USE;
/* The action of that type, or NULL. */
const struct handshake_action *handshake_request_find(
    const struct handshake_request *r, const char *type);

void handshake_response_build(struct buf *out, const struct handshake_response *r);
int handshake_response_parse(struct handshake_response *r, struct arena *mem,
    struct span json, struct fault *f) MUST_USE;

/*
 * Client: answers every action.  SessionType of the four names succeeds and its action is
 * returned in *session; KMSEncryption fails and an unknown action is Unsupported. Returns
 * ERR_UNSUPPORTED when there is no valid session type (the answer is filled in all the
 * same).
 */
int handshake_answer(struct handshake_response *out,
    const struct handshake_action **session, const struct handshake_request *in,
    struct arena *mem, struct fault *f) MUST_USE;
/*
 * Agent: 0 when each action of ours that the protocol defines was answered with Success.
 * Status 0 is tolerated for an action that stock clients do not know.  ERR_DENIED
 * otherwise.
 */
int handshake_check(const struct handshake_request *asked,
    const struct handshake_response *answer, struct fault *f) MUST_USE;

void handshake_complete_build(struct buf *out, const struct handshake_complete *c);
int handshake_complete_parse(struct handshake_complete *c, struct arena *mem,
    struct span json, struct fault *f) MUST_USE;

/* EncChallengeRequest and -Response: {"Challenge":"<base64>"}. */
void handshake_challenge_build(struct buf *out, const char *challenge);
int handshake_challenge_parse(const char **challenge, struct arena *mem, struct span json,
    struct fault *f) MUST_USE;

/* --- versions --------------------------------------------------------------- */

/* As the stock agent compares: numbers by component, equal prefix: the longer is greater.
 */
int version_cmp(
    const char *a, const char *b, int *out) MUST_USE; /* ERR_INVALID: not a version */
/* As the stock plugin does: the same number of components, all numbers, else false. */
bool version_newer_strict(const char *v, const char *than);

/* What the client may do with an agent of this version ("": no handshake happened). */
bool handshake_agent_takes_terminate(const char *agent_version); /* > 2.3.722.0 */
bool handshake_agent_does_mux(const char *agent_version);        /* > 3.0.196.0 */
bool handshake_agent_keepalive_off(const char *agent_version);   /* > 3.1.1511.0 */
/* What the agent may do with a client of this version. */
bool handshake_client_does_mux(const char *client_version);      /* >= 1.1.70 */
bool handshake_client_keepalive_off(const char *client_version); /* > 1.2.331.0 */
bool handshake_client_is_old(const char *client_version); /* <= 1.2.295: update notice */

/* --- small payloads ----------------------------------------------------------- */

void flag_encode(uint8_t out[4], uint32_t flag);
int flag_decode(uint32_t *flag, struct span s) MUST_USE; /* exactly four bytes */

struct term_size {
	uint16_t cols, rows; /* 1..65535 */
};
void term_size_build(struct buf *out, struct term_size sz);
int term_size_parse(struct term_size *sz, struct span json) MUST_USE;

void exit_code_build(struct buf *out, int code); /* "EXIT_CODE: 3" */
int exit_code_parse(int *code, struct span text) MUST_USE;
