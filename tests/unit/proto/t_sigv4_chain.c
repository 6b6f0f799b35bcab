/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunk signatures: the two examples of the S3 documentation (66,560 times the letter a,
 * in chunks of 65,536 and 1,024 bytes, without and with a trailer).
 */
#include "unit/check.h"

#include "crypto/crypto.h"
#include "proto/sigv4.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

struct example {
	const char *what, *seed;
	const char *chunk[3];
	const char *trailer_text, *trailer;
};

static const struct example examples[] = {
	{ "chunks", "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
	    { "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
		"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
		"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9" },
	    NULL, NULL },
	{ "chunks and a trailer",
	    "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
	    { "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
		"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
		"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992" },
	    "x-amz-checksum-crc32c:sOO8/Q==\n",
	    "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435" },
};

static const size_t sizes[] = { 65536, 1024, 0 };

static int
start(struct sigv4_chain *c, const char *seed, struct arena *mem)
{
	struct sigv4_auth a = {
		.amz_date = arena_strdup(mem, "20130524T000000Z"),
		.date = arena_strdup(mem, "20130524"),
		.region = arena_strdup(mem, "us-east-1"),
		.service = arena_strdup(mem, "s3"),
		.terminator = arena_strdup(mem, "aws4_request"),
		.signature = arena_strdup(mem, seed),
	};

	return sigv4_chain_init(c, &a, SPAN(SECRET), mem);
}

static void
hash_chunk(uint8_t sum[SHA256_LEN], size_t n)
{
	static uint8_t data[65536];

	memset(data, 'a', sizeof(data));
	sha256(sum, span_of(data, n));
}

static void
t_examples(void **state)
{
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		const struct example *e = &examples[i];
		auto_arena mem = { 0 };
		struct sigv4_chain c;
		uint8_t sum[SHA256_LEN];

		row(e->what);
		assert_int_equal(start(&c, e->seed, &mem), 0);
		for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
			hash_chunk(sum, sizes[k]);
			assert_int_equal(
			    sigv4_chain_chunk(&c, sum, span_str(e->chunk[k])), 0);
		}
		if (e->trailer != NULL) {
			sha256(sum, span_str(e->trailer_text));
			assert_int_equal(
			    sigv4_chain_trailer(&c, sum, span_str(e->trailer)), 0);
		}
		sigv4_chain_fini(&c);
		assert_null(c.scope);
	}
}

/* A chunk left out, doubled, exchanged or changed ends the chain for good. */
static void
t_broken(void **state)
{
	static const struct {
		const char *what;
		size_t data, signature;
	} t[] = {
		{ "left out", 1, 1 },
		{ "another's signature", 0, 1 },
		{ "other data", 1, 0 },
	};
	const struct example *e = &examples[0];
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_arena mem = { 0 };
		struct sigv4_chain c;
		uint8_t sum[SHA256_LEN];

		row(t[i].what);
		assert_int_equal(start(&c, e->seed, &mem), 0);
		hash_chunk(sum, sizes[t[i].data]);
		assert_int_equal(
		    sigv4_chain_chunk(&c, sum, span_str(e->chunk[t[i].signature])),
		    ERR_SIGNATURE);
		hash_chunk(sum, sizes[0]);
		assert_int_equal(
		    sigv4_chain_chunk(&c, sum, span_str(e->chunk[0])), ERR_SIGNATURE);
		sigv4_chain_fini(&c);
	}
}

static void
t_twice(void **state)
{
	auto_arena mem = { 0 };
	struct sigv4_chain c;
	uint8_t sum[SHA256_LEN];
	(void)state;

	assert_int_equal(start(&c, examples[0].seed, &mem), 0);
	hash_chunk(sum, sizes[0]);
	assert_int_equal(sigv4_chain_chunk(&c, sum, span_str(examples[0].chunk[0])), 0);
	assert_int_equal(
	    sigv4_chain_chunk(&c, sum, span_str(examples[0].chunk[0])), ERR_SIGNATURE);
	assert_int_equal(sigv4_chain_chunk(&c, sum, SPAN_NONE), ERR_SIGNATURE);
	sigv4_chain_fini(&c);
	assert_int_equal(start(&c, "short", &mem), ERR_SIGNATURE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_examples),
		cmocka_unit_test(t_broken),
		cmocka_unit_test(t_twice),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
