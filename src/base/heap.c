/* SPDX-License-Identifier: Apache-2.0 */
/* See heap.h. */
#include "base/heap.h"

#include <malloc.h>

enum {
	TRIM_AT = 2 * 1024 * 1024, /* free bytes at the top that are kept */
	MMAP_FROM = 1024 * 1024,   /* longer ones are mappings of their own */
};

void
heap_setup(void)
{
	(void)mallopt(M_TRIM_THRESHOLD, TRIM_AT);
	(void)mallopt(M_MMAP_THRESHOLD, MMAP_FROM);
}

void
heap_trim(void)
{
	(void)malloc_trim(0);
}
