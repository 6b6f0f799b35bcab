/* SPDX-License-Identifier: Apache-2.0 */
/* Where endpoint, region and credentials come from, in the order of the AWS CLI. */
#include "unit/check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/aws/aws.h"

static char dir[] = "/tmp/sallyport-settings-XXXXXX";

static const char *const variables[] = { "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
	"AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL",
	"AWS_ENDPOINT_URL_SSM", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CA_BUNDLE",
	"SALLYPORT_CA_FILE" };

static void
write_file(const char *name, const char *env, const char *text)
{
	auto_free char *path = xasprintf("%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	setenv(env, path, 1);
}

static void
start_afresh(const char *const *env)
{
	for (size_t i = 0; i < ARRAY_LEN(variables); i++)
		unsetenv(variables[i]);
	for (; *env != NULL; env += 2)
		setenv(env[0], env[1], 1);
}

static const char config[] =
    "# a comment\n"
    "[default]\n"
    "region = conf-default\n"
    "endpoint_url = https://default.example/\n"
    "[profile web]\r\n"
    "region=conf-web\r\n"
    "endpoint_url = https://web.example:8443\r\n"
    "ca_bundle = /web.pem\r\n"
    "s3 =\n"
    "  region = nested\n"
    "[profile  spaced  ]  \n"
    "  region = indented\n"
    "Region = conf-spaced\n"
    "[profile \"two words\"]\n"
    "region = conf-words\n"
    "[web2]\n"
    "region = not-a-profile\n"
    "[profile process]\n"
    "credential_process = printf '{\"Version\":1,\"AccessKeyId\":\"PK\","
    "\"SecretAccessKey\":\"PS\",\"SessionToken\":\"PT\"}'\n"
    "aws_access_key_id = behind\n"
    "aws_secret_access_key = behind\n"
    "[profile broken]\n"
    "credential_process = exit 1\n"
    "[profile nojson]\n"
    "credential_process = echo hello\n"
    "[profile inconfig]\n"
    "aws_access_key_id = CK\n"
    "aws_secret_access_key = CS\n"
    "[profile role]\n"
    "role_arn = arn:aws:iam::123456789012:role/x\n";

static const char credentials[] = "[default]\n"
				  "aws_access_key_id = DK\n"
				  "aws_secret_access_key = DS\n"
				  "; old: [web]\n"
				  "[web]\n"
				  "aws_access_key_id = WK\n"
				  "aws_secret_access_key=W=S/+\n"
				  "aws_session_token = WT\n"
				  "[half]\n"
				  "aws_access_key_id = HK\n";

#define E "AWS_ENDPOINT_URL", "https://env.example"
#define K "AWS_ACCESS_KEY_ID", "EK", "AWS_SECRET_ACCESS_KEY", "ES"

static void
t_precedence(void **state)
{
	static const struct {
		const char *what;
		const char *env[9];
		struct aws_overrides o;
		const char *region, *endpoint, *key, *secret,
		    *token; /* NULL: not asked */
	} t[] = {
		{ "nothing but files", { NULL }, { 0 }, "conf-default",
		    "https://default.example", "DK", "DS", "" },
		{ "environment before files", { K, E, "AWS_REGION", "env" }, { 0 }, "env",
		    "https://env.example", "EK", "ES", "" },
		{ "arguments before the environment", { K, E, "AWS_REGION", "env" },
		    { .region = "arg", .endpoint = "https://arg.example//" }, "arg",
		    "https://arg.example", "EK", NULL, NULL },
		{ "AWS_REGION before AWS_DEFAULT_REGION",
		    { "AWS_DEFAULT_REGION", "second", "AWS_REGION", "first" }, { 0 },
		    "first", NULL, NULL, NULL, NULL },
		{ "AWS_DEFAULT_REGION alone", { "AWS_DEFAULT_REGION", "second" }, { 0 },
		    "second", NULL, NULL, NULL, NULL },
		{ "the endpoint of the service before that of all",
		    { E, "AWS_ENDPOINT_URL_SSM", "https://ssm.example" }, { 0 }, NULL,
		    "https://ssm.example", NULL, NULL, NULL },
		{ "a profile as argument beats keys in the environment", { K },
		    { .profile = "web" }, "conf-web", "https://web.example:8443", "WK",
		    "W=S/+", "WT" },
		{ "a profile of the environment does not", { K, "AWS_PROFILE", "web" },
		    { 0 }, "conf-web", NULL, "EK", NULL, NULL },
		{ "a profile of the environment", { "AWS_PROFILE", "web" }, { 0 },
		    "conf-web", NULL, "WK", NULL, NULL },
		{ "an empty variable is none", { "AWS_REGION", "", "AWS_PROFILE", "" },
		    { 0 }, "conf-default", NULL, "DK", NULL, NULL },
		{ "an empty argument is none", { NULL }, { .profile = "", .region = "" },
		    "conf-default", NULL, "DK", NULL, NULL },
		{ "a process before keys in the config file", { E },
		    { .profile = "process", .region = "r" }, "r", NULL, "PK", "PS",
		    "PT" },
		{ "keys in the config file", { E },
		    { .profile = "inconfig", .region = "r" }, NULL, NULL, "CK", "CS",
		    "" },
		{ "blanks around the name, indented lines are nested", { K, E },
		    { .profile = "spaced" }, "conf-spaced", NULL, NULL, NULL, NULL },
		{ "a name in quotes", { E }, { .profile = "two words" }, "conf-words",
		    NULL, NULL, NULL, NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct aws_settings s;
		struct fault f = { 0 };

		row(t[i].what);
		start_afresh(t[i].env);
		assert_int_equal(aws_settings_load(&s, &t[i].o, &f), 0);
		if (t[i].key != NULL)
			assert_int_equal(aws_settings_keys(&s, &f), 0);
		if (t[i].region != NULL)
			assert_string_equal(s.region, t[i].region);
		if (t[i].endpoint != NULL)
			assert_string_equal(s.endpoint, t[i].endpoint);
		if (t[i].key != NULL)
			assert_string_equal(s.access_key, t[i].key);
		if (t[i].secret != NULL)
			assert_string_equal(s.secret, t[i].secret);
		if (t[i].token != NULL)
			assert_string_equal(s.token, t[i].token);
		aws_settings_fini(&s);
	}
}

static void
t_missing(void **state)
{
	static const struct {
		const char *what;
		const char *env[9];
		struct aws_overrides o;
		const char *want; /* part of the words */
	} t[] = {
		{ "no endpoint", { "AWS_REGION", "r", K }, { .profile = "role" },
		    "AWS_ENDPOINT_URL" },
		{ "no scheme", { "AWS_ENDPOINT_URL", "host:8443" }, { 0 }, "https://" },
		{ "not a region", { E, "AWS_REGION", "a b" }, { 0 }, "not the name" },
		{ "no region", { E }, { .profile = "inconfig" }, "AWS_REGION" },
		{ "no such profile", { E, "AWS_REGION", "r" }, { .profile = "nobody" },
		    "there is no profile nobody in " },
		{ "no such profile in the environment", { E, "AWS_PROFILE", "nobody" },
		    { 0 }, "there is no profile nobody in " },
		{ "no keys", { E, "AWS_REGION", "r" }, { .profile = "spaced" },
		    "[spaced]" },
		{ "half of the keys", { E, "AWS_REGION", "r" }, { .profile = "half" },
		    "no credentials" },
		{ "a role", { E, "AWS_REGION", "r" }, { .profile = "role" },
		    "assumes a role" },
		{ "a process that fails", { E, "AWS_REGION", "r" },
		    { .profile = "broken" }, "credential_process" },
		{ "a process without JSON", { E, "AWS_REGION", "r" },
		    { .profile = "nojson" }, "printed no JSON" },
		{ "another section of that name", { E }, { .profile = "web2" },
		    "no profile web2" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct aws_settings s;
		struct fault f = { 0 };
		int r;

		row(t[i].what);
		start_afresh(t[i].env);
		if ((r = aws_settings_load(&s, &t[i].o, &f)) == 0)
			r = aws_settings_keys(&s, &f);
		assert_int_not_equal(r, 0);
		if (strstr(f.text, t[i].want) == NULL)
			fail_msg("%s lacks %s", f.text, t[i].want);
		assert_non_null(s.access_key); /* still good for a connection */
		aws_settings_fini(&s);
	}
}

/* A file that is there and cannot be read is not a file that lacks something. */
static void
t_unreadable(void **state)
{
	auto_free char *kept = xstrdup(getenv("AWS_SHARED_CREDENTIALS_FILE"));
	struct aws_settings s;
	struct fault f = { 0 };
	(void)state;

	start_afresh((const char *const[]){ E, "AWS_REGION", "r", NULL });
	setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null/credentials", 1);
	assert_int_equal(aws_settings_load(&s, &(struct aws_overrides){ 0 }, &f), 0);
	assert_int_not_equal(aws_settings_keys(&s, &f), 0);
	assert_string_equal(
	    f.text, "no credentials: /dev/null/credentials: Not a directory");
	aws_settings_fini(&s);
	setenv("AWS_SHARED_CREDENTIALS_FILE", kept, 1);
}

/* The same settings, read again after somebody renewed the file. */
static void
t_renewed(void **state)
{
	struct aws_settings s;
	(void)state;

	start_afresh((const char *const[]){ E, "AWS_REGION", "r", NULL });
	assert_int_equal(aws_settings_load(&s, &(struct aws_overrides){ 0 }, NULL), 0);
	assert_int_equal(aws_settings_keys(&s, NULL), 0);
	assert_string_equal(s.access_key, "DK");
	write_file("credentials", "AWS_SHARED_CREDENTIALS_FILE",
	    "[default]\naws_access_key_id=NEW\naws_secret_access_key=NS\n");
	assert_int_equal(aws_settings_keys(&s, NULL), 0);
	assert_string_equal(s.access_key, "NEW");
	aws_settings_fini(&s);
}

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	write_file("config", "AWS_CONFIG_FILE", config);
	write_file("credentials", "AWS_SHARED_CREDENTIALS_FILE", credentials);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return unlink(getenv("AWS_CONFIG_FILE")) |
	    unlink(getenv("AWS_SHARED_CREDENTIALS_FILE")) | rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_precedence),
		cmocka_unit_test(t_missing),
		cmocka_unit_test(t_unreadable),
		cmocka_unit_test(t_renewed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
