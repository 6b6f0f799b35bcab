/* SPDX-License-Identifier: Apache-2.0 */
/* See folder.h. */
#include "unit/copy/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

#define MUST(call) assert((call) && "the test's own folder")

static char top[64];

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st, (void)type, (void)f;
	(void)chmod(path, 0700);
	return remove(path);
}

void
folder_up(void)
{
	(void)snprintf(top, sizeof(top), "/tmp/t-copy-XXXXXX");
	MUST(mkdtemp(top) != NULL && chdir(top) == 0);
	(void)umask(022);
}

void
folder_down(void)
{
	MUST(chdir("/") == 0);
	(void)nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void
folder_write(const char *path, struct span content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	MUST(fd != -1 && write(fd, content.p, content.n) == (ssize_t)content.n);
	close(fd);
}

void
folder_fill(const char *path, uint32_t seed, size_t n)
{
	auto_free uint8_t *p = xmalloc(n + 4);

	for (size_t i = 0; i < n; i += 4) {
		seed = seed * 1664525 + 1013904223;
		memcpy(p + i, &seed, 4);
	}
	folder_write(path, span_of(p, n));
}

char *
folder_read(const char *path, size_t *n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *p;

	MUST(fd != -1 && fstat(fd, &st) == 0);
	*n = (size_t)st.st_size;
	p = xmalloc(*n + 1);
	MUST(read(fd, p, *n) == (ssize_t)*n);
	p[*n] = '\0';
	close(fd);
	return p;
}

bool
folder_same(const char *a, const char *b)
{
	size_t na, nb;
	auto_free char *pa = folder_read(a, &na), *pb = folder_read(b, &nb);

	return na == nb && memcmp(pa, pb, na) == 0;
}

bool
folder_has(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

mode_t
folder_mode(const char *path)
{
	struct stat st;

	MUST(lstat(path, &st) == 0);
	return st.st_mode & 07777;
}

size_t
folder_count(const char *path)
{
	DIR *d = opendir(path);
	size_t n = 0;

	MUST(d != NULL);
	for (const struct dirent *e; (e = readdir(d)) != NULL;)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}
