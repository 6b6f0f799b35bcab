/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers, time stamps, hexadecimal, base64, UUIDs and UTF-8 of base/text.h.
 * Property: what is accepted can be written again, and reads as the same value; where a
 * value has one spelling only, writing gives the input back.
 */
#include "base/text.h"

#include "fuzz/fuzz.h"

static void
numbers(struct span in)
{
	int64_t v, again;
	char text[32];

	if (num_parse(in, INT64_MIN, INT64_MAX, &v) != 0)
		return;
	snprintf(text, sizeof(text), "%lld", (long long)v);
	PROPERTY("number reads back",
	    num_parse(span_str(text), INT64_MIN, INT64_MAX, &again) == 0 && v == again);
	PROPERTY("range is kept", v > 0 || num_parse(in, 1, INT64_MAX, &again) != 0);
}

static void
times(struct span in)
{
	char iso[TIME_ISO_LEN + 1], amz[TIME_AMZ_LEN + 1], http[TIME_HTTP_LEN + 1];
	int64_t ms, again;

	if (time_parse_iso(in, &ms) == 0) {
		time_iso(iso, ms);
		PROPERTY("ISO time reads back",
		    time_parse_iso(span_str(iso), &again) == 0 && ms == again);
	}
	if (time_parse_amz(in, &ms) == 0) {
		time_amz(amz, ms);
		PROPERTY("AMZ time has one spelling", span_eq_str(in, amz));
	}
	if (time_parse_http(in, &ms) == 0) {
		time_http(http, ms);
		PROPERTY("HTTP time has one spelling but for the weekday",
		    span_eq_str(span_sub(in, 3, in.n), http + 3));
	}
}

static void
encodings(struct span in)
{
	uint8_t raw[64];
	char text[2 * sizeof(raw) + 1], uuid[UUID_LEN + 1];
	struct buf decoded, encoded;
	size_t n;

	if (hex_decode(raw, sizeof(raw), in, &n) == 0) {
		hex_encode(text, raw, n);
		PROPERTY("hex has one spelling but for case", span_eq_ci(in, text));
	}
	if (uuid_parse(raw, in) == 0) {
		uuid_format(uuid, raw);
		PROPERTY("UUID keeps its form", strlen(uuid) == UUID_LEN);
		PROPERTY("UUID reads back", uuid_parse(raw, span_str(uuid)) == 0);
	}
	buf_init(&decoded, in.n);
	buf_init(&encoded, in.n);
	if (base64_decode(&decoded, in) == 0) {
		base64_encode(&encoded, buf_span(&decoded));
		PROPERTY("base64 has one spelling", span_eq(in, buf_span(&encoded)));
	} else {
		PROPERTY("refused base64 leaves nothing", decoded.len == 0);
	}
	buf_reset(&decoded);
	if (base64url_decode(&decoded, in) == 0)
		PROPERTY("three bytes for four characters", decoded.len == in.n * 3 / 4);
	else
		PROPERTY("refused base64url leaves nothing", decoded.len == 0);
	buf_fini(&decoded);
	buf_fini(&encoded);
}

static void
characters(struct span in)
{
	size_t tail = utf8_incomplete_tail(in);

	PROPERTY("tail is short", tail <= 3 && tail <= in.n);
	PROPERTY("valid text has no tail", !utf8_valid(in) || tail == 0);
	PROPERTY("characters are at least a byte", utf8_length(in) <= in.n);
	PROPERTY("a held back tail is no character of its own",
	    tail == 0 || !utf8_valid(span_sub(in, in.n - tail, tail)));
	PROPERTY("nothing is held back twice",
	    tail == 0 || !utf8_valid(span_sub(in, 0, in.n - tail)) ||
		utf8_incomplete_tail(span_sub(in, 0, in.n - tail)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);

	numbers(in);
	times(in);
	encodings(in);
	characters(in);
	return 0;
}
