/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a request: "METHOD TARGET", header lines, an empty line, the body.
 *
 * Properties: whatever it is, parsing and verifying it ends; a request that sigv4_sign()
 * signs verifies; one flipped byte of what the signature covers, or of the signature
 * itself, and it does not.
 */
#include "codec/uri.h"
#include "crypto/crypto.h"
#include "proto/sigv4.h"

#define TRAP_UNLESS(x)                    \
	do {                              \
		if (!(x))                 \
			__builtin_trap(); \
	} while (0)

enum { HEADERS_MAX = 40, NOW_S = 1795225657 };

#define AMZ_NOW "20261121T014737Z"

static const char secret[] = "wJalrXUtnFEMI";

struct input {
	struct sigv4_request r;
	struct sigv4_header headers[HEADERS_MAX + 3];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
read_input(struct input *in, struct span rest, struct arena *mem)
{
	struct span line, method, name;

	*in = (struct input){ 0 };
	in->r.headers = in->headers;
	if (!span_cut(&rest, '\n', &line) || !span_cut(&line, ' ', &method) ||
	    method.n > 16)
		return false;
	in->r.method = arena_str(mem, method);
	uri_split_target(line, &in->r.path, &in->r.query);
	while (span_cut(&rest, '\n', &line) && line.n > 0) {
		if (in->r.nheaders == HEADERS_MAX || !span_cut(&line, ':', &name))
			return false;
		in->headers[in->r.nheaders++] = (struct sigv4_header){ name, line };
	}
	in->r.body = rest;
	return true;
}

static bool
verifies(const struct sigv4_request *r, struct arena *mem)
{
	struct sigv4_auth a;
	enum sigv4_reason why;
	struct fault f = { 0 };

	if (sigv4_parse(&a, r, mem, &why, &f) != 0) {
		TRAP_UNLESS(why != SIGV4_OK && f.text[0] != '\0');
		return false;
	}
	TRAP_UNLESS(why == SIGV4_OK);
	return sigv4_verify(&a, r, span_str(secret), mem, &why) == 0;
}

static void
check_anything(const struct sigv4_request *r, struct arena *mem)
{
	struct sigv4_auth a;
	enum sigv4_reason why = SIGV4_OK;
	struct fault f;
	char *canonical, *text;
	int err;

	(void)verifies(r, mem);
	if (sigv4_parse(&a, r, mem, &why, &f) != 0)
		return;
	err = sigv4_check_time(&a, NOW_S * 1000LL, SIGV4_SKEW_MS, &why, &f);
	TRAP_UNLESS((err == 0) == (why == SIGV4_OK));
	why = SIGV4_OK;
	err = sigv4_check_scope(&a, "ssm", &why, &f);
	TRAP_UNLESS((err == 0) == (why == SIGV4_OK));
	sigv4_explain(&a, r, mem, &canonical, &text);
	TRAP_UNLESS(strlen(text) > 64);
}

/* What we sign ourselves has no authentication yet, and header names of the usual kind.
 */
static bool
signable(const struct input *in)
{
	static const char *const ours[] = { "authorization", "host", "date", "x-amz-date",
		"x-amz-security-token", "x-amz-target", "x-amz-content-sha256" };
	struct span rest = in->r.query, item;

	while (span_cut(&rest, '&', &item)) {
		if (span_starts(item, "X-Amz-") || span_find(item, '%') >= 0)
			return false;
	}
	for (size_t i = 0; i < in->r.nheaders; i++) {
		struct span name = in->headers[i].name;

		for (size_t k = 0; k < ARRAY_LEN(ours); k++) {
			if (span_eq_ci(name, ours[k]))
				return false;
		}
		for (size_t k = 0; k < name.n; k++) {
			if (name.p[k] <= ' ' || name.p[k] >= 0x7f || name.p[k] == ',' ||
			    name.p[k] == ';')
				return false;
		}
		if (name.n == 0 || span_find(in->headers[i].value, 0) >= 0)
			return false;
	}
	return true;
}

static bool
is_alnum(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* The span with its pos-th letter or digit made another one; false when there is none. */
static bool
flip(struct span *s, size_t pos, struct arena *mem)
{
	struct span copy = arena_copy(mem, *s);
	uint8_t *p = (uint8_t *)(uintptr_t)copy.p;

	if (s->n == 0)
		return false;
	pos %= s->n;
	if (!is_alnum(p[pos]) || !is_alnum(p[pos] ^ 1))
		return false;
	p[pos] ^= 1;
	*s = copy;
	return true;
}

static bool
has_dots(struct span path)
{
	for (size_t i = 1; i < path.n; i++) {
		if (path.p[i] == '.' && path.p[i - 1] == '.')
			return true;
	}
	return false;
}

/* After the access key id, which says whose secret to take and is not signed itself. */
static struct span
covered_part(struct span authorization)
{
	ptrdiff_t at = span_find(authorization, '/');

	return span_sub(authorization, (size_t)at, authorization.n);
}

static void
check_flips(const struct input *good, size_t pos, struct arena *mem)
{
	struct input in = *good;
	size_t last = in.r.nheaders - 1;
	struct span tail = covered_part(in.headers[last].value);
	size_t h = pos % last;

	in.r.headers = in.headers;
	if (!has_dots(in.r.path) && flip(&in.r.path, pos, mem))
		TRAP_UNLESS(!verifies(&in.r, mem));
	in.r.path = good->r.path;
	if (flip(&in.r.query, pos, mem))
		TRAP_UNLESS(!verifies(&in.r, mem));
	in.r.query = good->r.query;
	if (flip(&in.r.body, pos, mem))
		TRAP_UNLESS(!verifies(&in.r, mem));
	in.r.body = good->r.body;
	if (flip(&in.headers[h].value, pos, mem))
		TRAP_UNLESS(!verifies(&in.r, mem));
	in.headers[h].value = good->headers[h].value;
	if (flip(&tail, pos, mem)) {
		in.headers[last].value = span_str(arena_printf(mem,
		    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE" SPAN_FMT, SPAN_ARG(tail)));
		TRAP_UNLESS(!verifies(&in.r, mem));
	}
	in.headers[last].value = good->headers[last].value;
	TRAP_UNLESS(verifies(&in.r, mem));
}

static void
check_signed(struct input *in, size_t pos, struct arena *mem)
{
	struct sigv4_credentials c = { "AKIDEXAMPLE", secret, NULL };
	static const char *const services[] = { "ssm", "s3", "ssmmessages" };
	size_t n = in->r.nheaders;
	char *text;

	if (!signable(in))
		return;
	in->headers[n++] = (struct sigv4_header){ SPAN("Host"), SPAN("localhost:8443") };
	in->r.nheaders = n;
	if (sigv4_sign(
		&text, &in->r, &c, "eu-north-1", services[pos % 3], AMZ_NOW, mem) != 0)
		return;
	in->headers[n++] = (struct sigv4_header){ SPAN("X-Amz-Date"), SPAN(AMZ_NOW) };
	in->headers[n++] = (struct sigv4_header){ SPAN("Authorization"), span_str(text) };
	in->r.nheaders = n;
	TRAP_UNLESS(verifies(&in->r, mem));
	check_flips(in, pos, mem);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena mem = { 0 };
	struct input in;
	size_t pos = 0;

	crypto_init();
	if (size > 16384 || !read_input(&in, span_of(data, size), &mem))
		return 0;
	check_anything(&in.r, &mem);
	for (size_t i = 0; i < size;
	     i++) /* where to flip: any number that the input fixes */
		pos = pos * 31 + data[i];
	check_signed(&in, pos, &mem);
	return 0;
}
