/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What version strings mean, and the small payloads: Flag, Size, ExitCode.
 */
#include "base/text.h"
#include "codec/json.h"
#include "codec/jsonw.h"
#include "proto/handshake.h"

enum { VERSION_PARTS_MAX = 8, SIZE_TEXT_MAX = 256 };

#define EXIT_CODE_PREFIX "EXIT_CODE: "

struct version {
	int64_t part[VERSION_PARTS_MAX];
	size_t n;
};

static int
version_parse(struct version *v, const char *text)
{
	struct span rest = span_str(text), head;

	v->n = 0;
	while (span_cut(&rest, '.', &head)) {
		if (v->n == VERSION_PARTS_MAX ||
		    num_parse(head, 0, INT32_MAX, &v->part[v->n]) != 0)
			return ERR_INVALID;
		v->n++;
	}
	return v->n > 0 ? 0 : ERR_INVALID;
}

static int
version_order(const struct version *a, const struct version *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++) {
		if (a->part[i] != b->part[i])
			return a->part[i] < b->part[i] ? -1 : 1;
	}
	return a->n == b->n ? 0 : a->n < b->n ? -1 : 1;
}

int
version_cmp(const char *a, const char *b, int *out)
{
	struct version va, vb;

	if (version_parse(&va, a) != 0 || version_parse(&vb, b) != 0)
		return ERR_INVALID;
	*out = version_order(&va, &vb);
	return 0;
}

bool
version_newer_strict(const char *v, const char *than)
{
	struct version a, b;

	return version_parse(&a, v) == 0 && version_parse(&b, than) == 0 && a.n == b.n &&
	    version_order(&a, &b) > 0;
}

bool
handshake_agent_takes_terminate(const char *agent_version)
{
	return version_newer_strict(agent_version, "2.3.722.0");
}

bool
handshake_agent_does_mux(const char *agent_version)
{
	return version_newer_strict(agent_version, "3.0.196.0");
}

bool
handshake_agent_keepalive_off(const char *agent_version)
{
	return version_newer_strict(agent_version, "3.1.1511.0");
}

bool
handshake_client_does_mux(const char *client_version)
{
	int order;

	return version_cmp(client_version, "1.1.70", &order) == 0 && order >= 0;
}

bool
handshake_client_keepalive_off(const char *client_version)
{
	int order;

	return version_cmp(client_version, "1.2.331.0", &order) == 0 && order > 0;
}

bool
handshake_client_is_old(const char *client_version)
{
	int order;

	return version_cmp(client_version, "1.2.295", &order) == 0 && order <= 0;
}

void
flag_encode(uint8_t out[4], uint32_t flag)
{
	put_be32(out, flag);
}

int
flag_decode(uint32_t *flag, struct span s)
{
	if (s.n != 4)
		return ERR_INVALID;
	*flag = get_be32(s.p);
	return 0;
}

void
term_size_build(struct buf *out, struct term_size sz)
{
	buf_addf(out, "{\"cols\":%u,\"rows\":%u}", sz.cols, sz.rows);
}

int
term_size_parse(struct term_size *sz, struct span json)
{
	auto_json *o = NULL;
	int64_t cols, rows;

	if (json.n > SIZE_TEXT_MAX || json_read(&o, json, NULL) != 0)
		return ERR_INVALID;
	cols = json_get_int(o, "cols", 0);
	rows = json_get_int(o, "rows", 0);
	if (cols < 1 || cols > UINT16_MAX || rows < 1 || rows > UINT16_MAX)
		return ERR_INVALID;
	*sz = (struct term_size){ .cols = (uint16_t)cols, .rows = (uint16_t)rows };
	return 0;
}

void
exit_code_build(struct buf *out, int code)
{
	buf_addf(out, EXIT_CODE_PREFIX "%d", code);
}

int
exit_code_parse(int *code, struct span text)
{
	int64_t v;

	if (!span_starts(text, EXIT_CODE_PREFIX))
		return ERR_INVALID;
	text = span_sub(text, sizeof(EXIT_CODE_PREFIX) - 1, text.n);
	while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\0'))
		text.n--;
	if (num_parse(text, INT32_MIN, INT32_MAX, &v) != 0)
		return ERR_INVALID;
	*code = (int)v;
	return 0;
}
