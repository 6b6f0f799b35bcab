/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every file starts from: standard types, attributes, automatic cleanup
 * and the list of C library functions that this project does not use.
 * Layer 1; includes nothing but libc.
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST_USE     __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define UNUSED       __attribute__((unused))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)    ((a) < (b) ? (a) : (b))
#define MAX(a, b)    ((a) > (b) ? (a) : (b))

/* The struct that contains member m at address p. */
#define CONTAINER_OF(p, type, m) ((type *)(void *)((char *)(p)-offsetof(type, m)))

/* Hands a local with a cleanup attribute on to somebody else. */
#define STEAL(p)                             \
	({                                   \
		__typeof__(p) stolen_ = (p); \
		(p) = NULL;                  \
		stolen_;                     \
	})

/* free() for auto_free locals; declared here so that every folder agrees. */
static inline void
auto_free_fn(void *p)
{
	free(*(void **)p);
}
#define auto_free __attribute__((cleanup(auto_free_fn)))

/*
 * Allocation that cannot fail: out of memory aborts.  Therefore nothing a peer
 * says may size an allocation before it was checked against a named limit.
 */
void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t n) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...) PRINTF(1, 2)
    __attribute__((malloc, returns_nonnull));

/*
 * Copies a NUL-terminated string into a fixed field.  Returns 0, or ERR_LIMIT
 * (base/err.h) when it does not fit; the field then holds the empty string.
 */
int str_copy(char *dst, size_t size, const char *src) MUST_USE;

/* Macros in some libc set-ups; a macro must not be poisoned. */
#undef alloca
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat sprintf vsprintf strtok gets atoi atol strncpy alloca \
    system popen
