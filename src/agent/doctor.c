/* SPDX-License-Identifier: Apache-2.0 */
/* `sallyport-agent doctor`. */
#include "agent/cli.h"

int
cli_doctor(const struct cli_options *o)
{
	(void)o;
	return CLI_FAILED;
}
