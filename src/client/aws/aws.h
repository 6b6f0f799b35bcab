/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caller's AWS settings (environment, ~/.aws/config, ~/.aws/credentials) and signed
 * calls to the JSON and Query services with them.
 *
 * Order of precedence as in the AWS CLI: an explicit argument, then the environment
 * (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION,
 * AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_SSM, AWS_ENDPOINT_URL, AWS_CA_BUNDLE, AWS_PROFILE,
 * AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE), then the profile (credential_process and
 * endpoint_url and ca_bundle included).
 */
#pragma once

#include <jansson.h>

#include "net/http_client.h"

struct aws_settings {
	char *access_key; /* all owned, "" when unset; the secrets are wiped */
	char *secret;
	char *token;
	char *region;
	char *endpoint; /* URL without a trailing slash */
	char *ca_file;
	char *profile;
	bool ignore_env_keys; /* an explicit profile beats keys in the environment */
};

struct aws_overrides {
	const char *profile, *region, *endpoint, *ca_file; /* NULL or "": not given */
};

/*
 * Where the service is, without credentials.  Fails with words that tell what to set; a
 * connection to somewhere else can be made with what is there all the same.
 */
int aws_settings_load(
    struct aws_settings *s, const struct aws_overrides *o, struct fault *f) MUST_USE;
/*
 * The credentials, after aws_settings_load(), and that a region is known: without both no
 * call can be signed.  Any number of times: they may have been renewed since.
 */
int aws_settings_keys(struct aws_settings *s, struct fault *f) MUST_USE;
void aws_settings_fini(struct aws_settings *s);

/*
 * The answer of one call.  err 0: an HTTP answer; status 200: out is the parsed body
 * (JSON services) and body its text; else code and message are the service's.  err < 0:
 * message says what went wrong on the way.
 */
struct aws_answer {
	int err;
	int status;
	const char *code;
	const char *message;
	json_t *out; /* borrowed */
	struct span body;
};
typedef void aws_done(void *arg, const struct aws_answer *a);

struct aws_api; /* owns its HTTP client and TLS context */
struct aws_call;

int aws_api_new(struct aws_api **out, struct ev_loop *l, struct aws_settings *s,
    struct fault *f) MUST_USE;
void aws_api_free(struct aws_api *a); /* cancels calls without their callbacks */
struct http_client *aws_api_http(struct aws_api *a);

enum aws_service {
	AWS_SSM,
	AWS_CLOUDTRAIL,
	AWS_SALLYPORT, /* what AWS has no operation for */
};

/*
 * POST of an operation of a JSON service.  timeout_ms 0: 30 s.  One that reads, or starts a
 * session, is made again where its connection is cut, three times in all.
 */
struct aws_call *aws_json(struct aws_api *a, enum aws_service service,
    const char *operation, struct span body, uint64_t timeout_ms, aws_done *done,
    void *arg);
/* The same of AmazonSSM. */
struct aws_call *aws_ssm(struct aws_api *a, const char *operation, struct span body,
    uint64_t timeout_ms, aws_done *done, void *arg);
/* POST of a Query operation ("sts", "Action=GetCallerIdentity&Version=2011-06-15"); out is
 * NULL and body XML. */
struct aws_call *aws_query(
    struct aws_api *a, const char *service, const char *form, aws_done *done, void *arg);
void aws_call_cancel(struct aws_call *c);
