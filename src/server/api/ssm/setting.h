/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Service settings that other operations look at.
 */
#pragma once

#include "server/api/call.h"

/* The activation tier: whether mi- nodes may have sessions. */
int setting_is_advanced(struct api_call *c, bool *advanced) MUST_USE;
