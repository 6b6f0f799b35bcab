/* SPDX-License-Identifier: Apache-2.0 */
/* Where the caller's credentials, region and endpoint come from; see aws.h. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/aws.h"
#include "codec/json.h"
#include "crypto/crypto.h"
#include "proto/ids.h"

enum { FILE_MAX = 1024 * 1024, PROCESS_OUTPUT_MAX = 64 * 1024 };

/* --- files ------------------------------------------------------------------------ */

static int
read_all(int fd, struct buf *out)
{
	for (;;) {
		uint8_t *p = buf_grow(out, 4096);
		ssize_t n;

		if (p == NULL)
			return ERR_LIMIT;
		n = read(fd, p, 4096);
		out->len -= 4096 - (n > 0 ? (size_t)n : 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? ERR_IO : 0;
	}
}

static char *
home_file(const char *rel)
{
	const char *home = getenv("HOME");
	const struct passwd *pw;

	if (home == NULL || home[0] == '\0') {
		pw = getpwuid(getuid());
		home = pw != NULL ? pw->pw_dir : "/";
	}
	return xasprintf("%s/%s", home, rel);
}

/* The text of a settings file; empty when there is none. */
static void
load_file(struct buf *out, const char *env, const char *rel)
{
	const char *named = getenv(env);
	auto_free char *path =
	    named != NULL && named[0] != '\0' ? xstrdup(named) : home_file(rel);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (read_all(fd, out) != 0)
		buf_reset(out);
	close(fd);
}

/* "[profile x]" in the config file, "[x]" in the credentials file; [default] is plain in
 * both. */
static bool
is_section(struct span line, const char *profile, bool is_config)
{
	struct span name = span_trim(span_sub(line, 1, line.n - 2));

	if (is_config && strcmp(profile, "default") != 0) {
		if (!span_starts(name, "profile"))
			return false;
		name = span_trim(span_sub(name, 7, name.n));
	}
	return span_eq_str(name, profile);
}

/* The value of a key in a profile, or NULL.  Indented lines belong to nested settings. */
static char *
ini_get(struct span text, const char *profile, bool is_config, const char *key)
{
	bool inside = false;
	struct span line;

	while (span_cut(&text, '\n', &line)) {
		struct span name;

		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n >= 2 && line.p[0] == '[' && line.p[line.n - 1] == ']') {
			inside = is_section(line, profile, is_config);
			continue;
		}
		if (!inside || line.n == 0 || line.p[0] == ' ' || line.p[0] == '\t' ||
		    line.p[0] == '#' || span_find(line, '=') < 0)
			continue;
		if (span_cut(&line, '=', &name) && span_eq_ci(span_trim(name), key))
			return span_dup(span_trim(line));
	}
	return NULL;
}

/* --- credential_process ------------------------------------------------------------- */

/*
 * Runs the command with the shell, as the AWS CLI does, and reads its JSON.  Runs before
 * the loop does, so it may block.
 */
static int
run_process(const char *command, struct buf *out, struct fault *f)
{
	int fds[2], status = 0, r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return fault_set(f, ERR_IO, "pipe: %s", strerror(errno));
	if ((pid = fork()) == 0) {
		if (dup2(fds[1], STDOUT_FILENO) == -1)
			_exit(126);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	r = pid < 0 ? ERR_IO : read_all(fds[0], out);
	close(fds[0]);
	if (pid > 0)
		while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
			continue;
	if (r != 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return fault_set(
		    f, ERR_DENIED, "credential_process of the profile failed");
	return 0;
}

static char *
take(const json_t *o, const char *key)
{
	const char *v = json_get_str(o, key);

	return xstrdup(v != NULL ? v : "");
}

static int
keys_from_process(struct aws_settings *s, const char *command, struct fault *f)
{
	auto_buf out = { .max = PROCESS_OUTPUT_MAX };
	auto_json *o = NULL;
	int r;

	if ((r = run_process(command, &out, f)) != 0 ||
	    (r = json_read(&o, buf_span(&out), f)) != 0)
		return r;
	s->access_key = take(o, "AccessKeyId");
	s->secret = take(o, "SecretAccessKey");
	s->token = take(o, "SessionToken");
	return 0;
}

/* --- keys ------------------------------------------------------------------------------
 */

static void
set_keys(struct aws_settings *s, const char *key, const char *secret, const char *token)
{
	s->access_key = xstrdup(key);
	s->secret = xstrdup(secret);
	s->token = xstrdup(token != NULL ? token : "");
}

static void
drop_keys(struct aws_settings *s)
{
	free(STEAL(s->access_key));
	secret_free(STEAL(s->secret));
	secret_free(STEAL(s->token));
}

static bool
keys_from_text(struct aws_settings *s, struct span text, bool is_config)
{
	auto_free char *key = ini_get(text, s->profile, is_config, "aws_access_key_id");
	auto_secret *secret =
	    ini_get(text, s->profile, is_config, "aws_secret_access_key");
	auto_secret *token = ini_get(text, s->profile, is_config, "aws_session_token");

	if (key == NULL || secret == NULL)
		return false;
	set_keys(s, key, secret, token);
	return true;
}

static int
load_keys(
    struct aws_settings *s, struct span config, struct span credentials, struct fault *f)
{
	const char *key = getenv("AWS_ACCESS_KEY_ID"),
		   *secret = getenv("AWS_SECRET_ACCESS_KEY");
	auto_free char *process = NULL;

	drop_keys(s);
	if (!s->ignore_env_keys && key != NULL && key[0] != '\0' && secret != NULL) {
		set_keys(s, key, secret, getenv("AWS_SESSION_TOKEN"));
		return 0;
	}
	if (keys_from_text(s, credentials, false) || keys_from_text(s, config, true))
		return 0;
	process = ini_get(config, s->profile, true, "credential_process");
	if (process != NULL)
		return keys_from_process(s, process, f);
	set_keys(s, "", "", "");
	return fault_set(f, ERR_DENIED,
	    "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put "
	    "them under "
	    "[%s] in ~/.aws/credentials",
	    s->profile);
}

/* --- the whole
 * ----------------------------------------------------------------------------- */

/* The first that is set: an argument, environment variables, a key of the profile. */
static char *
pick(const char *given, const char *env1, const char *env2, char *from_profile)
{
	const char *v;

	if (given != NULL && given[0] != '\0') {
		free(from_profile);
		return xstrdup(given);
	}
	if (((v = getenv(env1)) != NULL && v[0] != '\0') ||
	    (env2 != NULL && (v = getenv(env2)) != NULL && v[0] != '\0')) {
		free(from_profile);
		return xstrdup(v);
	}
	return from_profile != NULL ? from_profile : xstrdup("");
}

static int
check_settings(struct aws_settings *s, struct fault *f)
{
	size_t n = strlen(s->endpoint);

	while (n > 0 && s->endpoint[n - 1] == '/')
		s->endpoint[--n] = '\0';
	if (n == 0)
		return fault_set(f, ERR_INVALID,
		    "no endpoint: set AWS_ENDPOINT_URL to the address of sallyportd, "
		    "such as "
		    "https://sallyport.example:8443");
	if (s->region[0] == '\0')
		return fault_set(
		    f, ERR_INVALID, "no region: set AWS_REGION, such as eu-north-1");
	if (!id_region_valid(span_str(s->region)))
		return fault_set(f, ERR_INVALID, "this is not the name of a region");
	return 0;
}

int
aws_settings_load(struct aws_settings *s, const struct aws_overrides *o, struct fault *f)
{
	auto_buf config = { .max = FILE_MAX }, credentials = { .max = FILE_MAX };
	struct span text;
	int r;

	*s = (struct aws_settings){ 0 };
	s->profile = pick(o->profile, "AWS_PROFILE", "AWS_DEFAULT_PROFILE", NULL);
	s->ignore_env_keys = o->profile != NULL && o->profile[0] != '\0';
	if (s->profile[0] == '\0') {
		free(s->profile);
		s->profile = xstrdup("default");
	}
	load_file(&config, "AWS_CONFIG_FILE", ".aws/config");
	load_file(&credentials, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
	text = buf_span(&config);
	s->region = pick(o->region, "AWS_REGION", "AWS_DEFAULT_REGION",
	    ini_get(text, s->profile, true, "region"));
	s->endpoint = pick(o->endpoint, "AWS_ENDPOINT_URL_SSM", "AWS_ENDPOINT_URL",
	    ini_get(text, s->profile, true, "endpoint_url"));
	s->ca_file = pick(o->ca_file, "SALLYPORT_CA_FILE", "AWS_CA_BUNDLE",
	    ini_get(text, s->profile, true, "ca_bundle"));
	r = load_keys(s, text, buf_span(&credentials), f);
	return r != 0 ? r : check_settings(s, f);
}

int
aws_settings_reload(struct aws_settings *s, struct fault *f)
{
	auto_buf config = { .max = FILE_MAX }, credentials = { .max = FILE_MAX };

	load_file(&config, "AWS_CONFIG_FILE", ".aws/config");
	load_file(&credentials, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
	return load_keys(s, buf_span(&config), buf_span(&credentials), f);
}

void
aws_settings_fini(struct aws_settings *s)
{
	drop_keys(s);
	free(s->region);
	free(s->endpoint);
	free(s->ca_file);
	free(s->profile);
	*s = (struct aws_settings){ 0 };
}
