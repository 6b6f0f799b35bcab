/* SPDX-License-Identifier: Apache-2.0 */
/* The node agent.  Everything is in src/agent/. */
#include "agent/cli.h"
#include "base/heap.h"
#include "codec/json.h"

int
main(int argc, char **argv)
{
	heap_setup();
	json_setup();
	return agent_main(argc, argv);
}
