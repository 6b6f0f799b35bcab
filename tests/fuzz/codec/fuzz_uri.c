/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec/uri.h.
 * Property: encoding what was decoded, and decoding that, changes nothing; pairs of a
 * form body written again read as the same pairs; an accepted URL has nothing in its
 * parts that could end a header line or a host name early.
 */
#include "codec/uri.h"

#include "fuzz/fuzz.h"

static void
escapes(struct span in)
{
	struct buf decoded, encoded, again;

	buf_init(&decoded, in.n);
	buf_init(&encoded, 3 * in.n);
	buf_init(&again, 3 * in.n);
	if (uri_decode(&decoded, in, false) == 0) {
		uri_encode(&encoded, buf_span(&decoded), false);
		PROPERTY("fits", buf_check(&encoded) == 0);
		PROPERTY(
		    "is decodable", uri_decode(&again, buf_span(&encoded), true) == 0);
		PROPERTY("round trip", span_eq(buf_span(&decoded), buf_span(&again)));
	} else {
		PROPERTY("refused leaves nothing", decoded.len == 0);
	}
	buf_fini(&decoded);
	buf_fini(&encoded);
	buf_fini(&again);
}

static void
pairs(struct span in)
{
	struct query q, again;
	struct arena mem;
	struct buf b;

	arena_init(&mem);
	buf_init(&b, 3 * in.n + 2 * QUERY_PAIRS_MAX);
	if (query_parse(&q, &mem, in) == 0) {
		for (size_t i = 0; i < q.n; i++) {
			uri_encode(&b, span_str(q.pairs[i].name), false);
			buf_add_str(&b, "=");
			uri_encode(&b, span_str(q.pairs[i].value), false);
			buf_add_str(&b, "&");
		}
		PROPERTY("fits", buf_check(&b) == 0);
		if (b.len > 0)
			b.len--; /* the last '&' */
		PROPERTY("is parsed again", query_parse(&again, &mem, buf_span(&b)) == 0);
		PROPERTY("as many pairs", q.n == again.n);
		for (size_t i = 0; i < q.n; i++)
			PROPERTY("same pair",
			    strcmp(q.pairs[i].name, again.pairs[i].name) == 0 &&
				strcmp(q.pairs[i].value, again.pairs[i].value) == 0);
	}
	buf_fini(&b);
	arena_fini(&mem);
}

static void
url(struct span in)
{
	struct url u;

	if (url_parse(&u, in, NULL) != 0)
		return;
	PROPERTY("has a scheme and a host", u.scheme[0] != '\0' && u.host[0] != '\0');
	PROPERTY("host alphabet",
	    strspn(u.host, "abcdefghijklmnopqrstuvwxyz0123456789-_.:") == strlen(u.host));
	PROPERTY("target starts with a slash", u.target.n == 0 || u.target.p[0] == '/');
	for (size_t i = 0; i < u.target.n; i++)
		PROPERTY(
		    "target is visible", u.target.p[i] > ' ' && u.target.p[i] < 0x7f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size), path, query;

	escapes(in);
	pairs(in);
	url(in);
	uri_split_target(in, &path, &query);
	PROPERTY("nothing is lost", path.n + query.n + (path.n < in.n) == in.n);
	return 0;
}
