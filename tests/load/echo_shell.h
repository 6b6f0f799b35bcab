/* SPDX-License-Identifier: Apache-2.0 */
/* Shells of a load test: inside this process, and each returns the bytes that it is given. */
#pragma once

#include "agent/spawner.h"

struct spawner *echo_shell_new(struct ev_loop *l) __attribute__((returns_nonnull));
