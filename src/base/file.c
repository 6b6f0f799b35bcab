/* SPDX-License-Identifier: Apache-2.0 */
/* See file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* errno must still be that of the failure. */
static int
cannot(struct fault *f, const char *path)
{
	int e = errno;

	return fault_set(f, err_from_errno(e), "cannot write %s: %s", path, strerror(e));
}

static int
write_all(int fd, struct span s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		s = span_sub(s, (size_t)n, s.n);
	}
	return 0;
}

int
file_write_new(
    const char *path, struct span content, mode_t mode, bool durable, struct fault *f)
{
	int fd, r;

	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return cannot(f, path);
	if (write_all(fd, content) == 0 && fchmod(fd, mode) == 0 &&
	    (!durable || fsync(fd) == 0)) {
		if (close(fd) == 0)
			return 0;
		fd = -1;
	}
	r = cannot(f, path);
	if (fd != -1)
		close(fd);
	(void)unlink(path);
	return r;
}

/* The folder of a path and where its last name begins; ERR_LIMIT when that is too long. */
static int
split(const char *path, char folder[PATH_MAX], const char **name, struct fault *f)
{
	const char *slash = strrchr(path, '/');
	int n;

	*name = slash != NULL ? slash + 1 : path;
	n = slash == NULL
	    ? snprintf(folder, PATH_MAX, ".")
	    : snprintf(folder, PATH_MAX, "%.*s", (int)(slash - path) + 1, path);
	if (n < 0 || n >= PATH_MAX)
		return fault_set(f, ERR_LIMIT, "a path is too long");
	return 0;
}

/* A name is only on disk once its folder is. */
static int
sync_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r, e;

	if (fd == -1)
		return -1;
	r = fsync(fd);
	e = errno;
	close(fd);
	errno = e;
	return r;
}

int
file_rename(const char *from, const char *to, struct fault *f)
{
	char folder[PATH_MAX];
	const char *name;
	int r;

	if ((r = split(to, folder, &name, f)) != 0)
		return r;
	return rename(from, to) == 0 && sync_folder(folder) == 0 ? 0 : cannot(f, to);
}

int
file_replace(
    const char *path, struct span content, mode_t mode, bool durable, struct fault *f)
{
	char folder[PATH_MAX], tmp[PATH_MAX];
	const char *name;
	int n, r;

	if ((r = split(path, folder, &name, f)) != 0)
		return r;
	n = snprintf(tmp, sizeof(tmp), "%s/.%s.tmp", folder, name);
	if (n < 0 || (size_t)n >= sizeof(tmp))
		return fault_set(f, ERR_LIMIT, "a path is too long");
	if ((r = file_write_new(tmp, content, mode, durable, f)) != 0)
		return r;
	if (durable)
		r = file_rename(tmp, path, f);
	else if (rename(tmp, path) == -1)
		r = cannot(f, path);
	if (r != 0)
		(void)unlink(tmp);
	return r;
}
