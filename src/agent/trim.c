/* SPDX-License-Identifier: Apache-2.0 */
/* See trim.h. */
#include "agent/trim.h"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/sanitized.h"
#include "base/base.h"
#include "base/heap.h"

/*
 * Segments without PF_W are never modified: relocated read-only data lies in writable
 * segments that are protected afterwards (PT_GNU_RELRO).
 */
static int
trim_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t page = *(uintptr_t *)arg;

	(void)size;
	if (info->dlpi_name == NULL || strstr(info->dlpi_name, "vdso") != NULL)
		return 0;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t from = (info->dlpi_addr + ph->p_vaddr) & ~(page - 1);
		uintptr_t to = (info->dlpi_addr + ph->p_vaddr + ph->p_memsz + page - 1) &
		    ~(page - 1);

		if (ph->p_type == PT_LOAD && (ph->p_flags & PF_W) == 0)
			(void)madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

static bool
has_text_relocations(void)
{
	for (const ElfW(Dyn) *d = _DYNAMIC; d->d_tag != DT_NULL; d++)
		if (d->d_tag == DT_TEXTREL)
			return true;
	return false;
}

void
agent_trim(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	heap_trim();
	if (!SANITIZED && !has_text_relocations())
		(void)dl_iterate_phdr(trim_object, &page);
}
