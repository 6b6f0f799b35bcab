/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over every file of its corpus, so that inputs which once mattered
 * are checked by every "meson test", under the sanitizers when they are on.
 * The target itself traps when its property does not hold.
 */
#include <dirent.h>
#include <errno.h>

#include "base/base.h"

enum { INPUT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An exact-size heap copy: AddressSanitizer then sees one byte too many. */
static void
replay_file(const char *path)
{
	static uint8_t room[INPUT_MAX];
	FILE *f = fopen(path, "rb");
	size_t n;

	if (f == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	n = fread(room, 1, sizeof(room), f);
	fclose(f);

	auto_free uint8_t *copy = malloc(n > 0 ? n : 1);

	assert(copy != NULL);
	memcpy(copy, room, n);
	printf("  %s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(copy, n);
}

int
main(int argc, char **argv)
{
	size_t files = 0;

	for (int i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);
		struct dirent *e;

		if (dir == NULL) {
			fprintf(stderr, "%s: %s\n", argv[i], strerror(errno));
			return 1;
		}
		while ((e = readdir(dir)) != NULL) {
			char path[4096];

			if (e->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", argv[i], e->d_name);
			replay_file(path);
			files++;
		}
		closedir(dir);
	}
	printf("%zu inputs replayed\n", files);
	return files > 0 ? 0 : 1; /* an empty corpus tests nothing */
}
