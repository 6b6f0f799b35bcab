/* SPDX-License-Identifier: Apache-2.0 */
/* See procs.h. */
#include "agent/procs.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

enum { DEPTH_MAX = 4096 };

/* "/proc/123/stat" without stdio. */
static void
stat_path(char out[32], pid_t pid)
{
	char digits[12];
	size_t n = 0, len = strlen("/proc/");

	for (unsigned v = (unsigned)pid; v > 0 || n == 0; v /= 10)
		digits[n++] = (char)('0' + v % 10);
	memcpy(out, "/proc/", len);
	while (n > 0)
		out[len++] = digits[--n];
	memcpy(out + len, "/stat", sizeof("/stat"));
}

static pid_t
parse_digits(const char *p)
{
	pid_t v = 0;

	if (*p < '0' || *p > '9')
		return -1;
	for (; *p >= '0' && *p <= '9' && v < 100000000; p++)
		v = v * 10 + (*p - '0');
	return v;
}

/* "123 (any) text) S 1 ...": the name may hold anything, so count from its end. */
pid_t
procs_parent(pid_t pid)
{
	char path[32], text[512], *p;
	ssize_t n;
	int fd;

	stat_path(path, pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	p = strrchr(text, ')');
	if (p == NULL || strlen(p) < 5)
		return -1;
	return parse_digits(p + 4);
}

void
procs_each(procs_cb *cb, void *arg)
{
	_Alignas(struct dirent64) char mem[8192];
	int dir = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ssize_t n;

	if (dir == -1)
		return;
	while ((n = getdents64(dir, mem, sizeof(mem))) > 0) {
		for (ssize_t off = 0; off < n;) {
			const struct dirent64 *d = (const void *)(mem + off);
			pid_t pid = parse_digits(d->d_name), ppid;

			off += d->d_reclen;
			if (pid > 0 && (ppid = procs_parent(pid)) >= 0)
				cb(arg, pid, ppid);
		}
	}
	close(dir);
}

struct below {
	pid_t top;
	int signum;
	size_t n;
};

static void
signal_below(void *arg, pid_t pid, pid_t ppid)
{
	struct below *b = arg;

	if (pid == b->top)
		return;
	for (int depth = 0; ppid > 0 && depth < DEPTH_MAX; depth++) {
		if (ppid == b->top) {
			if (kill(pid, b->signum) == 0)
				b->n++;
			return;
		}
		ppid = procs_parent(ppid);
	}
}

size_t
procs_signal_below(pid_t pid, int signum)
{
	struct below b = { pid, signum, 0 };

	procs_each(signal_below, &b);
	return b.n;
}
