/* SPDX-License-Identifier: Apache-2.0 */
/* The person's program; started as session-manager-plugin it is a drop-in for that one. */
#include "base/base.h"
#include "client/cli.h"
#include "client/plugin.h"

int
main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *name = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "sallyport";

	if (strncmp(name, "session-manager-plugin", strlen("session-manager-plugin")) == 0)
		return plugin_main(argc, argv);
	return cli_main(argc, argv);
}
