/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identifiers of nodes, sessions, keys, users, documents and regions.
 */
#include "proto/ids.h"

#include "base/text.h"

enum { SUFFIX_LEN = 26, UNIX_NAME_MAX = 32 };

static bool
is_lower(uint8_t c)
{
	return c >= 'a' && c <= 'z';
}

static bool
is_upper(uint8_t c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alnum(uint8_t c)
{
	return is_lower(c) || is_upper(c) || is_digit(c);
}

static bool
is_hex(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool
is_access_key_char(uint8_t c)
{
	return is_upper(c) || is_digit(c);
}

static bool
is_session_char(uint8_t c)
{
	return is_alnum(c) || (c != '\0' && strchr("_.@=+,-", c) != NULL);
}

static bool
is_document_char(uint8_t c)
{
	return is_alnum(c) || c == '_' || c == '-' || c == '.';
}

static bool
is_region_char(uint8_t c)
{
	return is_alnum(c) || c == '-';
}

static bool
is_user_char(uint8_t c)
{
	return is_lower(c) || is_digit(c) || c == '_' || c == '-';
}

/* Between min and max characters, all of the class. */
static bool
all_of(struct span s, bool (*class)(uint8_t), size_t min, size_t max)
{
	if (s.n < min || s.n > max)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!class(s.p[i]))
			return false;
	}
	return true;
}

bool
id_node_valid(struct span s)
{
	if (span_starts(s, "mi-"))
		return all_of(span_sub(s, 3, s.n), is_hex, 17, 17);
	if (!span_starts(s, "i-"))
		return false;
	s = span_sub(s, 2, s.n);
	return all_of(s, is_hex, 17, 17) || all_of(s, is_hex, 8, 8);
}

bool
id_node_is_managed(struct span s)
{
	return span_starts(s, "mi-");
}

bool
id_session_valid(struct span s)
{
	return all_of(s, is_session_char, 1, ID_SESSION_MAX) && !span_eq_str(s, ".") &&
	    !span_eq_str(s, "..");
}

bool
id_uuid_valid(struct span s)
{
	if (s.n != UUID_LEN)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;

		if (hyphen ? s.p[i] != '-' : !is_hex(s.p[i]))
			return false;
	}
	return true;
}

bool
id_access_key_valid(struct span s)
{
	return (span_starts(s, "AKIA") || span_starts(s, "ASIA")) &&
	    all_of(s, is_access_key_char, ID_ACCESS_KEY_LEN, ID_ACCESS_KEY_LEN);
}

bool
id_access_key_is_temporary(struct span s)
{
	return span_starts(s, "ASIA");
}

bool
id_user_valid(struct span s)
{
	if (s.n > 1 && s.p[s.n - 1] == '$')
		s.n--;
	return all_of(s, is_user_char, 1, UNIX_NAME_MAX) &&
	    (is_lower(s.p[0]) || s.p[0] == '_');
}

bool
id_document_valid(struct span s)
{
	return all_of(s, is_document_char, 3, ID_DOCUMENT_MAX);
}

bool
id_region_valid(struct span s)
{
	return all_of(s, is_region_char, 1, ID_REGION_MAX);
}

bool
id_account_valid(struct span s)
{
	return all_of(s, is_digit, ID_ACCOUNT_LEN, ID_ACCOUNT_LEN);
}

void
id_node_format(char out[ID_NODE_MAX + 1], bool managed, const uint8_t raw[9])
{
	char hex[2 * 9 + 1];

	hex_encode(hex, raw, 9);
	snprintf(out, ID_NODE_MAX + 1, "%s-%.17s", managed ? "mi" : "i", hex);
}

/* n characters of 5 bits each from the front of raw, without padding. */
static void
base32(char *out, size_t n, const uint8_t *raw, const char *alphabet)
{
	uint32_t acc = 0;
	unsigned bits = 0;

	for (size_t i = 0; i < n; i++) {
		if (bits < 5) {
			acc = acc << 8 | *raw++;
			bits += 8;
		}
		bits -= 5;
		out[i] = alphabet[acc >> bits & 31];
	}
	out[n] = '\0';
}

static const char base32_upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/* What AWS shows in session ids: digits but 0 and 1, letters but i and o. */
static const char base32_session[] = "23456789abcdefghjklmnpqrstuvwxyz";

void
id_access_key_format(
    char out[ID_ACCESS_KEY_LEN + 1], bool temporary, const uint8_t raw[10])
{
	memcpy(out, temporary ? "ASIA" : "AKIA", 4);
	base32(out + 4, ID_ACCESS_KEY_LEN - 4, raw, base32_upper);
}

/* n characters of 6 bits each from the front of raw; the last may hold fewer, padded by
 * 0. */
static void
base64(char *out, size_t n, const uint8_t *raw, size_t rawlen, const char *last_two)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	uint32_t acc = 0;
	unsigned bits = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t v;

		if (bits < 6) {
			acc = acc << 8 | (rawlen > 0 ? *raw : 0);
			if (rawlen > 0) {
				raw++;
				rawlen--;
			}
			bits += 8;
		}
		bits -= 6;
		v = acc >> bits & 63;
		out[i] = v < 62 ? alphabet[v] : last_two[v - 62];
	}
	out[n] = '\0';
}

void
id_secret_key_format(char out[ID_SECRET_KEY_LEN + 1], const uint8_t raw[30])
{
	base64(out, ID_SECRET_KEY_LEN, raw, 30, "+/");
}

void
id_session_format(char out[ID_SESSION_MAX + 1], struct span name, const uint8_t raw[17])
{
	size_t n = MIN(name.n, (size_t)ID_SESSION_MAX - SUFFIX_LEN - 1);

	for (size_t i = 0; i < n; i++)
		out[i] = is_session_char(name.p[i]) ? (char)name.p[i] : '_';
	out[n] = '-';
	base32(out + n + 1, SUFFIX_LEN, raw, base32_session);
}

void
id_token_format(char out[ID_TOKEN_LEN + 1], const uint8_t raw[32])
{
	base64(out, ID_TOKEN_LEN, raw, 32, "-_");
}

void
id_code_format(char out[ID_CODE_LEN + 1], const uint8_t raw[13])
{
	base32(out, ID_CODE_LEN, raw, base32_upper);
}
