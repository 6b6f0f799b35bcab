/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session-manager-plugin's process contract: argv, environment, texts, exit status
 * (docs/protocol.md, "the plugin contract").
 */
#pragma once

/* main() of the program under the name session-manager-plugin. */
int plugin_main(int argc, char **argv);
