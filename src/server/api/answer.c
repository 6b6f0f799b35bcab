/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers write members only; what stands around them depends on the protocol.
 */
#include "server/api/answer.h"

#include "net/http_server.h"
#include "server/api/error.h"

static const char *
op_element(struct api_call *c, const char *suffix)
{
	return arena_printf(&c->mem, "%s%s", c->op->name, suffix);
}

void
answer_open(struct api_call *c)
{
	const struct api_service_info *s = &api_services[c->service];

	switch (s->protocol) {
	case API_JSON:
		jw_open(&c->w, '{');
		break;
	case API_QUERY:
		xw_open_ns(&c->out, op_element(c, "Response"), s->xmlns);
		if (!c->op->no_result)
			xw_open(&c->out, op_element(c, "Result"));
		break;
	default:
		xw_open_ns(&c->out, op_element(c, "Response"), s->xmlns);
		xw_elem(&c->out, "requestId", c->request_id);
	}
}

int
answer_close(struct api_call *c)
{
	switch (api_services[c->service].protocol) {
	case API_JSON:
		jw_close(&c->w, '}');
		break;
	case API_QUERY:
		if (!c->op->no_result)
			xw_close(&c->out, op_element(c, "Result"));
		xw_open(&c->out, "ResponseMetadata");
		xw_elem(&c->out, "RequestId", c->request_id);
		xw_close(&c->out, "ResponseMetadata");
		xw_close(&c->out, op_element(c, "Response"));
		break;
	default:
		xw_close(&c->out, op_element(c, "Response"));
	}
	return buf_check(&c->out);
}

static const char *
content_type(const struct api_call *c)
{
	switch (api_services[c->service].protocol) {
	case API_JSON:
		return "application/x-amz-json-1.1";
	case API_QUERY:
		return "text/xml";
	case API_EC2_QUERY:
		return "text/xml;charset=UTF-8";
	default:
		return "application/xml";
	}
}

void
answer_send(struct api_call *c, bool ok)
{
	enum api_protocol p = api_services[c->service].protocol;
	struct http_field fields[2] = { { "x-amzn-RequestId", c->request_id } };
	size_t n = 1;
	int status = 200;

	if (!ok) {
		buf_reset(&c->out);
		error_body(c, &c->out);
		status = c->status != 0 ? c->status : error_status(p, c->error);
		if (p == API_JSON)
			fields[n++] = (struct http_field){ "x-amzn-ErrorType", c->error };
	}
	http_reply_fields(c->req, status, content_type(c), fields, n, buf_span(&c->out));
}
