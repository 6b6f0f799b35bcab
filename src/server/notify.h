/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readiness for systemd (sd_notify(3)): one datagram to $NOTIFY_SOCKET, or nothing.
 */
#pragma once

/* "READY=1", "STOPPING=1", "RELOADING=1" ... */
void notify_send(const char *state);
