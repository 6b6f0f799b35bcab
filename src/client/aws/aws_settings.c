/* SPDX-License-Identifier: Apache-2.0 */
/* Where the caller's credentials, region and endpoint come from; see aws.h. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include "client/aws/aws.h"
#include "client/terminal/slurp.h"
#include "codec/json.h"
#include "crypto/crypto.h"
#include "proto/ids.h"

enum { FILE_MAX = 1024 * 1024, PROCESS_OUTPUT_MAX = 64 * 1024 };

/* --- files ------------------------------------------------------------------------- */

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

static char *
config_path(void)
{
	const char *named = getenv("AWS_CONFIG_FILE");

	return named != NULL && named[0] != '\0' ? xstrdup(named)
						 : home_file(".aws/config");
}

static char *
credentials_path(void)
{
	const char *named = getenv("AWS_SHARED_CREDENTIALS_FILE");

	return named != NULL && named[0] != '\0' ? xstrdup(named)
						 : home_file(".aws/credentials");
}

/* The text of a settings file; empty when there is none. */
static void
load_file(struct buf *out, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (slurp_fd(fd, out) != 0)
		buf_reset(out);
	close(fd);
}

static struct span
unquoted(struct span s)
{
	if (s.n >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0])
		return span_sub(s, 1, s.n - 2);
	return s;
}

/*
 * Does the text between the brackets name the profile?  "profile x" in the config file,
 * plain "x" in the credentials file; the default profile may be plain in both.
 */
static bool
is_section(struct span name, const char *profile, bool is_config)
{
	struct span word;

	if (!is_config)
		return span_eq_str(name, profile);
	if (span_eq_str(name, "default"))
		return strcmp(profile, "default") == 0;
	return span_cut(&name, ' ', &word) && span_eq_str(word, "profile") &&
	    span_eq_str(unquoted(span_trim(name)), profile);
}

/*
 * The value of a key in a profile, or NULL; without a key "", when the profile is there.
 * Indented lines belong to nested settings.
 */
static char *
ini_get(struct span text, const char *profile, bool is_config, const char *key)
{
	bool inside = false;
	struct span line, name;

	while (span_cut(&text, '\n', &line)) {
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n == 0 || line.p[0] == ' ' || line.p[0] == '\t' ||
		    line.p[0] == '#' || line.p[0] == ';')
			continue;
		line = span_trim(line);
		if (line.p[0] == '[') {
			inside = line.p[line.n - 1] == ']' &&
			    is_section(span_trim(span_sub(line, 1, line.n - 2)), profile,
				is_config);
			if (inside && key == NULL)
				return xstrdup("");
			continue;
		}
		if (inside && span_find(line, '=') >= 0 && span_cut(&line, '=', &name) &&
		    span_eq_ci(span_trim(name), key))
			return span_dup(span_trim(line));
	}
	return NULL;
}

/* --- credential_process ------------------------------------------------------------ */

static char *
take(const json_t *o, const char *key)
{
	const char *v = json_get_str(o, key);

	return xstrdup(v != NULL ? v : "");
}

static int
keys_from_process(struct aws_settings *s, const char *command, struct fault *f)
{
	const char *const argv[] = { "/bin/sh", "-c", command, NULL };
	auto_buf out = { .max = PROCESS_OUTPUT_MAX };
	auto_json *o = NULL;
	int status;

	/* With the shell, as the AWS CLI does. */
	if (slurp_program(&out, argv, false, &status) != 0 || status != 0)
		return fault_set(
		    f, ERR_DENIED, "credential_process of the profile failed");
	if (json_read(&o, buf_span(&out), NULL) != 0)
		return fault_set(
		    f, ERR_DENIED, "credential_process of the profile printed no JSON");
	s->access_key = take(o, "AccessKeyId");
	s->secret = take(o, "SecretAccessKey");
	s->token = take(o, "SessionToken");
	return 0;
}

/* --- keys -------------------------------------------------------------------------- */

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
no_keys(const struct aws_settings *s, struct span config, struct fault *f)
{
	auto_free char *role = ini_get(config, s->profile, true, "role_arn"),
		       *path = credentials_path();

	if (role != NULL)
		return fault_set(f, ERR_DENIED,
		    "profile %s assumes a role, which this program cannot: use "
		    "credential_process, or keys in the environment",
		    s->profile);
	if (access(path, R_OK) != 0 && errno != ENOENT)
		return fault_set(
		    f, ERR_DENIED, "no credentials: %s: %s", path, strerror(errno));
	return fault_set(f, ERR_DENIED,
	    "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put "
	    "them "
	    "under [%s] in %s",
	    s->profile, path);
}

/* The order of the AWS CLI: environment, credentials file, process, config file. */
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
	if (keys_from_text(s, credentials, false))
		return 0;
	if ((process = ini_get(config, s->profile, true, "credential_process")) == NULL)
		process = ini_get(credentials, s->profile, false, "credential_process");
	if (process != NULL)
		return keys_from_process(s, process, f);
	return keys_from_text(s, config, true) ? 0 : no_keys(s, config, f);
}

/* --- the whole --------------------------------------------------------------------- */

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
check_place(struct aws_settings *s, struct fault *f)
{
	size_t n = strlen(s->endpoint);

	while (n > 0 && s->endpoint[n - 1] == '/')
		s->endpoint[--n] = '\0';
	if (n == 0)
		return fault_set(f, ERR_INVALID,
		    "no endpoint: set AWS_ENDPOINT_URL to the address of sallyportd, "
		    "such "
		    "as https://sallyport.example:8443");
	if (!span_starts(span_str(s->endpoint), "https://") &&
	    !span_starts(span_str(s->endpoint), "http://"))
		return fault_set(f, ERR_INVALID,
		    "the endpoint %s is no URL: it begins with https://", s->endpoint);
	if (s->region[0] != '\0' && !id_region_valid(span_str(s->region)))
		return fault_set(f, ERR_INVALID,
		    "%s is not the name of a region: set AWS_REGION, such as eu-north-1",
		    s->region);
	return 0;
}

/* A profile that somebody named stands in one of the two files. */
static int
check_profile(const struct aws_settings *s, struct span config, struct fault *f)
{
	auto_free char *config_file = config_path(), *path = credentials_path(),
		       *there = ini_get(config, s->profile, true, NULL);
	auto_buf text = { .max = FILE_MAX };

	if (there != NULL)
		return 0;
	load_file(&text, path);
	there = ini_get(buf_span(&text), s->profile, false, NULL);
	return there != NULL
	    ? 0
	    : fault_set(f, ERR_INVALID, "there is no profile %s in %s or %s", s->profile,
		  config_file, path);
}

int
aws_settings_load(struct aws_settings *s, const struct aws_overrides *o, struct fault *f)
{
	auto_free char *path = config_path();
	auto_buf config = { .max = FILE_MAX };
	struct span text;
	bool named;
	int r;

	*s = (struct aws_settings){ 0 };
	set_keys(s, "", "", "");
	s->profile = pick(o->profile, "AWS_PROFILE", "AWS_DEFAULT_PROFILE", NULL);
	s->ignore_env_keys = o->profile != NULL && o->profile[0] != '\0';
	if (!(named = s->profile[0] != '\0')) {
		free(s->profile);
		s->profile = xstrdup("default");
	}
	load_file(&config, path);
	text = buf_span(&config);
	s->region = pick(o->region, "AWS_REGION", "AWS_DEFAULT_REGION",
	    ini_get(text, s->profile, true, "region"));
	s->endpoint = pick(o->endpoint, "AWS_ENDPOINT_URL_SSM", "AWS_ENDPOINT_URL",
	    ini_get(text, s->profile, true, "endpoint_url"));
	s->ca_file = pick(o->ca_file, "SALLYPORT_CA_FILE", "AWS_CA_BUNDLE",
	    ini_get(text, s->profile, true, "ca_bundle"));
	if (named && (r = check_profile(s, text, f)) != 0)
		return r;
	return check_place(s, f);
}

int
aws_settings_keys(struct aws_settings *s, struct fault *f)
{
	auto_free char *config_file = config_path(), *path = credentials_path();
	auto_buf config = { .max = FILE_MAX }, credentials = { .max = FILE_MAX };
	int r;

	load_file(&config, config_file);
	load_file(&credentials, path);
	if ((r = load_keys(s, buf_span(&config), buf_span(&credentials), f)) != 0) {
		if (s->access_key == NULL)
			set_keys(s, "", "", "");
		return r;
	}
	if (s->region[0] == '\0')
		return fault_set(
		    f, ERR_INVALID, "no region: set AWS_REGION, such as eu-north-1");
	return 0;
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
