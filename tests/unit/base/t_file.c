/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are written whole: content, mode, and what stays after a failure. */
#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/check.h"

static char top[] = "/tmp/sallyport-file-XXXXXX";

static int
setup(void **state)
{
	(void)state;
	return mkdtemp(top) == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	return rmdir(top); /* fails when a test left something */
}

static char *
in_top(char out[128], const char *name)
{
	(void)snprintf(out, 128, "%s/%s", top, name);
	return out;
}

static void
expect(const char *path, const char *content, mode_t mode)
{
	char got[64] = "";
	struct stat st;
	int fd = open(path, O_RDONLY | O_NOFOLLOW);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
	assert_int_equal(read(fd, got, sizeof(got) - 1), strlen(content));
	assert_string_equal(got, content);
	close(fd);
}

static size_t
count(void)
{
	DIR *d = opendir(top);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2;
}

static void
t_replace(void **state)
{
	mode_t mask = umask(0077);
	char path[128];
	(void)state;

	in_top(path, "a");
	assert_int_equal(file_replace(path, SPAN("one"), 0644, true, NULL), 0);
	expect(path, "one", 0644); /* the umask has no say */
	assert_int_equal(file_replace(path, SPAN(""), 0600, false, NULL), 0);
	expect(path, "", 0600);
	assert_int_equal(count(), 1);
	unlink(path);
	umask(mask);
}

static void
t_links_are_not_followed(void **state)
{
	char path[128], other[128];
	(void)state;

	assert_int_equal(
	    file_write_new(in_top(other, "other"), SPAN("keep"), 0600, false, NULL), 0);
	assert_int_equal(symlink("other", in_top(path, "link")), 0);
	assert_int_equal(file_write_new(path, SPAN("new"), 0400, true, NULL), 0);
	expect(path, "new", 0400);
	expect(other, "keep", 0600);
	unlink(path);
	unlink(other);
}

static void
t_failures(void **state)
{
	struct fault f = { 0 };
	char path[128], folder[128];
	(void)state;

	assert_int_equal(file_replace(in_top(path, "none/x"), SPAN("x"), 0600, true, &f),
	    ERR_NOTFOUND);
	assert_non_null(strstr(f.text, "No such file"));

	assert_int_equal(mkdir(in_top(folder, "folder"), 0700), 0);
	assert_int_equal(mkdir(in_top(path, "folder/full"), 0700), 0);
	assert_int_not_equal(file_replace(folder, SPAN("x"), 0600, true, &f), 0);
	assert_int_equal(count(), 1); /* the half-way file is gone */
	assert_int_not_equal(file_rename(in_top(path, "gone"), folder, &f), 0);
	rmdir(in_top(path, "folder/full"));
	rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_replace),
		cmocka_unit_test(t_links_are_not_followed),
		cmocka_unit_test(t_failures),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
