/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SipHash with one compression and three finalisation rounds (SipHash-1-3), the keyed
 * hash behind base/map.h.  Good against collision attacks on a table; not a MAC.
 */
#pragma once

#include "base/span.h"

uint64_t siphash13(const uint64_t key[2], struct span s);
