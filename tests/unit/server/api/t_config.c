/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings file: every mistake names its line, and the example that is shipped works.
 */
#include "unit/check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "server/config.h"
#include "server/init.h"

static void
t_values(void **state)
{
	static const char text[] = "# a comment\n"
				   "state_dir = /srv/sallyport   # where\n"
				   "\n"
				   "[network]\r\n"
				   "listen = \"[::1]:9000\"\n"
				   "tls=off\n"
				   "stream_url_host = ssmmessages.example:443\n"
				   "log_level = debug\n"
				   "log_format = json\n"
				   "metrics = any\n"
				   "connections_max = 100\n"
				   "sessions_per_node_max = 7\n"
				   "sessions_per_principal_max = 3\n"
				   "session_buffer_max = 65536\n"
				   "region = \"eu-north-1\" # in quotes";
	struct config c;
	struct fault f = { 0 };
	(void)state;

	config_init(&c);
	if (config_parse(&c, "x", span_str(text), &f) != 0)
		fail_msg("%s", f.text);
	assert_string_equal(c.state_dir, "/srv/sallyport");
	assert_string_equal(c.listen_host, "::1");
	assert_int_equal(c.listen_port, 9000);
	assert_false(c.tls);
	assert_string_equal(c.stream_url_host, "ssmmessages.example:443");
	assert_int_equal(c.log_level, LOG_DEBUG);
	assert_int_equal(c.log_format, LOG_FORMAT_JSON);
	assert_int_equal(c.metrics, CONFIG_METRICS_ANY);
	assert_int_equal(c.connections_max, 100);
	assert_int_equal(c.sessions_per_node_max, 7);
	assert_int_equal(c.sessions_per_principal_max, 3);
	assert_int_equal(c.session_buffer_max, 65536);
	assert_string_equal(c.region, "eu-north-1");
	config_fini(&c);
}

static void
t_mistakes(void **state)
{
	static const struct {
		const char *what, *text, *fault;
	} t[] = {
		{ "unknown key", "\nbogus = 1\n", "f:2: unknown key 'bogus'" },
		{ "no equals sign", "tls\n", "f:1: a line is \"key = value\"" },
		{ "twice", "tls = on\ntls = on\n", "f:2: tls is given twice" },
		{ "no switch", "tls = yes\n", "f:1: tls is on or off" },
		{ "no such word", "log_level = loud\n",
		    "f:1: log_level is one of: error warn info debug" },
		{ "no number", "connections_max = many\n",
		    "f:1: connections_max is a number of 16 to 1000000" },
		{ "too small", "connections_max = 1\n",
		    "f:1: connections_max is a number of 16 to 1000000" },
		{ "open quote", "region = \"eu\n", "f:1: the quote does not end" },
		{ "behind the quote", "region = \"eu\" north\n",
		    "f:1: there is something behind the quote" },
		{ "port too large", "listen = 70000\n",
		    "f:1: '70000' has no port of 0 to 65535" },
		{ "port missing", "listen = 127.0.0.1:\n",
		    "f:1: '127.0.0.1:' has no port of 0 to 65535" },
		{ "IPv6 without brackets", "listen = ::1:8443\n",
		    "f:1: '::1:8443': an IPv6 address stands in brackets, as in "
		    "[::1]:8443" },
		{ "IPv6 without a port", "listen = [::1]\n",
		    "f:1: '[::1]' has no port of 0 to 65535" },
		{ "a path behind StreamUrl's host", "stream_url_host = wss://a/b\n",
		    "f:1: stream_url_host is [ws://]host[:port]" },
		{ "only a scheme", "stream_url_host = ws://\n",
		    "f:1: stream_url_host is [ws://]host[:port]" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct config c;
		struct fault f = { 0 };

		row(t[i].what);
		config_init(&c);
		assert_int_equal(
		    config_parse(&c, "f", span_str(t[i].text), &f), ERR_INVALID);
		check_text(span_str(f.text), t[i].fault);
		config_fini(&c);
	}
}

/* An empty settings file: the one of this machine is nobody's business here. */
static const char *
empty_file(void)
{
	static char path[32];
	int fd;

	assert_int_equal(str_copy(path, sizeof(path), "/tmp/sallyport-conf-XXXXXX"), 0);
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	return path;
}

static void
t_listen(void **state)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} t[] = {
		{ "8443", "", 8443 },
		{ ":8443", "", 8443 },
		{ "*:443", "", 443 },
		{ "127.0.0.1:0", "127.0.0.1", 0 },
		{ "[::]:8443", "::", 8443 },
		{ "localhost:80", "localhost", 80 },
	};
	const char *file = empty_file();
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct config_flags flags = { .file = file, .listen = t[i].text };
		struct config c;
		struct fault f = { 0 };

		row(t[i].text);
		config_init(&c);
		assert_int_equal(config_load(&c, &flags, &f), 0);
		assert_string_equal(c.listen_host, t[i].host);
		assert_int_equal(c.listen_port, t[i].port);
		config_fini(&c);
	}
	unlink(file);
}

static void
t_files(void **state)
{
	struct config_flags flags = { .file = "/nonexistent/sallyportd.conf" };
	struct config c;
	struct fault f = { 0 };
	(void)state;

	row("a named file must be there");
	config_init(&c);
	assert_int_equal(config_load(&c, &flags, &f), ERR_IO);
	check_text(span_str(f.text),
	    "/nonexistent/sallyportd.conf cannot be read: No such file or directory");
	config_fini(&c);

	row("a folder is none");
	flags.file = "/";
	config_init(&c);
	assert_int_equal(config_load(&c, &flags, &f), ERR_IO);
	config_fini(&c);

	row("flags go before the file, certificates follow the folder");
	flags = (struct config_flags){ .file = empty_file(), .state_dir = "/srv/x" };
	config_init(&c);
	assert_int_equal(config_load(&c, &flags, &f), 0);
	assert_string_equal(c.tls_cert, "/srv/x/server.pem");
	assert_string_equal(c.ca_file, "/srv/x/ca.pem");
	config_fini(&c);
	unlink(flags.file);
}

/* The example is accepted, and what it says about built-in values is true. */
static void
t_example(void **state)
{
	struct config c, plain;
	struct fault f = { 0 };
	auto_free char *text = xmalloc(CONFIG_FILE_MAX);
	ssize_t n;
	int fd = open(EXAMPLE_CONF, O_RDONLY);
	(void)state;

	assert_true(fd >= 0);
	n = read(fd, text, CONFIG_FILE_MAX);
	close(fd);
	assert_true(n > 0);
	config_init(&c);
	config_init(&plain);
	/* "#key = value" is a setting, "# words" is a comment. */
	for (ssize_t i = 0; i < n; i++) {
		if (text[i] == '#' && (i == 0 || text[i - 1] == '\n') && i + 1 < n &&
		    text[i + 1] >= 'a' && text[i + 1] <= 'z')
			text[i] = ' ';
	}
	if (config_parse(&c, "example", span_of(text, (size_t)n), &f) != 0)
		fail_msg("%s", f.text);
	assert_string_equal(c.state_dir, plain.state_dir);
	assert_int_equal(c.listen_port, plain.listen_port);
	assert_string_equal(c.region, plain.region);
	assert_int_equal(c.log_level, plain.log_level);
	assert_int_equal(c.metrics, plain.metrics);
	assert_int_equal(c.connections_max, plain.connections_max);
	assert_int_equal(c.sessions_per_node_max, plain.sessions_per_node_max);
	assert_int_equal(c.sessions_per_principal_max, plain.sessions_per_principal_max);
	assert_int_equal(c.session_buffer_max, plain.session_buffer_max);
	assert_int_equal(c.body_max, plain.body_max);
	assert_int_equal(c.drain_ms, plain.drain_ms);
	config_fini(&c);
	config_fini(&plain);
}

static mode_t
mode_of(struct config *c, const char *name)
{
	struct stat st;

	assert_int_equal(stat(config_path(c, name), &st), 0);
	return st.st_mode & 0777;
}

static ino_t
inode_of(struct config *c, const char *name)
{
	struct stat st;

	assert_int_equal(stat(config_path(c, name), &st), 0);
	return st.st_ino;
}

static void
t_init(void **state)
{
	static const char *const names[] = { "ca.pem", "ca.key", "server.pem",
		"server.key", "sallyport.db", "admin-credentials", "sallyport.db-wal",
		"sallyport.db-shm", "audit.key", "audit.pub" };
	char dir[] = "/tmp/sallyport-init-XXXXXX";
	struct init_options o = { .nhosts = 0 };
	struct config c;
	ino_t ca, cert, credentials, audit;
	(void)state;

	crypto_init();
	assert_non_null(mkdtemp(dir));
	config_init(&c);
	c.state_dir = arena_printf(&c.mem, "%s/state", dir);
	assert_int_equal(init_main(&c, &o), 0);
	assert_int_equal(mode_of(&c, ""), 0700);
	assert_int_equal(mode_of(&c, "ca.key"), 0600);
	assert_int_equal(mode_of(&c, "server.key"), 0600);
	assert_int_equal(mode_of(&c, "admin-credentials"), 0600);
	assert_int_equal(mode_of(&c, "sallyport.db"), 0600);
	assert_int_equal(mode_of(&c, "audit.key"), 0600);
	audit = inode_of(&c, "audit.key");
	ca = inode_of(&c, "ca.pem");
	cert = inode_of(&c, "server.pem");
	credentials = inode_of(&c, "admin-credentials");

	row("a second time keeps everything");
	assert_int_equal(init_main(&c, &o), 0);
	assert_int_equal(inode_of(&c, "ca.pem"), ca);
	assert_int_equal(inode_of(&c, "server.pem"), cert);
	assert_int_equal(inode_of(&c, "admin-credentials"), credentials);
	assert_int_equal(inode_of(&c, "audit.key"), audit);

	row("a new certificate on request, from the same CA");
	o.force_new_cert = true;
	assert_int_equal(init_main(&c, &o), 0);
	assert_int_equal(inode_of(&c, "ca.pem"), ca);
	assert_true(inode_of(&c, "server.pem") != cert);

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unlink(config_path(&c, names[i]));
	assert_int_equal(rmdir(c.state_dir), 0);
	assert_int_equal(rmdir(dir), 0);
	config_fini(&c);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_values),
		cmocka_unit_test(t_mistakes),
		cmocka_unit_test(t_listen),
		cmocka_unit_test(t_files),
		cmocka_unit_test(t_example),
		cmocka_unit_test(t_init),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
