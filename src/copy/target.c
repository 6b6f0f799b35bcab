/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the name of a destination means, as cp and scp have it: a directory that exists takes
 * the entries under their names, anything else becomes the one entry.  A link that the
 * person names is followed; a link inside the destination never is.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy/copy.h"

static int
failed(struct fault *f, const char *path, const char *why)
{
	return fault_set(f, ERR_INVALID, "%.150s: %s", path, why);
}

static int
open_dir(const char *path)
{
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The entry that path names in its directory; path has no trailing slash. */
static int
open_parent(struct copy_target *t, const char *path, struct fault *f)
{
	const char *slash = strrchr(path, '/');
	auto_free char *dir = slash == NULL ? xstrdup(".")
	    : slash == path                 ? xstrdup("/")
					    : xstrndup(path, (size_t)(slash - path));
	const char *name = slash != NULL ? slash + 1 : path;

	if (!copy_name_ok(span_str(name)))
		return failed(f, path, copy_words(ENOENT));
	if ((t->dir = open_dir(dir)) == -1)
		return errno == ENOENT
		    ? failed(f, dir, "no such directory: make it first")
		    : failed(f, dir, copy_words(errno));
	t->name = xstrdup(name);
	t->shown = xstrdup(path);
	return 0;
}

static int
open_file(struct copy_target *t, const char *path, struct fault *f)
{
	auto_free char *real = realpath(path, NULL);

	if (real == NULL)
		return failed(f, path, copy_words(errno));
	return open_parent(t, real, f);
}

/* Nothing is there under this name, or a link to nothing. */
static int
open_new(struct copy_target *t, const char *path, bool into, struct fault *f)
{
	auto_free char *bare = xstrdup(path);
	struct stat st;
	size_t n = strlen(bare);

	while (n > 1 && bare[n - 1] == '/')
		bare[--n] = '\0';
	if (into)
		return failed(f, path, "no such directory: several files need one");
	t->only_dir = n < strlen(path);
	if (lstat(bare, &st) == 0)
		return failed(f, path, "is a symbolic link to nothing");
	return open_parent(t, bare, f);
}

int
copy_target_open(struct copy_target *t, const char *path, bool into, struct fault *f)
{
	struct stat st;

	*t = (struct copy_target){ .dir = -1 };
	if (*path == '\0')
		path = ".";
	if (stat(path, &st) == -1)
		return errno == ENOENT ? open_new(t, path, into, f)
				       : failed(f, path, copy_words(errno));
	if (S_ISDIR(st.st_mode)) {
		if ((t->dir = open_dir(path)) == -1)
			return failed(f, path, copy_words(errno));
		t->shown = xstrdup(path);
		return 0;
	}
	if (into)
		return failed(f, path, "not a directory: several files need one");
	if (!S_ISREG(st.st_mode))
		return failed(f, path, "not a regular file: it is not replaced");
	return open_file(t, path, f);
}

void
copy_target_close(struct copy_target *t)
{
	if (t->dir != -1)
		close(t->dir);
	free(t->name);
	free(t->shown);
	*t = (struct copy_target){ .dir = -1 };
}
