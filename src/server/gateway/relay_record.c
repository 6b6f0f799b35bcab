/* SPDX-License-Identifier: Apache-2.0 */
/* See relay_record.h. */
#include "server/gateway/relay_record.h"

struct relay_report {
	struct list link;
	struct relay_record *rec; /* NULL: it is not waited for any more */
	size_t bytes;
};

struct held_msg {
	struct list link;
	uint64_t after; /* so many reports have to be committed */
	size_t n;
	uint8_t data[];
};

void
relay_record_init(struct relay_record *rec, struct sessions *s, const char *session_id,
    const struct relay_record_ops *ops, void *arg)
{
	*rec = (struct relay_record){
		.sessions = s, .session_id = session_id, .ops = ops, .arg = arg
	};
	list_init(&rec->reports);
	list_init(&rec->held);
}

static void
held_free(struct relay_record *rec, struct held_msg *m)
{
	list_del(&m->link);
	rec->bytes -= m->n;
	free(m);
}

/* What is with the store finds nobody when it comes back. */
static void
forget(struct relay_record *rec)
{
	LIST_EACH(w, &rec->reports, struct relay_report, link)
	{
		list_del(&w->link);
		w->rec = NULL;
	}
	LIST_EACH(m, &rec->held, struct held_msg, link)
	held_free(rec, m);
	rec->bytes = 0;
	rec->submitted = rec->committed = 0;
	rec->waits = false;
}

void
relay_record_fini(struct relay_record *rec)
{
	forget(rec);
}

/* pass() may hold nothing and free nothing of ours: the relay dies in a turn of its own. */
static void
let_pass(struct relay_record *rec)
{
	struct held_msg *m;

	while ((m = LIST_FIRST(&rec->held, struct held_msg, link)) != NULL &&
	    m->after <= rec->committed) {
		list_del(&m->link);
		rec->bytes -= m->n;
		rec->ops->pass(rec->arg, span_of(m->data, m->n));
		free(m);
	}
	rec->waits = !list_empty(&rec->held) || rec->committed < rec->submitted;
}

static void
on_reported(void *arg, int r, int64_t number)
{
	struct relay_report *w = arg;
	struct relay_record *rec = w->rec;

	if (rec != NULL) {
		list_del(&w->link);
		rec->bytes -= w->bytes;
	}
	free(w);
	if (rec == NULL)
		return;
	if (r != 0) {
		forget(rec);
		rec->ops->failed(rec->arg);
		return;
	}
	rec->committed++;
	rec->ops->recorded(rec->arg, number);
	let_pass(rec);
}

int
relay_record_take(struct relay_record *rec, struct span payload)
{
	auto_arena mem = { 0 };
	struct own_events events;
	struct relay_report *w;
	int r;

	if ((r = own_events_parse(&events, &mem, payload)) != 0)
		return r;
	if (strcmp(events.session_id, rec->session_id) != 0)
		return ERR_DENIED;
	w = xcalloc(1, sizeof(*w));
	w->rec = rec;
	w->bytes = payload.n;
	list_init(&w->link);
	list_add_tail(&rec->reports, &w->link);
	rec->bytes += w->bytes;
	rec->submitted++;
	rec->waits = true;
	session_report(rec->sessions, &events, &mem, on_reported, w);
	return 0;
}

void
relay_record_hold(struct relay_record *rec, struct span msg)
{
	struct held_msg *m = xmalloc(sizeof(*m) + msg.n);

	assert(rec->waits);
	*m = (struct held_msg){ .after = rec->submitted, .n = msg.n };
	memcpy(m->data, msg.p, msg.n);
	list_init(&m->link);
	list_add_tail(&rec->held, &m->link);
	rec->bytes += m->n;
}
