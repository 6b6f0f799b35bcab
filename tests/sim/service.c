/* SPDX-License-Identifier: Apache-2.0 */
/* What listens on a node, behind its forwarded port: the other end of every flow. */
#include "fleet.h"

#include "flow.h"

struct served {
	struct list link;
	struct flow flow;
};

struct service {
	struct ev_listener *listener;
	struct list served;
};

static void
served_free(struct served *v)
{
	flow_close(&v->flow);
	list_del(&v->link);
	free(v);
}

static void
on_over(void *arg)
{
	served_free(arg);
}

static void
on_accept(void *arg, struct ev_stream *s)
{
	struct service *sv = arg;
	struct served *v = xcalloc(1, sizeof(*v));

	list_init(&v->link);
	list_add_tail(&sv->served, &v->link);
	v->flow.is_service = true;
	v->flow.over = on_over;
	v->flow.arg = v;
	flow_start(&v->flow, s);
}

struct service *
service_new(struct ev_loop *l)
{
	struct service *sv = xcalloc(1, sizeof(*sv));
	struct fault f = { 0 };

	list_init(&sv->served);
	if (ev_listen(&sv->listener, l, "127.0.0.1", FLEET_SERVICE_PORT, on_accept, sv,
		&f) != 0) {
		fprintf(stderr, "the service does not listen: %s\n", fault_text(&f));
		abort();
	}
	return sv;
}

void
service_free(struct service *sv)
{
	LIST_EACH(v, &sv->served, struct served, link)
	served_free(v);
	ev_listener_close(sv->listener);
	free(sv);
}
