/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugin's contract with the AWS CLI: argument counts, texts and exit statuses, as the
 * stock plugin shows them (and as it should where that one crashes).
 */
#include "unit/check.h"

#include "client/command/plugin.h"
#include "unit/client/printed.h"

#define ENV     "AWS_SSM_START_SESSION_RESPONSE"
#define CANNOT  "Cannot perform start session: "
#define REGION  "eu-north-1"
#define URL     "http://127.0.0.1:1"
/* Refused at once, unlike an address that does not answer. */
#define NOWHERE "ftp://127.0.0.1/"
#define INCOMPLETE \
	CANNOT "the StartSession response lacks SessionId, TokenValue or StreamUrl\n"
#define UNKNOWN(word)               \
	"\nUnknown operation " word \
	". \nUse session-manager-plugin --version to check the version.\n\n"

/* Everything that is over before a connection is tried. */
static void
t_arguments(void **state)
{
	static const struct {
		const char *what;
		const char *args[9];
		const char *want; /* how the output begins; all of it, when it ends with a
				   * newline or is "Invalid Operation" */
	} t[] = {
		{ "nothing", { NULL },
		    "\nThe Session Manager plugin was installed successfully. Use the "
		    "AWS CLI "
		    "to start a session.\n\n" },
		{ "--version", { "--version" }, "1.2.707.0\n" },
		{ "another word", { "help" }, UNKNOWN("help") },
		{ "--version and more", { "--version", "x" }, UNKNOWN("--version") },
		{ "two arguments", { "{}", REGION }, UNKNOWN("{}") },
		{ "another operation", { "{}", REGION, "ResumeSession" },
		    "Invalid Operation" },
		{ "another operation with all arguments",
		    { "{}", REGION, "startsession", "", "{}", URL },
		    "Invalid Operation" },
		{ "no JSON", { "{bad", REGION, "StartSession", "", "{}", URL },
		    CANNOT "JSON line 1" },
		{ "empty", { "", REGION, "StartSession", "", "{}", URL }, CANNOT "JSON" },
		{ "an array", { "[]", REGION, "StartSession", "", "{}", URL },
		    INCOMPLETE },
		{ "no fields", { "{}", REGION, "StartSession", "", "{}", URL },
		    INCOMPLETE },
		{ "no token",
		    { "{\"SessionId\":\"s\",\"StreamUrl\":\"wss://x\"}", REGION,
			"StartSession", "", "{}", URL },
		    INCOMPLETE },
		{ "an empty token",
		    { "{\"SessionId\":\"s\",\"StreamUrl\":\"wss://"
		      "x\",\"TokenValue\":\"\"}",
			REGION, "StartSession", "", "{}", URL },
		    INCOMPLETE },
		{ "a variable that is not set",
		    { ENV, REGION, "StartSession", "", "{}", URL },
		    CANNOT "environment variable " ENV " is not set\n" },
		{ "the old form without a profile", { "{}", REGION, "StartSession" },
		    INCOMPLETE },
		{ "arguments beyond the last",
		    { "{}", REGION, "StartSession", "", "{}", URL, "more" }, INCOMPLETE },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const char *args[11] = { "session-manager-plugin" };
		struct printed p;

		row(t[i].what);
		memcpy(args + 1, t[i].args, sizeof(t[i].args));
		printed_run(&p, plugin_main, args);
		assert_int_equal(p.status, 0);
		check_text(buf_span(&p.err), "");
		check_text(span_sub(buf_span(&p.out), 0, strlen(t[i].want)), t[i].want);
		if (t[i].want[strlen(t[i].want) - 1] == '\n')
			assert_int_equal(p.out.len, strlen(t[i].want));
		printed_fini(&p);
	}
}

/* The first line comes before the connection; a session that cannot be had still exits 0. */
static void
t_unreachable(void **state)
{
	static const char first[] = "\nStarting session with SessionId: s-1\n" CANNOT;
	static const char *const forms[] = {
		"{\"SessionId\":\"s-1\",\"TokenValue\":\"t\",\"StreamUrl\":\"" NOWHERE
		"\"}",
		"{\"sessionId\":\"s-1\",\"tokenValue\":\"t\",\"streamUrl\":\"" NOWHERE
		"\",\"ResponseMetadata\":{\"RequestId\":\"x\"}}",
		ENV,
		ENV "_42",
	};
	(void)state;

	setenv(ENV, forms[0], 1);
	setenv(ENV "_42", forms[1], 1);
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		const char *const args[] = { "session-manager-plugin", forms[i], REGION,
			"StartSession", "", "{\"Target\":\"i-1\"}", URL, NULL };
		struct printed p;

		row(forms[i]);
		printed_run(&p, plugin_main, args);
		assert_int_equal(p.status, 0);
		check_text(span_sub(buf_span(&p.out), 0, sizeof(first) - 1), first);
		printed_fini(&p);
		if (i == 0)
			setenv("AWS_ACCESS_KEY_ID", "", 1); /* not needed to connect */
	}
	unsetenv(ENV);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_arguments),
		cmocka_unit_test(t_unreachable),
	};

	unsetenv(ENV);
	setenv("AWS_CONFIG_FILE", "/dev/null", 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
