/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process table, read from /proc with system calls alone, so that it also works in a
 * child that was forked from a process with threads.
 */
#pragma once

#include <sys/types.h>

#include "base/base.h"

typedef void procs_cb(void *arg, pid_t pid, pid_t ppid);

void procs_each(procs_cb *cb, void *arg);
/* The parent of a process, or -1. */
pid_t procs_parent(pid_t pid);
/* Sends a signal to everything below pid (not to pid); returns to how many. */
size_t procs_signal_below(pid_t pid, int signum);
