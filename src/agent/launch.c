/* SPDX-License-Identifier: Apache-2.0 */
/* See launch.h. */
#include "agent/launch.h"

#include <unistd.h>

#include "agent/copy_program.h"
#include "agent/sockdial.h"
#include "proto/ids.h"

#define PATH_USER "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
#define PATH_ROOT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum { ENV_MAX = 16 };

static size_t
count_words(struct span text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\0';
	return n;
}

int
launch_check(const struct spawn_request *r, struct fault *f)
{
	if (r->kind < SPAWN_LOGIN || r->kind > SPAWN_SOCKET)
		return fault_set(f, ERR_INVALID, "not a kind of session");
	if (!id_session_valid(span_str(r->session_id)))
		return fault_set(f, ERR_INVALID, "not a session's id");
	if (r->text.n > SPAWN_TEXT_MAX)
		return fault_set(f, ERR_LIMIT, "the command is too long");
	if (r->kind == SPAWN_SOCKET)
		return sockdial_check(r->text, f);
	if (r->kind == SPAWN_LOGIN || r->kind == SPAWN_COPY)
		return r->text.n == 0
		    ? 0
		    : fault_set(f, ERR_INVALID, "this kind of session takes no command");
	if (r->text.n == 0)
		return fault_set(f, ERR_INVALID, "the command is empty");
	if (r->kind == SPAWN_COMMAND)
		return span_find(r->text, '\0') == -1
		    ? 0
		    : fault_set(f, ERR_INVALID, "the command holds a NUL");
	if (r->text.p[r->text.n - 1] != '\0')
		return fault_set(f, ERR_INVALID, "the command's last word has no end");
	if (count_words(r->text) > SPAWN_WORDS_MAX)
		return fault_set(f, ERR_LIMIT, "the command has too many words");
	return 0;
}

/* --- argv --------------------------------------------------------------- */

static const char *const *
argv_login(struct launch *l, const struct agent_user *u)
{
	const char **v = arena_alloc(&l->mem, 2 * sizeof(*v));
	const char *base = strrchr(u->shell, '/');

	v[0] = arena_strdup(&l->mem, u->shell);
	l->spawn.argv0 = arena_printf(&l->mem, "-%s", base != NULL ? base + 1 : u->shell);
	return v;
}

static const char *const *
argv_command(struct launch *l, struct span text)
{
	const char **v = arena_alloc(&l->mem, 4 * sizeof(*v));

	v[0] = "/bin/sh";
	v[1] = "-c";
	v[2] = arena_str(&l->mem, text);
	return v;
}

/* The shell looks the program up in PATH and says so when there is none. */
static const char *const *
argv_exec(struct launch *l, const struct spawn_request *r)
{
	struct span words = arena_copy(&l->mem, r->text);
	const char **v = arena_alloc(&l->mem, (count_words(words) + 5) * sizeof(*v));
	size_t n = 0;

	v[n++] = "/bin/sh";
	v[n++] = "-c";
	v[n++] = r->merge_stderr ? "exec \"$@\" 2>&1" : "exec \"$@\"";
	v[n++] = "sh";
	for (size_t off = 0; off < words.n; off += strlen(v[n - 1]) + 1)
		v[n++] = (const char *)words.p + off;
	return v;
}

/*
 * This very program, whatever has become of the file since: the link leads to what runs.
 * No path of the machine is looked at, so the user need not be able to see it.
 */
static const char *const *
argv_copy(struct launch *l)
{
	const char **v = arena_alloc(&l->mem, 3 * sizeof(*v));

	v[0] = "/proc/self/exe";
	v[1] = AGENT_COPY_WORD;
	l->spawn.argv0 = "sallyport-agent";
	return v;
}

/* --- environment -------------------------------------------------------- */

static const char *const *
environment(struct launch *l, const struct spawn_request *r, const struct agent_user *u)
{
	const char **v = arena_alloc(&l->mem, ENV_MAX * sizeof(*v));
	const char *lang = getenv("LANG"), *tz = getenv("TZ");
	size_t n = 0;

	v[n++] = arena_printf(&l->mem, "HOME=%s", u->home);
	v[n++] = arena_printf(&l->mem, "SHELL=%s", u->shell);
	v[n++] = arena_printf(&l->mem, "USER=%s", u->name);
	v[n++] = arena_printf(&l->mem, "LOGNAME=%s", u->name);
	v[n++] = u->uid == 0 ? "PATH=" PATH_ROOT : "PATH=" PATH_USER;
	v[n++] = arena_printf(
	    &l->mem, "LANG=%s", lang != NULL && *lang != '\0' ? lang : "C.UTF-8");
	if (spawn_has_terminal(r->kind))
		v[n++] = "TERM=xterm-256color";
	if (tz != NULL && *tz != '\0')
		v[n++] = arena_printf(&l->mem, "TZ=%s", tz);
	v[n++] = arena_printf(&l->mem, "SALLYPORT_SESSION_ID=%s", r->session_id);
	assert(n < ENV_MAX);
	return v;
}

void
launch_init(struct launch *l, const struct spawn_request *r, const struct agent_user *u,
    bool drop, bool contain)
{
	bool pty = spawn_has_terminal(r->kind);

	assert(r->kind != SPAWN_SOCKET); /* nothing is launched */
	*l = (struct launch){ 0 };
	arena_init(&l->mem);
	l->spawn = (struct ev_spawn){
		.dir = arena_strdup(&l->mem, u->home),
		.pty = pty,
		.rows = r->rows,
		.cols = r->cols,
	};
	if (r->kind == SPAWN_LOGIN)
		l->spawn.argv = argv_login(l, u);
	else if (r->kind == SPAWN_COMMAND)
		l->spawn.argv = argv_command(l, r->text);
	else if (r->kind == SPAWN_COPY)
		l->spawn.argv = argv_copy(l);
	else
		l->spawn.argv = argv_exec(l, r);
	l->spawn.envp = environment(l, r, u);
	if (!contain)
		return;
	l->supervise = (struct supervise){
		.pty = pty,
		.drop = drop,
		.parent = getpid(),
		.user = *u,
	};
	supervise_cgroup(l->supervise.cgroup, sizeof(l->supervise.cgroup), r->session_id);
	l->spawn.setup = supervise_setup;
	l->spawn.setup_arg = &l->supervise;
}

void
launch_fini(struct launch *l)
{
	arena_fini(&l->mem);
}

const char *
launch_status_words(int status)
{
	switch (status) {
	case SUPERVISE_FAILED:
		return "the session's supervisor could not be started";
	case SUPERVISE_NO_USER:
		return "the agent could not change to the session's user";
	case 120:
	case 121:
	case 122:
		return "the session's terminal could not be set up";
	default:
		return NULL;
	}
}
