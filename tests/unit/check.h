/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmocka with what it wants included first, and the few comparisons it lacks.  In table
 * tests call row() first, so that a failure is preceded by the sentence it broke.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/span.h"

static inline void
row(const char *what)
{
	print_message("  %s\n", what);
}

/* Equality of bytes that shows both sides. */
static inline void
check_span_at(struct span got, struct span want, const char *file, int line)
{
	if (span_eq(got, want))
		return;
	print_error("got  \"" SPAN_FMT "\"\nwant \"" SPAN_FMT "\"\n", SPAN_ARG(got),
	    SPAN_ARG(want));
	_fail(file, line);
}
#define check_span(got, want) check_span_at(got, want, __FILE__, __LINE__)
#define check_text(got, want) check_span_at(got, span_str(want), __FILE__, __LINE__)
