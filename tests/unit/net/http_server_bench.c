/* SPDX-License-Identifier: Apache-2.0 */
/* See http_server_bench.h. */
#include "http_server_bench.h"

static const struct http_limits limits = {
	.head_max = 2000,
	.body_max = 5000,
	.head_ms = 10000,
	.body_ms = 20000,
	.idle_ms = 60000,
	.connections_max = 3,
};

static void
answer_later(void *arg)
{
	struct site *site = arg;

	http_reply(site->kept, 200, "text/plain", SPAN("later"));
	site->kept = NULL;
}

static void
on_abort(struct http_req *r)
{
	struct site *site = r->user;

	site->aborted++;
	site->kept = NULL;
	ev_timer_clear(&site->later);
}

static void
ws_message(void *arg, uint8_t op, struct span body)
{
	struct site *site = arg;

	site->ws_messages++;
	(void)!wsconn_send(site->ws, op, body);
}

static void
ws_close(void *arg, int err, uint16_t code)
{
	struct site *site = arg;

	(void)err;
	(void)code;
	site->ws_closed++;
	wsconn_close(site->ws, 0);
	site->ws = NULL;
}

static void
handle(void *arg, struct http_req *r)
{
	static const struct wsconn_handler wsh = { .on_message = ws_message,
		.on_close = ws_close };
	static const struct wsconn_options wso = { .message_max = 1000 };
	struct site *site = arg;

	site->requests++;
	buf_addf(&site->log, "%s " SPAN_FMT " ", r->head->method, SPAN_ARG(r->path));
	buf_add(&site->log, span_sub(r->body, 0, 40));
	buf_add_str(&site->log, ";");
	r->user = site;
	if (span_eq_str(r->path, "/ws")) {
		site->ws = http_upgrade(r, &wso, &wsh, site);
	} else if (span_eq_str(r->path, "/later")) {
		site->kept = r;
		r->on_abort = on_abort;
		ev_timer_set(site->w.server, &site->later, 100, answer_later, site);
	} else if (span_eq_str(r->path, "/keep")) {
		site->kept = r;
	} else if (span_eq_str(r->path, "/204")) {
		http_reply(r, 204, NULL, SPAN_NONE);
	} else if (span_eq_str(r->path, "/close")) {
		http_reply_close(r, 200, "text/plain", SPAN("bye"));
	} else if (span_eq_str(r->path, "/evil")) {
		const struct http_field f = { "X-Name", "a\r\nX-Other: b" };

		http_reply_fields(r, 200, "text/plain", &f, 1, SPAN("x"));
	} else if (span_eq_str(r->path, "/big")) {
		http_reply(r, 200, NULL, span_of(arena_alloc(&r->mem, 6 << 20), 6 << 20));
	} else {
		http_reply(r, 200, "text/plain", r->body);
	}
}

void
site_up_in(struct site *site, const struct sim_options *o)
{
	*site = (struct site){ 0 };
	world_sim(&site->w, o);
	buf_init(&site->log, 1 << 20);
	assert_int_equal(http_server_new(&site->s, site->w.server, "", 80, NULL, &limits,
			     handle, site, NULL),
	    0);
}

void
site_up(struct site *site, uint32_t segment)
{
	site_up_in(site,
	    &(struct sim_options){ .seed = 11,
		.segment_max = segment,
		.latency_min_ms = segment == 0 ? 1 : 0,
		.wall_start_ms = 1795225657000 });
}

void
site_down(struct site *site)
{
	ev_timer_clear(&site->later);
	if (site->ws != NULL)
		wsconn_close(site->ws, 1001);
	http_server_free(site->s);
	if (site->kept != NULL) /* its connection is gone; the answer frees it */
		http_reply(site->kept, 200, NULL, SPAN_NONE);
	buf_fini(&site->log);
	world_fini(&site->w);
}

void
statuses(struct buf *out, const struct buf *in)
{
	static const char mark[] = "HTTP/1.1 ";
	struct span rest = buf_span(in);

	while (rest.n >= sizeof(mark) + 3) {
		if (memcmp(rest.p, mark, sizeof(mark) - 1) == 0) {
			buf_add(out, span_sub(rest, sizeof(mark) - 1, 3));
			buf_add_str(out, " ");
		}
		rest = span_sub(rest, 1, rest.n);
	}
}
