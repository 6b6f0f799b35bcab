/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See plugin.h.  Exit status 0 in practically every case, as the stock plugin: anything
 * else makes the AWS CLI print a traceback of its own.
 */
#include "client/command/plugin.h"

#include "base/log.h"
#include "client/run/run.h"
#include "codec/json.h"
#include "crypto/crypto.h"

/* Announced so that the AWS CLI (> 1.2.497.0) hands the response over in the environment.
 */
#define PLUGIN_VERSION HANDSHAKE_CLIENT_VERSION
#define RESPONSE_ENV   "AWS_SSM_START_SESSION_RESPONSE"

enum {
	ARG_RESPONSE = 1,
	ARG_REGION,
	ARG_OPERATION,
	ARG_PROFILE,
	ARG_REQUEST, /* of use for encrypted sessions only */
	ARG_ENDPOINT
};

struct plugin_args {
	char *session_id, *token, *stream_url; /* owned */
};

static void
args_fini(struct plugin_args *a)
{
	free(a->session_id);
	secret_free(a->token);
	free(a->stream_url);
}

static char *
member(const json_t *o, const char *name)
{
	const char *v = json_get_str_ci(o, name);

	return v == NULL || v[0] == '\0' ? NULL : xstrdup(v);
}

/* The StartSession answer: in argv[1], or in the environment variable that it names. */
static int
read_response(struct plugin_args *a, char *arg, struct fault *f)
{
	const char *text = arg;
	auto_json *o = NULL;
	int r;

	if (strncmp(arg, RESPONSE_ENV, strlen(RESPONSE_ENV)) == 0) {
		if ((text = getenv(arg)) == NULL)
			return fault_set(
			    f, ERR_INVALID, "environment variable %s is not set", arg);
	}
	r = json_read(&o, span_str(text), f);
	if (text != arg)
		unsetenv(arg); /* the token is not for our children */
	if (r != 0)
		return r;
	a->session_id = member(o, "SessionId");
	a->token = member(o, "TokenValue");
	a->stream_url = member(o, "StreamUrl");
	if (a->session_id == NULL || a->token == NULL || a->stream_url == NULL)
		return fault_set(f, ERR_INVALID,
		    "the StartSession response lacks SessionId, TokenValue or StreamUrl");
	return 0;
}

static int
run_plugin(int argc, char **argv, struct fault *f)
{
	struct plugin_args a = { 0 };
	struct aws_overrides over = {
		.region = argv[ARG_REGION],
		.profile = argc > ARG_PROFILE ? argv[ARG_PROFILE] : NULL,
		.endpoint = argc > ARG_ENDPOINT ? argv[ARG_ENDPOINT] : NULL,
	};
	struct aws_settings settings = { 0 };
	struct aws_api *api = NULL;
	struct ev_loop *loop = ev_loop_new();
	int r;

	/* Only a resume needs more than the token, and may never be due; it then reads
	 * the credentials and says what is missing. */
	if (aws_settings_load(&settings, &over, f) != 0)
		log_debug("settings", "why=%s", log_q(fault_text(f)));
	if ((r = read_response(&a, argv[ARG_RESPONSE], f)) == 0 &&
	    (r = aws_api_new(&api, loop, &settings, f)) == 0) {
		run_session(loop, api, &settings,
		    &(struct run_options){
			.style = RUN_PLUGIN,
			.session_id = a.session_id,
			.stream_url = a.stream_url,
			.token = a.token,
		    });
	}
	aws_api_free(api);
	aws_settings_fini(&settings);
	args_fini(&a);
	ev_loop_free(loop);
	return r;
}

int
plugin_main(int argc, char **argv)
{
	struct fault f = { 0 };

	if (argc == 1) {
		printf("\nThe Session Manager plugin was installed successfully. Use the "
		       "AWS CLI to "
		       "start a session.\n\n");
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("%s\n", PLUGIN_VERSION);
		return 0;
	}
	if (argc <= ARG_OPERATION) {
		printf("\nUnknown operation %s. \nUse session-manager-plugin --version "
		       "to check the "
		       "version.\n\n",
		    argv[1]);
		return 0;
	}
	if (strcmp(argv[ARG_OPERATION], "StartSession") != 0) {
		printf("Invalid Operation");
		return 0;
	}
	crypto_init();
	log_setup(LOG_ERROR, LOG_FORMAT_AUTO, "session-manager-plugin");
	if (run_plugin(argc, argv, &f) != 0)
		printf("Cannot perform start session: %s\n", fault_text(&f));
	return 0;
}
