/* SPDX-License-Identifier: Apache-2.0 */
/* The process around a server: descriptors, the lock on its state folder, signals, systemd. */
#pragma once

#include "server/config.h"

/* Serves until a signal; returns the exit status.  c may be lowered to what the system gives. */
int daemon_main(struct config *c);
/* Can it start with these settings?  For --check-config. */
int daemon_check(const struct config *c, struct fault *f) MUST_USE;
