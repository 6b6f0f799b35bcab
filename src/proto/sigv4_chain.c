/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of the chunks of an upload.  The S3 module takes the framing apart and
 * hashes the data as it passes; here is only the chain of signatures.
 */
#include "proto/sigv4_canon.h"

#include "base/text.h"
#include "crypto/crypto.h"

enum { SIGNATURE_HEX = 2 * SHA256_LEN, TEXT_MAX = 1024 };

int
sigv4_chain_init(struct sigv4_chain *c, const struct sigv4_auth *a, struct span secret,
    struct arena *mem)
{
	struct canon_scope s = { a->amz_date, a->date, a->region, a->service,
		a->terminator };

	*c = (struct sigv4_chain){ 0 };
	if (strlen(a->signature) != SIGNATURE_HEX)
		return ERR_SIGNATURE;
	memcpy(c->last, a->signature, SIGNATURE_HEX + 1);
	c->amz_date = arena_strdup(mem, a->amz_date);
	c->scope = arena_printf(
	    mem, "%s/%s/%s/%s", a->date, a->region, a->service, a->terminator);
	return canon_key(c->key, secret, &s);
}

/* A signature that fits becomes the last one; after one that does not, nothing fits. */
static int
chain_step(struct sigv4_chain *c, const char *text, struct span signature)
{
	char want[SIGNATURE_HEX + 1];
	bool ok;

	canon_sign(want, c->key, text);
	ok = secret_eq(span_of(want, SIGNATURE_HEX), signature);
	memcpy(c->last, ok ? want : "", ok ? sizeof(want) : 1);
	return ok ? 0 : ERR_SIGNATURE;
}

static int
chain_text(struct sigv4_chain *c, const char *kind, const char *empty_line,
    const uint8_t sha256[SHA256_LEN], struct span signature)
{
	char hex[SIGNATURE_HEX + 1];
	auto_buf text;

	hex_encode(hex, sha256, SHA256_LEN);
	buf_init(&text, TEXT_MAX);
	buf_addf(&text, SIGV4_ALGORITHM "-%s\n%s\n%s\n%s\n%s%s", kind, c->amz_date,
	    c->scope, c->last, empty_line, hex);
	if (c->last[0] == '\0' || buf_check(&text) != 0)
		return ERR_SIGNATURE;
	return chain_step(c, buf_cstr(&text), signature);
}

int
sigv4_chain_chunk(
    struct sigv4_chain *c, const uint8_t sha256[SHA256_LEN], struct span signature)
{
	/* the hash of nothing: AWS left room for headers of a chunk */
	return chain_text(c, "PAYLOAD",
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n", sha256,
	    signature);
}

int
sigv4_chain_trailer(
    struct sigv4_chain *c, const uint8_t sha256[SHA256_LEN], struct span signature)
{
	return chain_text(c, "TRAILER", "", sha256, signature);
}

void
sigv4_chain_fini(struct sigv4_chain *c)
{
	secret_wipe(c, sizeof(*c));
}
