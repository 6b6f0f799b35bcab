/* SPDX-License-Identifier: Apache-2.0 */
/* See files.h. */
#include "agent/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

int
agent_dir_default(char *out, size_t size, struct fault *f)
{
	const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n;

	if (geteuid() == 0)
		n = snprintf(out, size, "/var/lib/sallyport-agent");
	else if (base != NULL && *base == '/')
		n = snprintf(out, size, "%s/sallyport-agent", base);
	else if (home != NULL && *home == '/')
		n = snprintf(out, size, "%s/.local/state/sallyport-agent", home);
	else
		return fault_set(
		    f, ERR_NOTFOUND, "no home directory; say --state-dir DIR");
	if (n < 0 || (size_t)n >= size)
		return fault_set(f, ERR_LIMIT, "the state directory's name is too long");
	return 0;
}

int
agent_dir_make(const char *dir, struct fault *f)
{
	char path[PATH_MAX];

	if (str_copy(path, sizeof(path), dir) != 0)
		return fault_set(f, ERR_LIMIT, "the state directory's name is too long");
	for (char *p = path + 1;; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(path, 0700) == -1 && errno != EEXIST)
			return fault_set(f, err_from_errno(errno), "cannot make %s: %s",
			    path, strerror(errno));
		*p = c;
		if (c == '\0')
			break;
	}
	if (access(dir, R_OK | W_OK | X_OK) == -1)
		return fault_set(
		    f, err_from_errno(errno), "cannot use %s: %s", dir, strerror(errno));
	return 0;
}

static int
path_of(char *out, const char *dir, const char *name, struct fault *f)
{
	int n = snprintf(out, PATH_MAX, "%s/%s", dir, name);

	if (n < 0 || n >= PATH_MAX)
		return fault_set(f, ERR_LIMIT, "the state directory's name is too long");
	return 0;
}

static int
read_all(struct buf *out, int fd)
{
	for (;;) {
		uint8_t *p = buf_grow(out, 4096);
		ssize_t n;

		if (p == NULL)
			return ERR_LIMIT;
		n = read(fd, p, 4096);
		out->len -= 4096 - (n > 0 ? (size_t)n : 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? 0 : err_from_errno(errno);
	}
}

int
agent_file_read(struct buf *out, const char *dir, const char *name, struct fault *f)
{
	char path[PATH_MAX];
	int fd, r;

	buf_init(out, AGENT_FILE_MAX);
	if ((r = path_of(path, dir, name, f)) != 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1) {
		r = errno == ENOENT || errno == ENOTDIR ? ERR_NOTFOUND
							: err_from_errno(errno);
		return fault_set(f, r, "cannot open %s: %s", path, strerror(errno));
	}
	if ((r = read_all(out, fd)) != 0)
		fault_set(f, r, "cannot read %s: %s", path, err_text(r));
	close(fd);
	return r;
}

int
agent_file_write(
    const char *dir, const char *name, struct span content, bool durable, struct fault *f)
{
	char path[PATH_MAX];
	int r;

	if ((r = path_of(path, dir, name, f)) != 0)
		return r;
	return file_replace(path, content, 0600, durable, f);
}

void
agent_file_remove(const char *dir, const char *name)
{
	char path[PATH_MAX];

	if (path_of(path, dir, name, NULL) == 0)
		(void)unlink(path);
}

int
agent_file_keep(const char *dir, const char *name, struct span content, struct fault *f)
{
	if (content.n > 0)
		return agent_file_write(
		    dir, name, content, strcmp(name, FILE_STATUS) != 0, f);
	agent_file_remove(dir, name);
	return 0;
}

int
agent_dir_lock(int *fd, const char *dir, struct fault *f)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct flock holder = all;
	char path[PATH_MAX];
	int r;

	if ((r = path_of(path, dir, FILE_LOCK, f)) != 0)
		return r;
	if ((*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) == -1)
		return fault_set(f, err_from_errno(errno), "cannot open %s: %s", path,
		    strerror(errno));
	if (fcntl(*fd, F_SETLK, &all) == 0)
		return 0;
	if (fcntl(*fd, F_GETLK, &holder) == -1 || holder.l_type == F_UNLCK)
		holder.l_pid = 0;
	close(*fd);
	*fd = -1;
	return fault_set(f, ERR_EXISTS, "another sallyport-agent (pid %ld) runs with %s",
	    (long)holder.l_pid, dir);
}
