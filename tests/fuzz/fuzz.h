/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every fuzz target needs: the entry point, and a property that traps with its line
 * when it does not hold.
 */
#pragma once

#include "base/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROPERTY(what, holds)                                                   \
	do {                                                                    \
		if (!(holds)) {                                                 \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, \
			    __LINE__, what);                                    \
			abort();                                                \
		}                                                               \
	} while (0)
