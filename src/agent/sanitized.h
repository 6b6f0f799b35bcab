/* SPDX-License-Identifier: Apache-2.0 */
/* Whether this is an AddressSanitizer build: its runtime minds some of what we do. */
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif
