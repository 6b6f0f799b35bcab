/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent keeps on disk, what it reads of its machine, and its waiting times. */
#include "unit/check.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/backoff.h"
#include "agent/files.h"
#include "agent/heartbeat.h"
#include "agent/platform.h"
#include "agent/registration.h"
#include "agent/sudoers.h"
#include "ev/sim.h"

static char top[] = "/tmp/sallyport-agent-XXXXXX";

static void
path_in(char *out, size_t size, const char *name)
{
	(void)snprintf(out, size, "%s/%s", top, name);
}

static void
t_files(void **state)
{
	char dir[300], path[400];
	struct stat st;
	auto_buf b = { 0 };

	(void)state;
	path_in(dir, sizeof(dir), "a/b");
	assert_int_equal(agent_dir_make(dir, NULL), 0);
	assert_int_equal(agent_dir_make(dir, NULL), 0); /* it may be there */
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	row("not there");
	assert_int_equal(agent_file_read(&b, dir, "x", NULL), ERR_NOTFOUND);
	row("written, replaced, private");
	assert_int_equal(agent_file_write(dir, "x", SPAN("one"), true, NULL), 0);
	assert_int_equal(agent_file_write(dir, "x", SPAN("second"), false, NULL), 0);
	assert_int_equal(agent_file_read(&b, dir, "x", NULL), 0);
	check_text(buf_span(&b), "second");
	(void)snprintf(path, sizeof(path), "%s/x", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	row("what a crash left behind is no obstacle");
	(void)snprintf(path, sizeof(path), "%s/.x.tmp", dir);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(agent_file_write(dir, "x", SPAN("third"), true, NULL), 0);
	buf_fini(&b);
	assert_int_equal(agent_file_read(&b, dir, "x", NULL), 0);
	check_text(buf_span(&b), "third");
	assert_int_equal(lstat(path, &st), -1);
	row("empty content removes");
	assert_int_equal(agent_file_keep(dir, "x", SPAN_NONE, NULL), 0);
	buf_fini(&b);
	assert_int_equal(agent_file_read(&b, dir, "x", NULL), ERR_NOTFOUND);
}

static void
t_registration(void **state)
{
	static const struct {
		const char *what, *json;
		int ret;
	} t[] = {
		{ "least",
		    "{\"NodeId\":\"mi-0123456789abcdef0\",\"Endpoint\":\"https://x\","
		    "\"Region\":\"r\"}",
		    0 },
		{ "not JSON", "{", ERR_INVALID },
		{ "no node", "{\"Endpoint\":\"https://x\",\"Region\":\"r\"}",
		    ERR_INVALID },
		{ "node is no id",
		    "{\"NodeId\":\"../x\",\"Endpoint\":\"https://x\","
		    "\"Region\":\"r\"}",
		    ERR_INVALID },
		{ "region",
		    "{\"NodeId\":\"mi-1\",\"Endpoint\":\"https://x\",\"Region\":"
		    "\"r/s\"}",
		    ERR_INVALID },
		{ "user",
		    "{\"NodeId\":\"mi-1\",\"Endpoint\":\"https://x\",\"Region\":\"r\","
		    "\"SessionUser\":\"a b\"}",
		    ERR_INVALID },
		{ "relative CA",
		    "{\"NodeId\":\"mi-1\",\"Endpoint\":\"https://x\","
		    "\"Region\":\"r\",\"CaFile\":\"ca.pem\"}",
		    ERR_INVALID },
		{ "numbers", "{\"NodeId\":1,\"Endpoint\":2,\"Region\":3}", ERR_INVALID },
	};
	struct agent_reg r;
	struct fault f = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		assert_int_equal(agent_reg_parse(&r, span_str(t[i].json), &f), t[i].ret);
		agent_reg_fini(&r);
	}
	row("there and back");
	assert_int_equal(agent_reg_parse(&r, span_str(t[0].json), &f), 0);
	assert_int_equal(agent_reg_save(&r, top, &f), 0);
	agent_reg_fini(&r);
	assert_int_equal(agent_reg_load(&r, top, &f), 0);
	assert_string_equal(r.node_id, "mi-0123456789abcdef0");
	assert_string_equal(r.session_user, "");
	agent_reg_fini(&r);
	row("not registered: the words say what to do");
	assert_int_equal(agent_reg_load(&r, "/nonexistent", &f), ERR_NOTFOUND);
	assert_non_null(strstr(f.text, "sallyport-agent register"));
}

static void
t_endpoint(void **state)
{
	static const struct {
		const char *what, *in, *out;
	} t[] = {
		{ "plain", "https://server.example", "https://server.example" },
		{ "port", "https://server.example:8443", "https://server.example:8443" },
		{ "slash", "https://server.example:8443/",
		    "https://server.example:8443" },
		{ "IPv6", "https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443" },
		{ "path", "https://server.example/x", NULL },
		{ "query", "https://server.example/?x", NULL },
		{ "http", "http://server.example", NULL },
		{ "no scheme", "server.example:8443", NULL },
		{ "empty", "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_free char *out = NULL;
		struct fault f = { 0 };
		int r = agent_endpoint_clean(&out, t[i].in, &f);

		row(t[i].what);
		assert_int_equal(r, t[i].out != NULL ? 0 : ERR_INVALID);
		if (t[i].out != NULL)
			assert_string_equal(out, t[i].out);
	}
}

static void
t_os_release(void **state)
{
	static const struct {
		const char *what, *text, *value;
	} t[] = {
		{ "plain", "ID=debian\nNAME=Debian\n", "Debian" },
		{ "double quotes", "NAME=\"Debian GNU/Linux\"\n", "Debian GNU/Linux" },
		{ "single quotes", "NAME='Some \"OS\"'", "Some \"OS\"" },
		{ "escapes", "NAME=\"a\\\"b\\$c\"", "a\"b$c" },
		{ "not a prefix of another", "PRETTY_NAME=x\nNAMES=y\n", "" },
		{ "blank before", "  NAME=x", "x" },
		{ "first one counts", "NAME=x\nNAME=y\n", "x" },
		{ "empty", "NAME=\n", "" },
		{ "open quote", "NAME=\"x", "x" },
		{ "none", "", "" },
	};
	char out[64], tiny[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		row(t[i].what);
		agent_os_release_get(out, sizeof(out), span_str(t[i].text), "NAME");
		assert_string_equal(out, t[i].value);
	}
	agent_os_release_get(tiny, sizeof(tiny), SPAN("NAME=abcdef"), "NAME");
	assert_string_equal(tiny, "abc");
}

static void
t_platform(void **state)
{
	struct agent_platform p;
	auto_buf b = { 0 };

	(void)state;
	agent_platform_read(&p);
	assert_true(p.name[0] != '\0' && p.computer[0] != '\0');
	buf_init(&b, 4096);
	agent_heartbeat_build(&b, "mi-1", NULL, false);
	check_text(buf_span(&b),
	    "{\"AgentName\":\"sallyport-agent\",\"AgentVersion\":\"" SALLYPORT_VERSION
	    "\","
	    "\"InstanceId\":\"mi-1\",\"PlatformType\":\"Linux\"}");
}

/* agent-protocol 10.19 */
static void
t_19_backoff(void **state)
{
	struct sim_world *w = sim_new(&(struct sim_options){ .seed = 5 });
	struct ev_loop *l = sim_host(w, "node");
	struct agent_backoff b = { .base_ms = 1000, .cap_ms = 60000 };
	uint64_t wait = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		uint64_t range = i < 6 ? 1000u << i : 60000;

		wait = agent_backoff_next(&b, l);
		assert_in_range(wait, range / 2, range);
	}
	agent_backoff_reset(&b);
	assert_in_range(agent_backoff_next(&b, l), 500, 1000);
	for (uint32_t i = 0; i < 30; i++)
		(void)agent_backoff_next(&b, l);
	agent_backoff_ease(&b, 8000);
	assert_in_range(agent_backoff_next(&b, l), 4000, 8000);
	agent_backoff_ease(&b, 8000);
	assert_in_range(agent_backoff_next(&b, l), 4000, 8000);
	agent_backoff_reset(&b);
	agent_backoff_ease(&b, 8000);
	assert_in_range(agent_backoff_next(&b, l), 500, 1000);
	ev_loop_free(l);
	sim_free(w);
}

static void
t_sudoers(void **state)
{
	char path[400];
	struct stat st;
	auto_buf b = { 0 };

	(void)state;
	assert_int_equal(sudoers_grant_in(top, "ssm-user", NULL), 0);
	path_in(path, sizeof(path), "sallyport-agent");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0440);
	assert_int_equal(agent_file_read(&b, top, "sallyport-agent", NULL), 0);
	assert_non_null(strstr(buf_cstr(&b), "\nssm-user ALL=(ALL) NOPASSWD:ALL\n"));
	row("again, for another user");
	assert_int_equal(sudoers_grant_in(top, "ops", NULL), 0);
	row("no name that is more than a name");
	assert_int_equal(sudoers_grant_in(top, "x ALL=(ALL) ALL\ny", NULL), ERR_INVALID);
	assert_int_equal(sudoers_grant_in(top, "%wheel", NULL), ERR_INVALID);
	assert_int_equal(sudoers_grant_in(top, "ALL", NULL), ERR_INVALID);
	row("no folder");
	assert_int_not_equal(sudoers_grant_in("/nonexistent", "ops", NULL), 0);
}

static int
set_up(void **state)
{
	(void)state;
	return mkdtemp(top) != NULL ? 0 : -1;
}

/* Two agents with one node id would push each other off the server for ever. */
static void
t_lock(void **state)
{
	struct fault f = { 0 };
	char pid[32];
	int fd, status, mine;
	pid_t child;

	(void)state;
	(void)snprintf(pid, sizeof(pid), "(pid %ld)", (long)getpid());
	row("no folder");
	assert_int_equal(agent_dir_lock(&fd, "/nonexistent", &f), ERR_NOTFOUND);
	row("taken; another process is told by whom");
	assert_int_equal(agent_dir_lock(&mine, top, NULL), 0);
	if ((child = fork()) == 0)
		_exit(agent_dir_lock(&fd, top, &f) == ERR_EXISTS &&
			    strstr(f.text, pid) != NULL
			? 0
			: 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	row("free again");
	close(mine);
	if ((child = fork()) == 0)
		_exit(agent_dir_lock(&fd, top, &f) == 0 ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static int
tear_down(void **state)
{
	static const char *const left[] = { "a/b", "a", FILE_REGISTRATION,
		"sallyport-agent", FILE_LOCK };
	char path[400];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(left); i++) {
		path_in(path, sizeof(path), left[i]);
		(void)remove(path);
	}
	return rmdir(top);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_files),
		cmocka_unit_test(t_registration),
		cmocka_unit_test(t_endpoint),
		cmocka_unit_test(t_os_release),
		cmocka_unit_test(t_platform),
		cmocka_unit_test(t_19_backoff),
		cmocka_unit_test(t_sudoers),
		cmocka_unit_test(t_lock),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
