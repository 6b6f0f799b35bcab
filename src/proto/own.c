/* SPDX-License-Identifier: Apache-2.0 */
/* See own.h. */
#include "proto/own.h"

#include "codec/jsonw.h"
#include "proto/ids.h"
#include "proto/member.h"

void
own_build(struct buf *out, const char *type, const struct control_head *h,
    const struct own_words *w)
{
	struct agentmsg m = {
		.created_ms = h->created_ms > 0 ? h->created_ms : 1,
		.flags = AGENTMSG_FLAG_SYN | AGENTMSG_FLAG_FIN,
	};
	auto_buf json = { .max = OWN_MESSAGE_MAX };
	struct jsonw j;

	jw_init(&j, &json);
	jw_open(&j, '{');
	jw_field_str(&j, "SessionId", w->session_id);
	if (w->secret != NULL && w->secret[0] != '\0')
		jw_field_str(&j, "Secret", w->secret);
	if (w->message != NULL && w->message[0] != '\0')
		jw_field_str(&j, "Message", w->message);
	jw_close(&j, '}');
	if (buf_check(&json) != 0) {
		out->err = out->err != 0 ? out->err : json.err;
		return;
	}
	memcpy(m.id, h->id, sizeof(m.id));
	snprintf(m.type, sizeof(m.type), "%s", type);
	m.payload = buf_span(&json);
	agentmsg_encode(out, &m);
}

/* It goes to a terminal as it is. */
static bool
is_plain(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

int
own_parse(struct own_words *w, struct arena *mem, struct span payload)
{
	auto_json *o = NULL;
	int r;

	*w = (struct own_words){ 0 };
	if (payload.n > OWN_MESSAGE_MAX)
		return ERR_LIMIT;
	if ((r = json_read(&o, payload, NULL)) != 0)
		return r;
	if (!json_is_object(o))
		return ERR_INVALID;
	if ((r = member_str(&w->session_id, mem, o, "SessionId", ID_SESSION_MAX, NULL)) !=
		0 ||
	    (r = member_str(&w->secret, mem, o, "Secret", ID_TOKEN_LEN, "")) != 0 ||
	    (r = member_str(&w->message, mem, o, "Message", OWN_WORDS_MAX, "")) != 0)
		return r;
	return is_plain(w->message) ? 0 : ERR_INVALID;
}
