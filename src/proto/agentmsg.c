/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AgentMessage encoding and decoding: one fixed table of offsets, used in both
 * directions.  Server, agent and client call this for each message, so decoding
 * allocates nothing and encoding grows the output once.
 */
#include "proto/agentmsg.h"

#include "base/text.h"
#include "crypto/crypto.h"

enum {
	OFF_HEADER_LEN = 0,
	OFF_TYPE = 4,
	OFF_SCHEMA = 36,
	OFF_CREATED = 40,
	OFF_SEQ = 48,
	OFF_FLAGS = 56,
	OFF_ID = 64,
	OFF_DIGEST = 80,
	OFF_PAYLOAD_TYPE = 112,
	OFF_PAYLOAD_LEN = 116,
	SCHEMA_VERSION = 1,
};

_Static_assert((int)OFF_PAYLOAD_LEN == (int)AGENTMSG_HEADER_LEN, "HeaderLength");

/* The two halves of a message id are swapped on the wire; the same in both directions. */
static void
swap_id(uint8_t out[16], const uint8_t in[16])
{
	memcpy(out, in + 8, 8);
	memcpy(out + 8, in, 8);
}

static bool
is_padding(uint8_t c)
{
	return c == ' ' || c == '\0';
}

/* Blanks or NULs pad the type; what is left must be one printable word. */
static int
decode_type(char out[AGENTMSG_TYPE_LEN + 1], const uint8_t *p)
{
	size_t n = AGENTMSG_TYPE_LEN;

	while (n > 0 && is_padding(p[n - 1]))
		n--;
	if (n == 0)
		return ERR_INVALID;
	for (size_t i = 0; i < n; i++) {
		if (p[i] <= ' ' || p[i] >= 0x7f)
			return ERR_INVALID;
	}
	memcpy(out, p, n);
	memset(out + n, 0, AGENTMSG_TYPE_LEN + 1 - n);
	return 0;
}

bool
agentmsg_is(const struct agentmsg *m, const char *type)
{
	return strcmp(m->type, type) == 0;
}

/* Stock peers take start and pause_publication without a date. */
static bool
needs_date(const struct agentmsg *m)
{
	return !agentmsg_is(m, MSG_START) && !agentmsg_is(m, MSG_PAUSE);
}

int
agentmsg_decode(struct agentmsg *m, struct span in)
{
	static const uint8_t none[SHA256_LEN];
	const uint8_t *p = in.p;

	if (in.n < AGENTMSG_HEAD || get_be32(p + OFF_HEADER_LEN) != AGENTMSG_HEADER_LEN)
		return ERR_INVALID;
	if (in.n - AGENTMSG_HEAD > AGENTMSG_PAYLOAD_MAX)
		return ERR_LIMIT;
	if (get_be32(p + OFF_PAYLOAD_LEN) != in.n - AGENTMSG_HEAD)
		return ERR_INVALID;
	if (decode_type(m->type, p + OFF_TYPE) != 0)
		return ERR_INVALID;
	m->schema_version = get_be32(p + OFF_SCHEMA);
	m->created_ms = get_be64(p + OFF_CREATED);
	m->seq = (int64_t)get_be64(p + OFF_SEQ);
	m->flags = get_be64(p + OFF_FLAGS);
	swap_id(m->id, p + OFF_ID);
	memcpy(m->digest, p + OFF_DIGEST, sizeof(m->digest));
	m->no_digest = memcmp(m->digest, none, sizeof(none)) == 0;
	m->payload_type = get_be32(p + OFF_PAYLOAD_TYPE);
	m->payload = span_sub(in, AGENTMSG_HEAD, in.n);
	return m->created_ms == 0 && needs_date(m) ? ERR_INVALID : 0;
}

int
agentmsg_check_digest(const struct agentmsg *m)
{
	uint8_t sum[SHA256_LEN];

	if (m->payload.n == 0)
		return 0;
	sha256(sum, m->payload);
	return memcmp(sum, m->digest, sizeof(sum)) == 0 ? 0 : ERR_SIGNATURE;
}

void
agentmsg_encode(struct buf *out, const struct agentmsg *m)
{
	size_t tn = strnlen(m->type, AGENTMSG_TYPE_LEN);
	uint8_t *p;

	assert(tn > 0);
	if (m->payload.n > AGENTMSG_PAYLOAD_MAX) {
		if (out->err == 0)
			out->err = ERR_LIMIT;
		return;
	}
	if ((p = buf_grow(out, AGENTMSG_HEAD + m->payload.n)) == NULL)
		return;
	put_be32(p + OFF_HEADER_LEN, AGENTMSG_HEADER_LEN);
	memset(p + OFF_TYPE, ' ', AGENTMSG_TYPE_LEN);
	memcpy(p + OFF_TYPE, m->type, tn);
	put_be32(p + OFF_SCHEMA, SCHEMA_VERSION);
	put_be64(p + OFF_CREATED, m->created_ms);
	put_be64(p + OFF_SEQ, (uint64_t)m->seq);
	put_be64(p + OFF_FLAGS, m->flags);
	swap_id(p + OFF_ID, m->id);
	if (m->no_digest)
		memset(p + OFF_DIGEST, 0, SHA256_LEN);
	else
		sha256(p + OFF_DIGEST, m->payload);
	put_be32(p + OFF_PAYLOAD_TYPE, m->payload_type);
	put_be32(p + OFF_PAYLOAD_LEN, (uint32_t)m->payload.n);
	if (m->payload.n > 0)
		memcpy(p + AGENTMSG_HEAD, m->payload.p, m->payload.n);
}

void
agentmsg_id_format(char out[37], const uint8_t id[16])
{
	static const size_t group[] = { 4, 2, 2, 2, 6 };
	size_t off = 0;

	for (size_t i = 0; i < ARRAY_LEN(group); i++) {
		hex_encode(out, id + off, group[i]);
		off += group[i];
		out += 2 * group[i];
		if (i + 1 < ARRAY_LEN(group))
			*out++ = '-';
	}
}
