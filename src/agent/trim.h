/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving memory back once an agent has become idle.
 *
 * Start-up and TLS handshakes walk through much code and leave holes in the heap.  The
 * heap's free pages go back to the kernel, and the pages of read-only segments are
 * unmapped: they stay in the page cache, and what is really in use comes back by minor
 * faults.
 */
#pragma once

void agent_trim(void);
