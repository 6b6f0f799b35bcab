/* SPDX-License-Identifier: Apache-2.0 */
/* The node agent.  Everything is in src/agent/. */
#include "agent/cli.h"

int
main(int argc, char **argv)
{
	return agent_main(argc, argv);
}
