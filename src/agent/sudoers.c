/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See sudoers.h.  A broken file in sudoers.d can lock everybody out of sudo, so it is
 * checked under a name that sudo ignores and only then renamed.
 */
#include "agent/sudoers.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "proto/ids.h"

static const char *
visudo(void)
{
	static const char *const at[] = { "/usr/sbin/visudo", "/usr/bin/visudo",
		"/usr/local/sbin/visudo" };

	for (size_t i = 0; i < ARRAY_LEN(at); i++)
		if (access(at[i], X_OK) == 0)
			return at[i];
	return NULL;
}

static bool
passes(const char *program, const char *path)
{
	char *argv[] = { (char *)(uintptr_t)program, (char *)(uintptr_t) "-c",
		(char *)(uintptr_t) "-q", (char *)(uintptr_t) "-f",
		(char *)(uintptr_t)path, NULL };
	char *envp[] = { (char *)(uintptr_t) "PATH=/usr/sbin:/usr/bin", NULL };
	int status = -1;
	pid_t pid;

	if (posix_spawn(&pid, program, NULL, NULL, argv, envp) != 0)
		return false;
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int
sudoers_grant_in(const char *dir, const char *user, struct fault *f)
{
	char tmp[PATH_MAX], path[PATH_MAX];
	auto_free char *text = NULL;
	const char *check = visudo();
	int r;

	if (!id_user_valid(span_str(user)))
		return fault_set(f, ERR_INVALID, "not a user name");
	if (snprintf(path, sizeof(path), "%s/" SUDOERS_FILE, dir) >= (int)sizeof(path) ||
	    /* sudo skips names that hold a dot */
	    snprintf(tmp, sizeof(tmp), "%s/." SUDOERS_FILE ".tmp", dir) >=
		(int)sizeof(tmp))
		return fault_set(f, ERR_LIMIT, "the folder's name is too long");
	text = xasprintf("# Written by sallyport-agent register --grant-sudo.\n"
			 "%s ALL=(ALL) NOPASSWD:ALL\n",
	    user);
	if ((r = file_write_new(tmp, span_str(text), 0440, true, f)) != 0)
		return r;
	if (check != NULL && !passes(check, tmp))
		r = fault_set(f, ERR_INVALID, "visudo refuses the rule for %s", user);
	else
		r = file_rename(tmp, path, f);
	if (r != 0)
		(void)unlink(tmp);
	return r;
}

int
sudoers_grant(const char *user, struct fault *f)
{
	return sudoers_grant_in("/etc/sudoers.d", user, f);
}
