/* SPDX-License-Identifier: Apache-2.0 */
/* See comeback.h. */
#include "client/session/comeback.h"

#include "codec/ws.h"
#include "crypto/crypto.h"

static void
forget(struct comeback *c)
{
	secret_wipe(c->secret, sizeof(c->secret));
}

bool
comeback_show(struct comeback *c)
{
	c->shown = c->secret[0] != '\0' && !c->refused;
	return c->shown;
}

void
comeback_resumed(struct comeback *c, bool token)
{
	c->refused = false;
	if (token)
		forget(c); /* void when the token opens; a new one follows */
}

void
comeback_keep(
    struct comeback *c, const struct own_words *w, struct ev_loop *l, struct buf *answer)
{
	struct control_head head = { .created_ms = (uint64_t)ev_wall_ms(l) };
	size_t n = strlen(w->secret);

	c->refused = c->told = false;
	if (n == 0 || n >= sizeof(c->secret))
		return;
	forget(c);
	memcpy(c->secret, w->secret, n);
	ev_random(l, head.id, sizeof(head.id));
	own_build(answer, MSG_OWN_KEPT, &head,
	    &(struct own_words){ .session_id = w->session_id });
}

bool
comeback_refused(struct comeback *c)
{
	bool told = c->told;

	c->refused = c->told = true;
	return told;
}

void
comeback_failed(struct comeback *c, uint16_t code)
{
	if (c->shown && code == WS_CLOSE_UNSUPPORTED)
		forget(c);
	c->shown = false;
}

void
comeback_fini(struct comeback *c)
{
	forget(c);
}
