/* SPDX-License-Identifier: Apache-2.0 */
/* See printed.h. */
#include "unit/client/printed.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/terminal/slurp.h"
#include "unit/check.h"

enum { TEXT_MAX = 1024 * 1024, ARGS_MAX = 32 };

static _Noreturn void
child(int (*program)(int, char **), const char *const *args, const int fds[2])
{
	char *argv[ARGS_MAX + 1] = { NULL };
	int argc = 0, null = open("/dev/null", O_RDONLY);

	for (; argc < ARGS_MAX && args[argc] != NULL; argc++)
		argv[argc] = xstrdup(args[argc]);
	if (null < 0 || dup2(null, 0) < 0 || dup2(fds[0], 1) < 0 || dup2(fds[1], 2) < 0)
		_exit(99);
	argc = program(argc, argv);
	fflush(NULL);
	_exit(argc);
}

/* Files instead of pipes: no order of reading can hang. */
static int
temporary(void)
{
	char path[] = "/tmp/sallyport-test-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

void
printed_run(
    struct printed *p, int (*program)(int argc, char **argv), const char *const *args)
{
	const int fds[2] = { temporary(), temporary() };
	int raw;
	pid_t pid;

	buf_init(&p->out, TEXT_MAX);
	buf_init(&p->err, TEXT_MAX);
	fflush(NULL);
	if ((pid = fork()) == 0)
		child(program, args, fds);
	assert_int_equal(waitpid(pid, &raw, 0), pid);
	p->status = WIFEXITED(raw) ? WEXITSTATUS(raw) : -1;
	assert_int_equal(lseek(fds[0], 0, SEEK_SET), 0);
	assert_int_equal(lseek(fds[1], 0, SEEK_SET), 0);
	assert_int_equal(slurp_fd(fds[0], &p->out), 0);
	assert_int_equal(slurp_fd(fds[1], &p->err), 0);
	close(fds[0]);
	close(fds[1]);
}

void
printed_fini(struct printed *p)
{
	buf_fini(&p->out);
	buf_fini(&p->err);
}
