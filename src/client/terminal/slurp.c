/* SPDX-License-Identifier: Apache-2.0 */
/* See slurp.h. */
#include "client/terminal/slurp.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECE = 4096 };

int
slurp_fd(int fd, struct buf *out)
{
	for (;;) {
		size_t room = MIN(PIECE, out->max - out->len);
		uint8_t *p = room > 0 ? buf_grow(out, room) : NULL;
		ssize_t n;

		if (p == NULL)
			return ERR_LIMIT;
		n = read(fd, p, room);
		out->len -= room - (n > 0 ? (size_t)n : 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? ERR_IO : 0;
	}
}

int
slurp_path(struct buf *out, const char *path, struct fault *f)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), r, e;

	if (fd == -1)
		return fault_set(f, ERR_IO, "cannot open %s: %s", path, strerror(errno));
	r = slurp_fd(fd, out);
	e = errno;
	if (!is_stdin)
		close(fd);
	if (r == ERR_LIMIT)
		return fault_set(f, r, "%s is too large: less than %zu bytes are taken",
		    path, out->max);
	return r == 0 ? 0 : fault_set(f, r, "cannot read %s: %s", path, strerror(e));
}

static int
start(pid_t *pid, const char *const *argv, int out, bool both)
{
	posix_spawn_file_actions_t fa;
	int e;

	if (posix_spawn_file_actions_init(&fa) != 0)
		return ERR_IO;
	e = posix_spawn_file_actions_adddup2(&fa, out, STDOUT_FILENO);
	if (e == 0 && both)
		e = posix_spawn_file_actions_adddup2(&fa, out, STDERR_FILENO);
	if (e == 0)
		e = posix_spawnp(
		    pid, argv[0], &fa, NULL, (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	return e == 0 ? 0 : e == ENOENT ? ERR_NOTFOUND : ERR_IO;
}

int
slurp_program(struct buf *out, const char *const *argv, bool both, int *status)
{
	int fds[2], r, raw = 0;
	pid_t pid;

	*status = -1;
	if (pipe2(fds, O_CLOEXEC) != 0)
		return ERR_IO;
	r = start(&pid, argv, fds[1], both);
	close(fds[1]);
	if (r != 0) {
		close(fds[0]);
		return r;
	}
	r = slurp_fd(fds[0], out);
	close(fds[0]); /* one that prints too much ends on it */
	while (waitpid(pid, &raw, 0) == -1 && errno == EINTR)
		continue;
	if (WIFEXITED(raw))
		*status = WEXITSTATUS(raw);
	return r;
}
