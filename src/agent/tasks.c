/* SPDX-License-Identifier: Apache-2.0 */
/* See tasks.h. */
#include "agent/tasks.h"

#include "base/log.h"
#include "proto/control.h"
#include "proto/ids.h"

enum { RETRY_FIRST_MS = 1000, RETRY_MAX_MS = 60 * 1000 };

struct task {
	struct list link;
	char id[ID_SESSION_MAX + 1];
	const char *status; /* one of the fixed words */
	char *output;       /* owned */
	struct control_head head;
	uint32_t tries;
	uint64_t due_ms;
};

struct agent_tasks {
	struct ev_loop *loop;
	char *node_id;
	agent_tasks_send *send;
	void *arg;
	struct list all; /* oldest first */
	size_t n;
	struct ev_timer timer;
};

static void on_timer(void *arg);

static void
plan(struct agent_tasks *t)
{
	uint64_t now = ev_now_ms(t->loop), due = UINT64_MAX;

	LIST_EACH(k, &t->all, struct task, link)
	due = MIN(due, k->due_ms);
	if (due == UINT64_MAX)
		ev_timer_clear(&t->timer);
	else
		ev_timer_set(t->loop, &t->timer, due > now ? due - now : 0, on_timer, t);
}

static void
tell(struct agent_tasks *t, struct task *k)
{
	uint64_t wait = (uint64_t)RETRY_FIRST_MS << MIN(k->tries, 6u);
	auto_buf msg = { 0 };

	buf_init(&msg, CONTROL_MESSAGE_MAX);
	control_task_complete_build(&msg, &k->head,
	    &(struct control_task_complete){
		.task_id = k->id,
		.status = k->status,
		.instance_id = t->node_id,
		.output = k->output,
		.s3_bucket = "",
		.s3_suffix = "",
		.log_group = "",
		.log_stream = "",
		.retry_number = k->tries + 1,
	    });
	k->due_ms = ev_now_ms(t->loop) + MIN(wait, (uint64_t)RETRY_MAX_MS);
	if (buf_check(&msg) == 0 && t->send(t->arg, buf_span(&msg)) == 0)
		k->tries++;
}

static void
on_timer(void *arg)
{
	struct agent_tasks *t = arg;
	uint64_t now = ev_now_ms(t->loop);

	LIST_EACH(k, &t->all, struct task, link)
	if (k->due_ms <= now)
		tell(t, k);
	plan(t);
}

struct agent_tasks *
agent_tasks_new(struct ev_loop *l, const char *node_id, agent_tasks_send *send, void *arg)
{
	struct agent_tasks *t = xcalloc(1, sizeof(*t));

	t->loop = l;
	t->node_id = xstrdup(node_id);
	t->send = send;
	t->arg = arg;
	list_init(&t->all);
	return t;
}

static void
forget(struct agent_tasks *t, struct task *k)
{
	list_del(&k->link);
	t->n--;
	free(k->output);
	free(k);
}

void
agent_tasks_free(struct agent_tasks *t)
{
	if (t == NULL)
		return;
	ev_timer_clear(&t->timer);
	LIST_EACH(k, &t->all, struct task, link)
	forget(t, k);
	free(t->node_id);
	free(t);
}

void
agent_tasks_add(
    struct agent_tasks *t, const char *session_id, const char *status, const char *output)
{
	struct task *k = xcalloc(1, sizeof(*k));

	if (str_copy(k->id, sizeof(k->id), session_id) != 0)
		assert(0 && "session ids are checked before they get here");
	k->status = status;
	k->output = xstrndup(output, AGENT_TASK_OUTPUT_MAX);
	k->head.created_ms = (uint64_t)ev_wall_ms(t->loop);
	ev_random(t->loop, k->head.id, sizeof(k->head.id));
	list_init(&k->link);
	list_add_tail(&t->all, &k->link);
	if (++t->n > AGENT_TASKS_MAX) {
		log_warn("end of a session not told", "session=%s",
		    LIST_FIRST(&t->all, struct task, link)->id);
		forget(t, LIST_FIRST(&t->all, struct task, link));
	}
	tell(t, k);
	plan(t);
}

void
agent_tasks_acked(struct agent_tasks *t, const char *task_id)
{
	LIST_EACH(k, &t->all, struct task, link)
	if (strcmp(k->id, task_id) == 0)
		forget(t, k);
	plan(t);
}

void
agent_tasks_connected(struct agent_tasks *t)
{
	LIST_EACH(k, &t->all, struct task, link)
	tell(t, k);
	plan(t);
}

size_t
agent_tasks_len(const struct agent_tasks *t)
{
	return t->n;
}
