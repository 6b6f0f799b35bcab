/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a token, or claims that are made one.  Properties: reading it ends, and what is
 * signed is the text before the last dot; what was signed with a key verifies with it, and
 * with one character changed it does not.
 */
#include "fuzz/fuzz.h"

#include "crypto/crypto.h"
#include "proto/jwt.h"
#include "unit/token.h"

static struct token_key key;
static struct jwks *keys;

static void
setup(struct arena *mem)
{
	char *text;

	if (keys != NULL)
		return;
	crypto_init();
	key = token_key_new("EdDSA", "k");
	text = arena_printf(mem, "{\"keys\":[%s]}", token_jwk(mem, &key));
	PROPERTY("a set of keys", jwks_parse(&keys, span_str(text), NULL) == 0);
}

static void
check_any(struct arena *mem, struct span in)
{
	struct fault f = { 0 };
	struct jwt t;

	if (jwt_parse(&t, mem, in, &f) != 0) {
		PROPERTY("a reason", f.text[0] != '\0');
		return;
	}
	PROPERTY("what is signed",
	    t.message.p == in.p && t.message.n < in.n && in.p[t.message.n] == '.');
	PROPERTY("not signed by us", jwks_verify(keys, &t) != 0);
}

static void
check_signed(struct arena *mem, struct span in)
{
	char *text = token_make(mem, &key, arena_str(mem, in));
	size_t at = in.n % strlen(text);
	struct jwt t;

	if (jwt_parse(&t, mem, span_str(text), NULL) != 0)
		return;
	PROPERTY("a good signature", jwks_verify(keys, &t) == 0);
	text[at] = text[at] == 'x' ? 'y' : 'x';
	PROPERTY("a changed one",
	    jwt_parse(&t, mem, span_str(text), NULL) != 0 || jwks_verify(keys, &t) != 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena mem = { 0 };
	struct span in = span_of(data, size);

	setup(&mem);
	check_any(&mem, in);
	if (size < 8192 && memchr(data, '\0', size) == NULL)
		check_signed(&mem, in);
	return 0;
}
