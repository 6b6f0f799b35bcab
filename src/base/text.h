/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small text forms, all pure: numbers, hex, base64, UTF-8, UUIDs, time stamps.
 */
#pragma once

#include "base/buf.h"

/* Decimal digits only (one leading '-' for negative minima); ERR_INVALID or ERR_LIMIT. */
int num_parse(struct span s, int64_t min, int64_t max, int64_t *out) MUST_USE;

void hex_encode(char *out, const uint8_t *p, size_t n); /* 2n + NUL, lower case */
int hex_decode(uint8_t *out, size_t size, struct span s, size_t *n) MUST_USE;
int hex_digit(uint8_t c); /* 0..15, or -1 */

void base64_encode(struct buf *out, struct span s); /* standard alphabet, padded */
/* Strict: padding, no blanks, unused bits zero.  Adds nothing on ERR_INVALID. */
int base64_decode(struct buf *out, struct span s) MUST_USE;
/* The same with the alphabet for URLs and without padding, as in JSON Web Tokens. */
int base64url_decode(struct buf *out, struct span s) MUST_USE;

bool utf8_valid(struct span s);
/* The first character of s; returns its length, or 0 when it is invalid or cut short. */
size_t utf8_decode(struct span s, uint32_t *cp);
/*
 * How many bytes at the end of s begin a character that is not complete yet (0..3).
 * Bytes that can never become valid count 0, so nothing is ever held back for long.
 */
size_t utf8_incomplete_tail(struct span s);
/* Number of code points (invalid bytes count one each). */
size_t utf8_length(struct span s);

enum { UUID_LEN = 36 };
/* Formats 16 random bytes as a version 4 UUID, lower case, with NUL (37 bytes). */
void uuid_format(char out[UUID_LEN + 1], const uint8_t raw[16]);
int uuid_parse(uint8_t raw[16], struct span s) MUST_USE;

/* Time stamps of the AWS protocols, UTC; ms since the epoch. */
enum { TIME_ISO_LEN = 24, TIME_AMZ_LEN = 16, TIME_HTTP_LEN = 29, TIME_WORDS_MAX = 25 };
void time_iso(char out[TIME_ISO_LEN + 1], int64_t ms); /* 2026-11-21T01:47:37.253Z */
void time_amz(char out[TIME_AMZ_LEN + 1], int64_t ms); /* 20261121T014737Z */
void time_http(
    char out[TIME_HTTP_LEN + 1], int64_t ms); /* Sat, 21 Nov 2026 01:47:37 GMT */
/* Nov 21, 2026, 1:47:37 AM: times in the answers that CloudTrail records. */
void time_words(char out[TIME_WORDS_MAX + 1], int64_t ms);
int time_parse_amz(struct span s, int64_t *ms) MUST_USE;
int time_parse_http(struct span s, int64_t *ms) MUST_USE;
/* ISO 8601: date, or date-time with optional seconds and fraction, and Z or +hh:mm. */
int time_parse_iso(struct span s, int64_t *ms) MUST_USE;
