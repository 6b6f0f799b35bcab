/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocking work of a call on a pool thread.  It cannot be cancelled: when the call is freed
 * before its end (the server stops), the work goes on alone and is thrown away.
 */
#include "server/api/call.h"

struct api_job {
	struct api_call *c; /* NULL: freed meanwhile */
	struct api_work work;
};

static void
run(void *arg)
{
	struct api_job *j = arg;

	j->work.run(j->work.arg);
}

static void
finished(void *arg)
{
	struct api_job *j = arg;
	struct api_call *c = j->c;
	int r = API_LATER;

	if (c != NULL) {
		c->job = NULL;
		r = j->work.done(c, j->work.arg);
	}
	j->work.free(j->work.arg);
	free(j);
	if (r != API_LATER)
		api_finish(c, r);
}

int
api_work(struct api_call *c, const struct api_work *work)
{
	struct api_job *j = xcalloc(1, sizeof(*j));

	assert(c->job == NULL);
	*j = (struct api_job){ .c = c, .work = *work };
	c->job = j;
	ev_work(c->env->loop, run, finished, j);
	return API_LATER;
}

void
api_work_orphan(struct api_call *c)
{
	if (c->job != NULL)
		c->job->c = NULL;
	c->job = NULL;
}
