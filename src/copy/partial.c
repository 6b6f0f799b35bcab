/* SPDX-License-Identifier: Apache-2.0 */
/* See partial.h. */
#include "copy/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/crypto.h"

enum {
	OPEN_FLAGS = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
	BLOCK = 256 * 1024,
	OPEN_TRIES = 5, /* against others who do the same */
};

static int
failed(struct fault *f, int errnum)
{
	return fault_set(f, err_from_errno(errnum), "%s", copy_words(errnum));
}

/* --- the name while it grows -------------------------------------------------------------- */

/* Does the name still lead to what is open? */
static bool
is_ours(const struct copy_partial *p, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 &&
	    fstatat(p->dir, p->tmp, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static bool
is_usable(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    st.st_nlink == 1;
}

/* File systems without locks have to do without this protection. */
static bool
is_busy(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK;
}

/* What another copy has written so far, into our own file. */
static int
take_over(struct copy_partial *p, int from, struct fault *f)
{
	auto_free uint8_t *block = xmalloc(BLOCK);
	off_t at = 0;
	ssize_t n;

	while ((n = pread(from, block, BLOCK, at)) > 0) {
		if (pwrite(p->fd, block, (size_t)n, at) != n)
			return failed(f, errno);
		at += n;
	}
	return n == 0 ? 0 : failed(f, errno);
}

/* A new one in the place of whatever has the name.  from: -1, or what to begin with. */
static int
open_fresh(struct copy_partial *p, int from, struct fault *f)
{
	if (unlinkat(p->dir, p->tmp, 0) == -1 && errno != ENOENT)
		return failed(f, errno);
	p->fd = openat(p->dir, p->tmp, O_RDWR | O_CREAT | O_EXCL | OPEN_FLAGS, 0600);
	if (p->fd == -1)
		return failed(f, errno);
	if (is_busy(p->fd))
		return fault_set(f, ERR_CONFLICT, "another copy of it began just now");
	return from == -1 ? 0 : take_over(p, from, f);
}

/* What is there already, or a new one. */
static int
open_tmp(struct copy_partial *p, struct fault *f)
{
	int fd, r;

	for (int i = 0; i < OPEN_TRIES; i++) {
		fd = openat(p->dir, p->tmp, O_RDWR | O_CREAT | OPEN_FLAGS, 0600);
		if (fd == -1 && errno != ELOOP)
			return failed(f, errno);
		if (fd == -1 || !is_usable(fd)) { /* somebody else's */
			if (fd != -1)
				close(fd);
			return open_fresh(p, -1, f);
		}
		if (is_busy(fd)) {
			r = open_fresh(p, fd, f);
			close(fd);
			return r;
		}
		if (is_ours(p, fd)) {
			p->fd = fd;
			return fchmod(fd, 0600) == 0 ? 0 : failed(f, errno);
		}
		close(fd); /* it got its final name between open and lock */
	}
	return fault_set(f, ERR_CONFLICT, "another copy of it is under way");
}

/* --- the place ------------------------------------------------------------------------------ */

/* What has the name now, and may it be replaced? */
static int
look(struct copy_partial *p, struct stat *st, struct fault *f)
{
	p->replaces = false;
	if (fstatat(p->dir, p->name, st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : failed(f, errno);
	if (S_ISDIR(st->st_mode))
		return fault_set(f, ERR_EXISTS, "there is a directory of this name");
	if (S_ISLNK(st->st_mode))
		return 0; /* the link gives way, what it leads to is not touched */
	if (!S_ISREG(st->st_mode))
		return fault_set(f, ERR_EXISTS, "not a regular file: it is not replaced");
	if (faccessat(p->dir, p->name, W_OK, AT_EACCESS) == -1)
		return failed(f, errno);
	p->replaces = true;
	p->mode = st->st_mode & 0777;
	p->uid = st->st_uid;
	p->gid = st->st_gid;
	return 0;
}

/* A file of the right length may be the very one: an earlier copy came to its end. */
static bool
open_whole(struct copy_partial *p, const struct stat *st)
{
	struct stat tmp;

	if (!p->replaces || (uint64_t)st->st_size != p->size ||
	    fstatat(p->dir, p->tmp, &tmp, AT_SYMLINK_NOFOLLOW) == 0)
		return false;
	p->fd = openat(p->dir, p->name, O_RDONLY | OPEN_FLAGS);
	p->whole = p->fd != -1;
	return p->whole;
}

int
copy_partial_begin(struct copy_partial *p, int dir, const char *name, uint64_t size,
    bool resume, struct fault *f)
{
	struct stat st;
	int r;

	*p = (struct copy_partial){ .dir = dir, .fd = -1, .size = size, .keep = resume };
	if (str_copy(p->name, sizeof(p->name), name) != 0)
		return failed(f, ENAMETOOLONG);
	copy_partial_name(p->tmp, span_str(name));
	if ((r = look(p, &st, f)) != 0)
		return r;
	p->sum = sha256_new();
	if (resume && open_whole(p, &st))
		return 0;
	if ((r = open_tmp(p, f)) != 0)
		return r;
	return resume ? 0 : copy_partial_start(p, 0, f);
}

/* --- content ---------------------------------------------------------------------------------- */

int
copy_partial_have(struct copy_partial *p, struct copy_link *k, struct copy_msg *have)
{
	auto_free uint8_t *block = xmalloc(BLOCK);
	int r;

	*have = (struct copy_msg){ .type = COPY_HAVE };
	while (p->at < p->size) {
		size_t want = (size_t)MIN(p->size - p->at, (uint64_t)BLOCK);
		ssize_t n = pread(p->fd, block, want, (off_t)p->at);

		if (n <= 0)
			break; /* its end; or what cannot be read is not there */
		sha256_add(p->sum, span_of(block, (size_t)n));
		p->at += (size_t)n;
		if ((r = copy_link_alive(k)) != 0)
			return r;
	}
	have->size = p->at;
	sha256_now(p->sum, have->digest);
	return 0;
}

int
copy_partial_start(struct copy_partial *p, uint64_t skip, struct fault *f)
{
	int r;

	if (p->whole && skip == p->size)
		return 0;
	if (p->whole) { /* it is another file after all */
		close(p->fd);
		p->fd = -1;
		p->whole = false;
		if ((r = open_tmp(p, f)) != 0)
			return r;
		skip = 0;
	}
	if (ftruncate(p->fd, (off_t)skip) == -1)
		return failed(f, errno);
	if (skip == 0) {
		sha256_free(p->sum);
		p->sum = sha256_new();
		p->at = 0;
	}
	return 0;
}

int
copy_partial_write(struct copy_partial *p, struct span bytes, struct fault *f)
{
	sha256_add(p->sum, bytes);
	while (bytes.n > 0) {
		ssize_t n = pwrite(p->fd, bytes.p, bytes.n, (off_t)p->at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return failed(f, errno);
		p->at += (size_t)n;
		bytes = span_sub(bytes, (size_t)n, bytes.n);
	}
	return 0;
}

void
copy_partial_digest(struct copy_partial *p, uint8_t out[COPY_DIGEST])
{
	sha256_now(p->sum, out);
}

/* --- the end ------------------------------------------------------------------------------------ */

int
copy_apply(int fd, const struct copy_attributes *a, struct fault *f)
{
	const struct timespec ts[2] = {
		{ .tv_sec = a->times.atime_s, .tv_nsec = a->times.atime_ns },
		{ .tv_sec = a->times.mtime_s, .tv_nsec = a->times.mtime_ns },
	};

	if (fchmod(fd, a->mode) == -1 || (a->preserve && futimens(fd, ts) == -1))
		return failed(f, errno);
	return 0;
}

/* As if the old file had been written into: owner and mode stay. */
static int
dress(struct copy_partial *p, const struct copy_attributes *a, struct fault *f)
{
	struct copy_attributes as = *a;

	if (p->whole && !a->preserve)
		return 0;
	if (p->replaces && !a->preserve)
		as.mode = p->mode;
	if (p->replaces && !p->whole && fchown(p->fd, p->uid, p->gid) == -1 &&
	    fchown(p->fd, (uid_t)-1, p->gid) == -1)
		as.mode &= ~0070u; /* another group must not get the old one's rights */
	return copy_apply(p->fd, &as, f);
}

int
copy_partial_finish(
    struct copy_partial *p, const struct copy_attributes *a, struct fault *f)
{
	int r = dress(p, a, f);

	if (r == 0 && !p->whole) {
		if (!is_ours(p, p->fd))
			r = fault_set(
			    f, ERR_CONFLICT, "another copy of it began meanwhile");
		else if (renameat(p->dir, p->tmp, p->dir, p->name) == -1)
			r = failed(f, errno);
		else
			p->whole = true;
	}
	copy_partial_drop(p, false);
	return r;
}

void
copy_partial_drop(struct copy_partial *p, bool keep)
{
	if (p->fd != -1) {
		if (!p->whole && !(keep && p->keep && p->at > 0) && is_ours(p, p->fd))
			(void)unlinkat(p->dir, p->tmp, 0);
		close(p->fd);
	}
	p->fd = -1;
	sha256_free(p->sum);
	p->sum = NULL;
}
