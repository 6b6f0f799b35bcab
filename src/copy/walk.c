/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is sent for a path: see copy.h.  Symbolic links are followed, as scp does: what
 * arrives is what a reader of the source would have seen, and the receiver never has to
 * make a link, so no source can plant one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "copy/send_int.h"

static int send_entry(struct copy_sender *s, int dir, const char *name, const char *path,
    const char *wire_name);

static bool
is_above(const struct copy_level *l, const struct stat *st)
{
	for (; l != NULL; l = l->up)
		if (l->dev == st->st_dev && l->ino == st->st_ino)
			return true;
	return false;
}

static size_t
depth(const struct copy_level *l)
{
	size_t n = 0;

	for (; l != NULL; l = l->up)
		n++;
	return n;
}

static int
send_entries(struct copy_sender *s, DIR *d, const char *path)
{
	bool slash = path[strlen(path) - 1] == '/';
	int r = 0;

	while (r == 0 && !s->level->failed) {
		struct dirent *e;

		errno = 0;
		if ((e = readdir(d)) == NULL) {
			if (errno != 0)
				copy_sender_trouble(s, path, copy_words(errno));
			break;
		}
		if (copy_name_ok(span_str(e->d_name))) {
			auto_free char *below =
			    xasprintf("%s%s%s", path, slash ? "" : "/", e->d_name);

			r = send_entry(s, dirfd(d), e->d_name, below, e->d_name);
		}
	}
	return r;
}

static int
send_open_dir(struct copy_sender *s, DIR *d, const struct stat *st, const char *path,
    const char *wire_name)
{
	struct copy_level level = {
		.up = s->level, .id = ++s->last_dir, .dev = st->st_dev, .ino = st->st_ino
	};
	struct copy_pending *p;
	int r;

	if ((r = copy_sender_push(s, xstrdup(path), &p)) != 0)
		return r;
	p->dir = level.id;
	s->level = &level;
	r = copy_link_send(s->link,
	    &(struct copy_msg){ .type = COPY_DIR,
		.mode = st->st_mode & 0777,
		.times = copy_times_of(st),
		.text = span_str(wire_name) });
	if (r == 0)
		r = send_entries(s, d, path);
	s->level = level.up;
	return r != 0 ? r
		      : copy_link_send(s->link, &(struct copy_msg){ .type = COPY_UP });
}

static int
send_dir(struct copy_sender *s, int dir, const char *name, const struct stat *st,
    const char *path, const char *wire_name)
{
	const char *why = NULL;
	DIR *d = NULL;
	int fd, r;

	if ((s->o.flags & COPY_RECURSIVE) == 0)
		why = copy_words(EISDIR);
	else if (is_above(s->level, st))
		why = "a symbolic link to a directory that it is in: skipped";
	else if (depth(s->level) >= COPY_DEPTH_MAX)
		why = "too many directories inside each other: skipped";
	else if ((fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1 ||
	    (d = fdopendir(fd)) == NULL)
		why = copy_words(errno);
	if (why != NULL) {
		copy_sender_trouble(s, path, why);
		return 0;
	}
	r = send_open_dir(s, d, st, path, wire_name);
	closedir(d);
	return r;
}

/* Opening it must neither wait for the other end of a FIFO nor change a device. */
static int
send_regular(struct copy_sender *s, int dir, const char *name, const char *path,
    const char *wire_name)
{
	int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), r;
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1) {
		copy_sender_trouble(s, path, copy_words(errno));
		r = 0;
	} else if (!S_ISREG(st.st_mode)) {
		copy_sender_trouble(s, path, "not a regular file: skipped");
		r = 0;
	} else {
		r = copy_send_file(s, fd, &st, path, wire_name);
	}
	if (fd != -1)
		close(fd);
	return r;
}

static const char *
why_missing(int errnum, const char *path)
{
	if (errnum == ELOOP)
		return "a symbolic link to itself: skipped";
	if (errnum == ENOENT && strpbrk(path, "*?[") != NULL)
		return "no such file or directory (patterns are not expanded)";
	return copy_words(errnum);
}

static int
send_entry(struct copy_sender *s, int dir, const char *name, const char *path,
    const char *wire_name)
{
	struct stat st;

	if (fstatat(dir, name, &st, 0) == -1) {
		copy_sender_trouble(s, path, why_missing(errno, path));
		return 0;
	}
	if (S_ISDIR(st.st_mode))
		return send_dir(s, dir, name, &st, path, wire_name);
	if (S_ISREG(st.st_mode))
		return send_regular(s, dir, name, path, wire_name);
	copy_sender_trouble(s, path, "not a regular file: skipped");
	return 0;
}

int
copy_send(struct copy_sender *s, const char *path)
{
	struct span base = copy_base_name(span_str(path));
	auto_free char *wire_name = span_dup(base);

	return send_entry(s, AT_FDCWD, path, path, wire_name);
}
