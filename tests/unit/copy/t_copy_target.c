/* SPDX-License-Identifier: Apache-2.0 */
/* What the name of a destination means. */
#include <unistd.h>

#include "copy/copy.h"
#include "unit/check.h"
#include "unit/copy/folder.h"

static void
t_targets(void **state)
{
	static const struct {
		const char *path;
		bool into;
		int ret;
		const char *name; /* NULL: a directory */
		bool only_dir;
		const char *words;
	} t[] = {
		{ "", false, 0, NULL, false, NULL },
		{ ".", true, 0, NULL, false, NULL },
		{ "dir", false, 0, NULL, false, NULL },
		{ "dir/", true, 0, NULL, false, NULL },
		{ "to-dir", false, 0, NULL, false, NULL },
		{ "file", false, 0, "file", false, NULL },
		{ "dir/new", false, 0, "new", false, NULL },
		{ "dir/new/", false, 0, "new", true, NULL },
		{ "to-file", false, 0, "file", false, NULL },
		{ "file", true, ERR_INVALID, NULL, false,
		    "file: not a directory: several files need one" },
		{ "file/", false, ERR_INVALID, NULL, false, "file/: not a directory" },
		{ "new", true, ERR_INVALID, NULL, false,
		    "new: no such directory: several files need one" },
		{ "no/new", false, ERR_INVALID, NULL, false,
		    "no: no such directory: make it first" },
		{ "to-nothing", false, ERR_INVALID, NULL, false,
		    "to-nothing: is a symbolic link to nothing" },
		{ "fifo", false, ERR_INVALID, NULL, false,
		    "fifo: not a regular file: it is not replaced" },
		{ "/dev/null", false, ERR_INVALID, NULL, false,
		    "/dev/null: not a regular file: it is not replaced" },
		{ "no/..", false, ERR_INVALID, NULL, false,
		    "no/..: no such file or directory" },
	};
	(void)state;

	folder_up();
	folder_write("file", SPAN("x"));
	assert_int_equal(mkdir("dir", 0755) | mkfifo("fifo", 0600), 0);
	assert_int_equal(symlink("dir", "to-dir") | symlink("file", "to-file") |
		symlink("nothing", "to-nothing"),
	    0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct fault f = { 0 };
		struct copy_target g;

		row(t[i].path);
		assert_int_equal(
		    copy_target_open(&g, t[i].path, t[i].into, &f), t[i].ret);
		if (t[i].words != NULL)
			assert_string_equal(fault_text(&f), t[i].words);
		if (t[i].name != NULL)
			assert_string_equal(g.name, t[i].name);
		else
			assert_null(g.name);
		assert_int_equal(g.only_dir, t[i].only_dir);
		copy_target_close(&g);
	}
	folder_down();
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(t_targets) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
