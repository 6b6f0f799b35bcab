/* SPDX-License-Identifier: Apache-2.0 */
/* The command line "sallyport": ls, connect, exec, sessions, terminate, register-command,
 * doctor. */
#pragma once

#include "base/base.h"

int cli_main(int argc, char **argv);
