/* SPDX-License-Identifier: Apache-2.0 */
/* The heap of a program that moves messages. */
#pragma once

/*
 * Call once, first thing in main().  Buffers as long as a message come and go thousands of
 * times a second; as it comes, glibc gives the top of the heap back to the kernel each time, and
 * every page is a fault again.
 */
void heap_setup(void);
/* Gives free pages back.  It walks the heap: for a time without work. */
void heap_trim(void);
