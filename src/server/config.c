/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings: one table of keys, one way to read a value of each kind.
 */
#include "server/config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

enum key_kind { KEY_TEXT, KEY_NUMBER, KEY_SWITCH, KEY_WORD, KEY_LISTEN, KEY_STREAM };

struct key {
	const char *name;
	enum key_kind kind;
	size_t offset;
	int64_t min, max;
	const char *words; /* KEY_WORD: blank-separated, the value is the index */
};

#define TEXT(n)                                                      \
	{                                                            \
#n, KEY_TEXT, offsetof(struct config, n), 0, 0, NULL \
	}
#define NUMBER(n, a, b)                                                \
	{                                                              \
#n, KEY_NUMBER, offsetof(struct config, n), a, b, NULL \
	}
#define WORD(n, w)                                                \
	{                                                         \
#n, KEY_WORD, offsetof(struct config, n), 0, 0, w \
	}

static const struct key keys[] = {
	TEXT(state_dir),
	{ "listen", KEY_LISTEN, 0, 0, 0, NULL },
	{ "tls", KEY_SWITCH, offsetof(struct config, tls), 0, 0, NULL },
	TEXT(tls_cert),
	TEXT(tls_key),
	TEXT(ca_file),
	{ "stream_url_host", KEY_STREAM, 0, 0, 0, NULL },
	TEXT(oidc_ca_file),
	TEXT(oidc_deny),
	TEXT(agent_dir),
	TEXT(region),
	WORD(log_level, "error warn info debug"),
	WORD(log_format, "auto text json"),
	WORD(metrics, "off loopback any"),
	NUMBER(connections_max, 16, 1000000),
	NUMBER(sessions_per_node_max, 1, 1000000),
	NUMBER(sessions_per_principal_max, 1, 1000000),
	NUMBER(access_approvers, 1, 2),
	NUMBER(session_buffer_max, 64 * 1024, 64 * 1024 * 1024),
	NUMBER(body_max, 64 * 1024, 1024 * 1024 * 1024),
	NUMBER(drain_ms, 0, 600000),
	NUMBER(audit_retention_days, 0, 36500),
};

void
config_init(struct config *c)
{
	*c = (struct config){
		.state_dir = CONFIG_STATE_DEFAULT,
		.listen_host = "",
		.listen_port = 8443,
		.tls_cert = "",
		.tls_key = "",
		.ca_file = "",
		.tls = true,
		.stream_url_host = "",
		.oidc_ca_file = "",
		.oidc_deny = "",
		.agent_dir = "",
		.region = "us-east-1",
		.log_level = LOG_INFO,
		.log_format = LOG_FORMAT_AUTO,
		.metrics = CONFIG_METRICS_LOOPBACK,
		.connections_max = 18000,
		.sessions_per_node_max = 1000,
		.sessions_per_principal_max = 1000,
		.access_approvers = 1,
		.session_buffer_max = 2 * 1024 * 1024,
		.body_max = 10 * 1024 * 1024,
		.drain_ms = 10000,
		.audit_retention_days = 90,
	};
	arena_init(&c->mem);
}

void
config_fini(struct config *c)
{
	arena_fini(&c->mem);
}

/* "8443", ":8443", "*:8443", "127.0.0.1:8443", "[::1]:8443" */
static int
read_listen(struct config *c, const char *value, struct fault *f)
{
	const char *colon = strrchr(value, ':');
	struct span host = SPAN_NONE, port = span_str(value);
	int64_t n;

	if (colon != NULL && strchr(colon, ']') == NULL) {
		host = span_of(value, (size_t)(colon - value));
		port = span_str(colon + 1);
	}
	if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = span_sub(host, 1, host.n - 2);
	else if (span_find(host, ':') >= 0)
		return fault_set(f, ERR_INVALID,
		    "'%s': an IPv6 address stands in brackets, as in [::1]:8443", value);
	if (span_eq_str(host, "*"))
		host = SPAN_NONE;
	if (num_parse(port, 0, 65535, &n) != 0)
		return fault_set(f, ERR_INVALID, "'%s' has no port of 0 to 65535", value);
	c->listen_host = arena_str(&c->mem, host);
	c->listen_port = (uint16_t)n;
	return 0;
}

static int
read_stream_host(struct config *c, const char *value, struct fault *f)
{
	struct span host = span_str(value);

	if (span_starts(host, "ws://") || span_starts(host, "wss://"))
		host = span_sub(host, (size_t)span_find(host, ':') + 3, host.n);
	if ((host.n == 0 && value[0] != '\0') || span_find(host, '/') >= 0 ||
	    span_find(host, ' ') >= 0 || span_find(host, '?') >= 0)
		return fault_set(f, ERR_INVALID, "stream_url_host is [ws://]host[:port]");
	c->stream_url_host = value;
	return 0;
}

static int
read_word(void *field, const struct key *k, const char *value, struct fault *f)
{
	struct span rest = span_str(k->words), word;

	for (int i = 0; span_cut(&rest, ' ', &word); i++) {
		if (span_eq_str(word, value)) {
			*(int *)field = i;
			return 0;
		}
	}
	return fault_set(f, ERR_INVALID, "%s is one of: %s", k->name, k->words);
}

static int
read_switch(bool *field, const struct key *k, const char *value, struct fault *f)
{
	if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
		return fault_set(f, ERR_INVALID, "%s is on or off", k->name);
	*field = strcmp(value, "on") == 0;
	return 0;
}

static int
set_key(struct config *c, const struct key *k, const char *value, struct fault *f)
{
	void *field = (char *)c + k->offset;

	switch (k->kind) {
	case KEY_LISTEN:
		return read_listen(c, value, f);
	case KEY_STREAM:
		return read_stream_host(c, value, f);
	case KEY_TEXT:
		*(const char **)field = value;
		return 0;
	case KEY_SWITCH:
		return read_switch(field, k, value, f);
	case KEY_WORD:
		return read_word(field, k, value, f);
	default:
		if (num_parse(span_str(value), k->min, k->max, field) == 0)
			return 0;
		return fault_set(f, ERR_INVALID, "%s is a number of %lld to %lld",
		    k->name, (long long)k->min, (long long)k->max);
	}
}

/* Cuts a comment, but not inside quotes; takes the quotes away. */
static int
read_value(struct config *c, struct span s, const char **out, struct fault *f)
{
	s = span_trim(s);
	if (s.n > 0 && s.p[0] == '"') {
		const uint8_t *end = memchr(s.p + 1, '"', s.n - 1);
		struct span rest;

		if (end == NULL)
			return fault_set(f, ERR_INVALID, "the quote does not end");
		rest = span_trim(span_sub(s, (size_t)(end - s.p) + 1, s.n));
		if (rest.n > 0 && rest.p[0] != '#')
			return fault_set(
			    f, ERR_INVALID, "there is something behind the quote");
		s = span_of(s.p + 1, (size_t)(end - s.p) - 1);
	} else {
		ptrdiff_t hash = span_find(s, '#');

		s = hash < 0 ? s : span_trim(span_sub(s, 0, (size_t)hash));
	}
	if (memchr(s.p, '\0', s.n) != NULL)
		return fault_set(f, ERR_INVALID, "a value cannot hold a NUL byte");
	*out = arena_str(&c->mem, s);
	return 0;
}

static int
read_line(struct config *c, struct span line, bool seen[], struct fault *f)
{
	struct span name, rest = span_trim(line);
	const char *value = "";
	int err;

	if (rest.n > 0 && rest.p[rest.n - 1] == '\r')
		rest = span_trim(span_sub(rest, 0, rest.n - 1));
	if (rest.n == 0 || rest.p[0] == '#' || rest.p[0] == '[')
		return 0;
	if (span_find(rest, '=') < 0)
		return fault_set(f, ERR_INVALID, "a line is \"key = value\"");
	span_cut(&rest, '=', &name);
	name = span_trim(name);
	if ((err = read_value(c, rest, &value, f)) != 0)
		return err;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (!span_eq_str(name, keys[i].name))
			continue;
		if (seen[i])
			return fault_set(
			    f, ERR_INVALID, "%s is given twice", keys[i].name);
		seen[i] = true;
		return set_key(c, &keys[i], value, f);
	}
	return fault_set(f, ERR_INVALID, "unknown key '%.60s'",
	    arena_str(&c->mem, span_sub(name, 0, 60)));
}

int
config_parse(struct config *c, const char *name, struct span text, struct fault *f)
{
	bool seen[ARRAY_LEN(keys)] = { false };
	struct fault inner = { 0 };
	struct span line;

	for (int n = 1; span_cut(&text, '\n', &line); n++) {
		int err = read_line(c, line, seen, &inner);

		if (err != 0)
			return fault_set(f, err, "%s:%d: %s", name, n, inner.text);
	}
	return 0;
}

static int
read_file(struct config *c, const char *path, bool named, struct fault *f)
{
	auto_free char *text = NULL;
	struct stat st;
	ssize_t got = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && !named)
		return 0;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		text = xmalloc(CONFIG_FILE_MAX + 1);
		got = read(fd, text, CONFIG_FILE_MAX + 1);
	}
	if (got < 0)
		(void)fault_set(f, ERR_IO, "%s cannot be read: %s", path,
		    fd >= 0 && errno == 0 ? "not a file" : strerror(errno));
	if (fd >= 0)
		close(fd);
	if (got < 0)
		return ERR_IO;
	if (got > CONFIG_FILE_MAX)
		return fault_set(f, ERR_LIMIT, "%s is too large", path);
	return config_parse(c, path, span_of(text, (size_t)got), f);
}

const char *
config_path(struct config *c, const char *name)
{
	return arena_printf(&c->mem, "%s/%s", c->state_dir, name);
}

void
config_state_files(struct config *c)
{
	c->audit_key = config_path(c, "audit.key");
	c->audit_pub = config_path(c, "audit.pub");
	c->reserve = config_path(c, "reserve");
}

int
config_load(struct config *c, const struct config_flags *flags, struct fault *f)
{
	struct fault inner = { 0 };
	int err;

	errno = 0;
	err = read_file(c, flags->file != NULL ? flags->file : CONFIG_FILE_DEFAULT,
	    flags->file != NULL, f);
	if (err != 0)
		return err;
	if (flags->state_dir != NULL)
		c->state_dir = arena_strdup(&c->mem, flags->state_dir);
	if (flags->listen != NULL && (err = read_listen(c, flags->listen, &inner)) != 0)
		return fault_set(f, err, "--listen: %s", inner.text);
	if (c->state_dir[0] == '\0')
		return fault_set(f, ERR_INVALID, "state_dir is empty");
	if ((c->tls_cert[0] == '\0') != (c->tls_key[0] == '\0'))
		return fault_set(f, ERR_INVALID, "tls_cert and tls_key go together");
	if (c->tls_cert[0] == '\0') {
		c->tls_cert = config_path(c, "server.pem");
		c->tls_key = config_path(c, "server.key");
	}
	if (c->ca_file[0] == '\0')
		c->ca_file = config_path(c, "ca.pem");
	config_state_files(c);
	return 0;
}
