/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NextToken, or Marker: base64 of
 *
 *	HMAC-SHA-256 (16 bytes)  position
 *
 * The MAC covers the operation, every parameter but the token and the page size, and the
 * position.  A token from elsewhere, or one that was touched, is refused; nothing is kept
 * between pages.
 */
#include "server/api/call.h"

#include "crypto/crypto.h"

enum { MAC_LEN = 16 };

/* How the services call all this. */
static const struct style {
	const char *token, *size; /* of the input */
	const char *next;         /* of the answer */
	bool truncated;           /* IsTruncated says whether there is a next one */
	const char *code, *text;  /* of a bad token */
} style_json = { "NextToken", "MaxResults", "NextToken", false, "InvalidNextToken",
	"The specified token isn't valid." },
  style_ec2 = { "NextToken", "MaxResults", "nextToken", false, "InvalidParameterValue",
	  "Unable to parse pagination token" },
  style_trail = { "NextToken", "MaxResults", "NextToken", false,
	  "InvalidNextTokenException",
	  "The NextToken isn't valid, or was given for other parameters." },
  style_iam = { "Marker", "MaxItems", "Marker", true, "ValidationError",
	  "Invalid Marker." };

static const struct style *
style_of(const struct api_call *c)
{
	switch (c->service) {
	case API_EC2:
		return &style_ec2;
	case API_CLOUDTRAIL:
		return &style_trail;
	case API_IAM:
		return &style_iam;
	default:
		return &style_json;
	}
}

static int
bad_token(struct api_call *c)
{
	return api_fail(c, style_of(c)->code, "%s", style_of(c)->text);
}

static void
token_mac(struct api_call *c, struct span position, uint8_t mac[SHA256_LEN])
{
	json_t *in = json_copy(c->in);
	auto_buf b;
	char *text;

	json_object_del(in, style_of(c)->token);
	json_object_del(in, style_of(c)->size);
	text = json_dumps(in, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(in);
	buf_init(&b, 64UL * 1024 * 1024);
	buf_addf(&b, "%s.%s", api_services[c->service].name, c->op->name);
	buf_add_u8(&b, 0);
	buf_add_str(&b, text != NULL ? text : "");
	buf_add_u8(&b, 0);
	buf_add(&b, position);
	free(text);
	hmac_sha256(mac, span_of(api_page_key(c->api), PAGE_KEY_LEN), buf_span(&b));
}

static int
token_read(struct api_call *c, const char **after)
{
	const char *token = api_str(c, style_of(c)->token);
	uint8_t mac[SHA256_LEN];
	struct span position;
	auto_buf b;

	*after = "";
	buf_init(&b, PAGE_TOKEN_MAX);
	if (token == NULL)
		return 0;
	if (strlen(token) > PAGE_TOKEN_MAX || base64_decode(&b, span_str(token)) != 0 ||
	    b.len <= MAC_LEN || b.len > MAC_LEN + PAGE_POSITION_MAX)
		return bad_token(c);
	position = span_sub(buf_span(&b), MAC_LEN, b.len);
	token_mac(c, position, mac);
	if (!secret_eq(span_of(mac, MAC_LEN), span_sub(buf_span(&b), 0, MAC_LEN)))
		return bad_token(c);
	*after = arena_str(&c->mem, position);
	return 0;
}

static const char *
token_make(struct api_call *c, const char *position)
{
	uint8_t mac[SHA256_LEN];
	auto_buf raw, text;

	buf_init(&raw, MAC_LEN + PAGE_POSITION_MAX);
	buf_init(&text, PAGE_TOKEN_MAX);
	token_mac(c, span_str(position), mac);
	buf_add(&raw, span_of(mac, MAC_LEN));
	buf_add_str(&raw, position);
	base64_encode(&text, buf_span(&raw));
	assert(buf_check(&raw) == 0);
	return arena_strdup(&c->mem, buf_cstr(&text));
}

static bool
in_xml(const struct page *p)
{
	return api_services[p->c->service].protocol != API_JSON;
}

int
page_open(struct page *p, struct api_call *c, const char *list, int64_t limit)
{
	int err;

	p->c = c;
	p->list = list;
	p->left = limit;
	p->more = false;
	p->last[0] = '\0';
	if ((err = token_read(c, &p->after)) != 0)
		return err;
	if (in_xml(p)) {
		if (list != NULL)
			xw_open(&c->out, list);
	} else {
		jw_key(&c->w, list);
		jw_open(&c->w, '[');
	}
	return 0;
}

bool
page_take(struct page *p, const char *position)
{
	bool large = p->last[0] != '\0' && p->c->out.len > PAGE_ANSWER_BYTES;
	int err;

	if (p->left == 0 || large) {
		p->more = true;
		return false;
	}
	p->left--;
	err = str_copy(p->last, sizeof(p->last), position);
	assert(err == 0);
	return true;
}

void
page_close(struct page *p)
{
	struct api_call *c = p->c;
	const char *token = p->more ? token_make(c, p->last) : NULL;
	const struct style *s = style_of(c);

	if (!in_xml(p)) {
		jw_close(&c->w, ']');
		jw_field_opt(&c->w, s->next, token);
		return;
	}
	if (p->list != NULL)
		xw_close(&c->out, p->list);
	if (s->truncated)
		xw_elem_bool(&c->out, "IsTruncated", p->more);
	xw_elem_opt(&c->out, s->next, token);
}
