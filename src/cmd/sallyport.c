/* SPDX-License-Identifier: Apache-2.0 */
/* The person's program; started as session-manager-plugin it is a drop-in for that one. */
#include <fcntl.h>
#include <unistd.h>

#include "base/base.h"
#include "base/heap.h"
#include "client/command/commands.h"
#include "client/command/plugin.h"
#include "codec/json.h"

/* A socket must not become standard input because the caller had closed that. */
static bool
has_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

int
main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *name = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "sallyport";

	heap_setup();
	json_setup();
	if (!has_standard_streams())
		return 1;
	if (strncmp(name, "session-manager-plugin", strlen("session-manager-plugin")) ==
	    0)
		return plugin_main(argc, argv);
	return cli_main(argc, argv);
}
