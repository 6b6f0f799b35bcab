/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A receiver and a sender that says anything.  The first byte: 1 recursive, 2 preserve,
 * 4 the one entry has our name, 8 the target does not exist yet.
 *
 * Properties: it comes to an end; and whatever was said, nothing outside the destination
 * was made, changed or removed, though the destination holds links to there.
 */
#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy/copy.h"
#include "crypto/crypto.h"
#include "fuzz/fuzz.h"

/* In memory where that is possible. */
static char top[64] = "/dev/shm/fuzz-copy-XXXXXX";
static char dest[sizeof(top) + 5], fresh[sizeof(top) + 9];
static int root;
static struct stat before; /* of the folder beside the destination */

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st, (void)type, (void)f;
	return remove(path);
}

static void
remove_tree(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
remove_top(void)
{
	remove_tree(top);
}

/* The working directory is the fuzzer's. */
static void
make_top(void)
{
	if (access("/dev/shm", W_OK) != 0)
		(void)snprintf(top, sizeof(top), "/tmp/fuzz-copy-XXXXXX");
	PROPERTY("a folder",
	    mkdtemp(top) != NULL &&
		(root = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC)) != -1);
	PROPERTY("what must stay",
	    mkdirat(root, "other", 0750) == 0 &&
		mknodat(root, "other/file", S_IFREG | 0640, 0) == 0 &&
		fstatat(root, "other", &before, 0) == 0);
	(void)snprintf(dest, sizeof(dest), "%s/dest", top);
	(void)snprintf(fresh, sizeof(fresh), "%s/dest/new", top);
	atexit(remove_top);
}

static void
check_other(void)
{
	struct stat st;

	PROPERTY("nothing made or removed there",
	    fstatat(root, "other", &st, 0) == 0 && st.st_mode == before.st_mode &&
		st.st_mtim.tv_sec == before.st_mtim.tv_sec &&
		st.st_mtim.tv_nsec == before.st_mtim.tv_nsec);
	PROPERTY("nothing changed there",
	    fstatat(root, "other/file", &st, 0) == 0 && st.st_size == 0 &&
		st.st_mode == (S_IFREG | 0640) && st.st_nlink == 1);
}

static void
receive(int how, int in, int out)
{
	static const struct copy_hooks none = { .begin = NULL };
	struct copy_options o = { .flags = how & (COPY_RECURSIVE | COPY_PRESERVE),
		.umask = 022,
		.hooks = &none };
	struct copy_target t;
	struct copy_link k;
	int r;

	r = copy_target_open(&t, how & 8 ? fresh : dest, false, NULL);
	PROPERTY("a target", r == 0);
	copy_link_init(&k, in, out);
	r = copy_receive(&k, &t, how & 4 ? "ours" : NULL, &o);
	PROPERTY("an outcome", r == 0 || r == ERR_PROTOCOL || r == ERR_CLOSED);
	copy_link_fini(&k);
	copy_target_close(&t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool made;
	int in, out;

	if (!made) {
		made = true;
		crypto_init();
		make_top();
	}
	if (size == 0)
		return 0;
	in = memfd_create("in", MFD_CLOEXEC);
	out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	PROPERTY("input",
	    write(in, data + 1, size - 1) == (ssize_t)(size - 1) &&
		lseek(in, 0, SEEK_SET) == 0);
	PROPERTY("a destination",
	    mkdirat(root, "dest", 0700) == 0 &&
		symlinkat("../other", root, "dest/l") == 0 &&
		symlinkat("../other/file", root, "dest/f") == 0);
	receive(data[0], in, out);
	close(in);
	close(out);
	remove_tree(dest);
	check_other();
	return 0;
}
