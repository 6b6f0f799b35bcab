/* SPDX-License-Identifier: Apache-2.0 */
/* See greeting.h. */
#include "client/session/greeting.h"

#include "proto/channel.h"

void
greeting_init(struct greeting *g)
{
	*g = (struct greeting){ .action = NULL };
	arena_init(&g->mem);
}

void
greeting_fini(struct greeting *g)
{
	arena_fini(&g->mem);
}

int
greeting_answer(struct greeting *g, struct span json, const char *client_version,
    struct buf *out, struct fault *f)
{
	struct handshake_response answer = { 0 };
	int r;

	if ((r = handshake_request_parse(&g->request, &g->mem, json, f)) != 0)
		return r;
	r = handshake_answer(&answer, &g->action, &g->request, &g->mem, f);
	answer.client_version = client_version;
	if (g->request.ext.present) {
		answer.ext = handshake_ext_ours(CHANNEL_PAYLOAD_OWN, CHANNEL_WINDOW_MAX);
		answer.ext.input = g->request.ext.input;
	}
	handshake_response_build(out, &answer);
	return r;
}

bool
greeting_begun(const struct greeting *g)
{
	return g->action != NULL;
}

void
greeting_info(const struct greeting *g, struct session_info *info)
{
	*info = (struct session_info){
		.type = DOCUMENT_STANDARD_STREAM,
		.agent_version = "",
		.customer_message = "",
		.takes_input = g->request.ext.input,
		.tells_attached = g->request.ext.attached,
	};
	if (g->action == NULL)
		return;
	info->agent_version = g->request.agent_version;
	info->properties = g->action->properties;
	if (document_type_parse(&info->type, span_str(g->action->session_type)) != 0)
		assert(0 && "handshake_answer lets only the four types through");
}

const char *
greeting_message(struct greeting *g, struct span json)
{
	struct handshake_complete c = { 0 };
	struct fault f = { 0 };

	return handshake_complete_parse(&c, &g->mem, json, &f) == 0 ? c.customer_message : "";
}
