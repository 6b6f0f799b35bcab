/* SPDX-License-Identifier: Apache-2.0 */
/* See audit_check.h. */
#include "proto/audit_check.h"

#include <inttypes.h>
#include <stdarg.h>

#include "base/text.h"

void
audit_check_begin(struct audit_check *c, const struct ed25519_key *key,
    const char *account, const struct audit_chain *at)
{
	*c = (struct audit_check){ .key = key, .at = *at, .from = *at };
	if (str_copy(c->account, sizeof(c->account), account) != 0)
		c->account[0] = '\0'; /* matches no mark */
	c->whole = at->seq == 0;
}

static int PRINTF(3, 4) broken(struct audit_check *c, int64_t seq, const char *fmt, ...)
{
	va_list ap;

	if (c->broken)
		return ERR_CONFLICT;
	c->broken = true;
	c->broken_seq = seq;
	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	return ERR_CONFLICT;
}

static void
copy_member(char *out, size_t size, const json_t *o, const char *name)
{
	const char *s = json_get_str(o, name);

	if (s == NULL || str_copy(out, size, s) != 0)
		out[0] = '\0';
	for (char *p = out; *p != '\0'; p++) /* it goes to a terminal */
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
}

/* A gap in the numbers, or an event that comes twice. */
static int
out_of_order(struct audit_check *c, int64_t seq)
{
	int64_t next = c->at.seq + 1;

	if (seq < next)
		return broken(c, seq, "it comes after event %" PRId64, c->at.seq);
	c->broken_id[0] = c->broken_time[0] = '\0';
	if (seq == next + 1)
		return broken(c, next, "it is missing; the next one is %" PRId64, seq);
	return broken(c, next,
	    "events %" PRId64 " to %" PRId64 " are missing; the next one is %" PRId64,
	    next, seq - 1, seq);
}

int
audit_check_event(struct audit_check *c, const struct audit_chain *at, struct span event)
{
	struct audit_chain want = c->at;
	auto_json *o = NULL;
	bool json;

	if (c->broken)
		return ERR_CONFLICT;
	json = json_read(&o, event, NULL) == 0 && json_is_object(o);
	copy_member(c->broken_id, sizeof(c->broken_id), o, "eventID");
	copy_member(c->broken_time, sizeof(c->broken_time), o, "eventTime");
	if (at->seq != c->at.seq + 1)
		return out_of_order(c, at->seq);
	audit_chain_add(&want, event);
	if (!audit_chain_eq(&want, at))
		return broken(c, at->seq,
		    c->events == 0
			? "its content does not match its hash"
			: "it does not follow from the one before: its content, its hash "
			  "or the event before it was changed");
	if (!json)
		return broken(c, at->seq, "it is not JSON");
	memcpy(c->time, c->broken_time, sizeof(c->time));
	c->at = want;
	c->events++;
	return 0;
}

int
audit_check_fail(struct audit_check *c, int64_t seq, const char *why)
{
	if (!c->broken &&
	    seq != c->at.seq) /* the last one read is the one that is known */
		c->broken_id[0] = c->broken_time[0] = '\0';
	return broken(c, seq, "%s", why);
}

static int
check_signature(struct audit_check *c, const struct audit_mark *m)
{
	c->broken_id[0] = c->broken_time[0] = '\0';
	if (strcmp(m->account, c->account) != 0)
		return broken(c, m->at.seq, "the %s there is of account %s",
		    audit_mark_name(m->kind), m->account);
	if (audit_mark_verify(m, c->key) != 0)
		return broken(c, m->at.seq, "the signature of the %s there is wrong",
		    audit_mark_name(m->kind));
	c->marks++;
	return 0;
}

int
audit_check_base(struct audit_check *c, const struct audit_mark *m)
{
	int r;

	if (c->broken)
		return ERR_CONFLICT;
	if ((r = check_signature(c, m)) != 0)
		return r;
	if (m->kind != AUDIT_BASE)
		return broken(c, m->at.seq, "there is no base");
	if (m->at.seq < c->at.seq)
		return 0; /* of a cut before the place where this began */
	if (m->at.seq == c->at.seq && !audit_chain_eq(&m->at, &c->at))
		return broken(
		    c, m->at.seq, "the trail does not begin where the signed base says");
	if (c->events == 0)
		c->from = m->at;
	c->whole = c->whole || c->events == 0;
	c->at = m->at;
	return 0;
}

int
audit_check_mark(struct audit_check *c, const struct audit_mark *m)
{
	int r;

	if (c->broken)
		return ERR_CONFLICT;
	if ((r = check_signature(c, m)) != 0)
		return r;
	if (m->kind == AUDIT_BASE || m->at.seq != c->at.seq)
		return broken(c, m->at.seq, "the %s there is out of place",
		    audit_mark_name(m->kind));
	if (!audit_chain_eq(&m->at, &c->at))
		return broken(c, m->at.seq,
		    "the signed %s there has another hash: the trail was rewritten",
		    audit_mark_name(m->kind));
	c->signed_seq = m->at.seq;
	return 0;
}

int
audit_check_head(struct audit_check *c, const struct audit_mark *m)
{
	int r;

	if (c->broken)
		return ERR_CONFLICT;
	if (m->kind != AUDIT_HEAD || m->at.seq == c->at.seq)
		return audit_check_mark(c, m);
	if ((r = check_signature(c, m)) != 0)
		return r;
	if (m->at.seq < c->at.seq)
		return broken(c, m->at.seq + 1, "it stands behind the signed head");
	if (m->at.seq == c->at.seq + 1)
		return broken(c, m->at.seq, "it is missing at the end of the trail");
	return broken(c, c->at.seq + 1,
	    "events %" PRId64 " to %" PRId64 " are missing at the end of the trail",
	    c->at.seq + 1, m->at.seq);
}
