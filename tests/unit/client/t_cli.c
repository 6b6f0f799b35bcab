/* SPDX-License-Identifier: Apache-2.0 */
/* The command line before any call is made: options, help, suggestions, mistakes. */
#include "unit/check.h"

#include "client/command/commands.h"
#include "unit/client/printed.h"

enum { ARGS = 9 };

static void
run(struct printed *p, const char *const *args)
{
	const char *all[ARGS + 2] = { "sallyport" };

	for (size_t i = 0; i < ARGS && args[i] != NULL; i++)
		all[i + 1] = args[i];
	printed_run(p, cli_main, all);
}

static bool
holds(const struct buf *b, const char *text)
{
	return text[0] == '\0' ||
	    (b->len > 0 && memmem(b->p, b->len, text, strlen(text)));
}

static const struct {
	const char *what;
	const char *args[ARGS];
	int status;
	const char *out, *err; /* part of it; "": stays empty */
} command_lines[] = {
	{ "nothing", { NULL }, 2, "", "no command" },
	{ "--version", { "--version" }, 0, "sallyport " SALLYPORT_VERSION "\n", "" },
	{ "--help", { "--help" }, 0, "register-command", "" },
	{ "help", { "help" }, 0, "register-command", "" },
	{ "help ls", { "help", "ls" }, 0, "usage: sallyport ls", "" },
	{ "ls --help", { "ls", "--help" }, 0, "usage: sallyport ls", "" },
	{ "ls -h", { "ls", "-h" }, 0, "usage: sallyport ls", "" },
	{ "help of nothing we have", { "help", "nothing" }, 2, "", "no command" },
	{ "a letter too many", { "connectt" }, 2, "", "did you mean connect?" },
	{ "two letters swapped", { "exce" }, 2, "", "did you mean exec?" },
	{ "the beginning", { "reg" }, 2, "", "did you mean register-command?" },
	{ "far away", { "frobnicate" }, 2, "", "see sallyport --help" },
	{ "an unknown option", { "ls", "--what" }, 2, "",
	    "sallyport ls: unknown option --what: see sallyport ls --help" },
	{ "an unknown letter", { "ls", "-z" }, 2, "", "unknown option -z" },
	{ "a value is missing", { "ls", "--filter" }, 2, "", "--filter wants a value" },
	{ "a wrong output", { "--output", "yaml", "ls" }, 2, "", "text or json" },
	{ "global options behind", { "ls", "--output", "yaml" }, 2, "", "text or json" },
	{ "one word too many", { "ls", "web" }, 2, "", "one word too many" },
	{ "connect to nothing", { "connect" }, 2, "", "which node" },
	{ "connect to two", { "connect", "a", "b" }, 2, "", "more than one" },
	{ "a parameter without =", { "connect", "a", "--parameters", "x" }, 2, "",
	    "KEY=VALUE" },
	{ "exec without a node", { "exec" }, 2, "", "which node" },
	{ "exec without a command", { "exec", "a" }, 2, "", "which command" },
	{ "exec without a command behind --", { "exec", "a", "--" }, 2, "",
	    "which command" },
	{ "exec of an unknown option", { "exec", "--what", "a", "--", "b" }, 2, "",
	    "unknown option --what" },
	{ "terminate nothing", { "terminate" }, 2, "", "which session" },
	{ "terminate all of what", { "terminate", "--all" }, 2, "",
	    "--target go together" },
	{ "sessions, a wrong limit", { "sessions", "--limit", "x" }, 2, "",
	    "not a number" },
	{ "a wrong prefix", { "register-command", "--id-prefix", "x-" }, 2, "",
	    "i- or mi-" },
	{ "a wrong time", { "register-command", "--expires", "40d" }, 2, "",
	    "up to 30d" },
	{ "admin of what", { "admin" }, 2, "", "goes on with document, lock or audit" },
	{ "admin of something else", { "admin", "x" }, 2, "", "there is no admin x" },
	{ "admin lock, but what", { "admin", "lock" }, 2, "",
	    "lock goes on with add, list or remove" },
	{ "lock two at a time", { "admin", "lock", "remove", "a", "b" }, 2, "",
	    "whose lock" },
	{ "delete no document", { "admin", "document", "delete" }, 2, "",
	    "which document" },
	{ "put a document that is not there",
	    { "admin", "document", "put", "X", "/nowhere" }, 1, "",
	    "cannot open /nowhere: No such file" },
	{ "a list takes no words", { "access", "list", "x" }, 2, "",
	    "x is one word too many" },
	{ "completion of nothing", { "completion" }, 2, "", "which shell" },
	{ "completion of another shell", { "completion", "fish" }, 2, "",
	    "no completion for fish" },
	{ "completion", { "completion", "bash" }, 0, "complete -F _sallyport", "" },
	{ "policy, but what", { "policy" }, 2, "", "what to do: lint" },
	{ "lint no file", { "policy", "lint" }, 2, "", "which file" },
	{ "lint as what", { "policy", "lint", "--kind", "x", "f" }, 2, "", "no kind x" },
	{ "lint a file that is not there", { "policy", "lint", "/nowhere" }, 1, "",
	    "cannot open /nowhere: No such file or directory" },
	{ "lint what never ends", { "policy", "lint", "/dev/zero" }, 1, "",
	    "/dev/zero is too large" },
	{ "lint a directory", { "policy", "lint", "/" }, 1, "", "cannot read /: Is a directory" },
	{ "lint a bad policy", { "policy", "lint", "/dev/null" }, 1,
	    "/dev/null:1:1: malformed: Syntax errors in policy.", "" },
	{ "lint, as JSON", { "policy", "lint", "/dev/null", "--output", "json" }, 1,
	    "\"Code\": \"malformed\"", "" },
	{ "no endpoint", { "ls", "--region", "x" }, 1, "", "AWS_ENDPOINT_URL" },
	{ "an endpoint without a scheme", { "ls", "--endpoint-url", "localhost:8443" }, 1,
	    "", "https://" },
	{ "no credentials",
	    { "ls", "--endpoint-url", "https://localhost:1", "--region", "x" }, 1, "",
	    "AWS_ACCESS_KEY_ID" },
	{ "no credentials, connect",
	    { "connect", "a", "--endpoint-url", "https://localhost:1" }, 255, "",
	    "AWS_ACCESS_KEY_ID" },
	{ "doctor --quiet says nothing", { "doctor", "-q" }, 1, "", "" },
};

static void
t_command_lines(void **state)
{
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(command_lines); i++) {
		struct printed p;

		row(command_lines[i].what);
		run(&p, command_lines[i].args);
		assert_int_equal(p.status, command_lines[i].status);
		assert_true(holds(&p.out, command_lines[i].out));
		assert_true(holds(&p.err, command_lines[i].err));
		if (command_lines[i].out[0] == '\0')
			check_text(buf_span(&p.out), "");
		if (command_lines[i].err[0] == '\0')
			check_text(buf_span(&p.err), "");
		printed_fini(&p);
	}
}

/* What a person reads about each command holds everything that a person looks for. */
static void
t_help(void **state)
{
	static const char *const parts[] = { "usage: sallyport ", "global options",
		"--profile", "examples:", "exit status:" };
	(void)state;

	for (size_t i = 0; i < cli_commands_len; i++) {
		struct printed p;

		row(cli_commands[i].name);
		run(&p, (const char *const[]){ cli_commands[i].name, "--help", NULL });
		assert_int_equal(p.status, 0);
		for (size_t k = 0; k < ARRAY_LEN(parts); k++)
			assert_true(holds(&p.out, parts[k]));
		printed_fini(&p);
	}
}

int
main(void)
{
	static const char *const unset[] = { "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SSM",
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION",
		"AWS_DEFAULT_REGION", "AWS_CA_BUNDLE", "SALLYPORT_CA_FILE" };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_command_lines),
		cmocka_unit_test(t_help),
	};

	for (size_t i = 0; i < ARRAY_LEN(unset); i++)
		unsetenv(unset[i]);
	setenv("AWS_CONFIG_FILE", "/dev/null", 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
