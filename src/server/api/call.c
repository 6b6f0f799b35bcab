/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers use: how a call ends or waits, and its input; see call.h. */
#include "server/api/call.h"

#include <stdarg.h>

#include "base/log.h"
#include "server/api/call_audit.h"
#include "server/domain/access.h"

enum { MESSAGE_MAX = 2048 }; /* of texts with arguments */

/* ---- errors ---- */

int
api_fail_text(struct api_call *c, const char *code, const char *text)
{
	c->error = code;
	c->message = arena_strdup(&c->mem, text);
	return ERR_INVALID;
}

int
api_fail(struct api_call *c, const char *code, const char *fmt, ...)
{
	char text[MESSAGE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return api_fail_text(c, code, text);
}

int
api_internal(struct api_call *c, const char *what, int err, const struct fault *f)
{
	bool json = api_services[c->service].protocol == API_JSON;

	log_error("api call failed", "op=%s what=%s err=%s why=%s request=%s",
	    c->op != NULL ? c->op->name : "", log_q(what), log_q(err_text(err)),
	    log_q(f != NULL && f->text[0] != '\0' ? f->text : ""), c->request_id);
	return api_fail(c, json ? "InternalServerError" : "InternalFailure",
	    "An error occurred on the server side. Request %s.", c->request_id);
}

/* ---- changes and waiting ---- */

static int
run_change(struct store_tx *tx, void *arg, struct fault *f)
{
	struct api_call *c = arg;
	int r = c->change(tx, c);

	if (r == 0 && !c->recorded && !c->refused && !call_audit_is_poll(c))
		r = call_audit_append(tx, c);
	if (r != 0 && c->error == NULL)
		(void)fault_set(f, r, "%s", err_text(r));
	return r;
}

static void
change_done(void *arg, int r, const struct fault *f)
{
	struct api_call *c = arg;

	if (r == 0 && (c->op->review || c->service == API_IAM))
		access_changed(c->env->access);
	c->recorded = c->recorded || (r == 0 && !c->refused);
	if (r == 0 && c->done != NULL)
		r = c->done(c);
	else if (r != 0 && c->error == NULL)
		r = api_internal(c, "change", r, f);
	if (r != API_LATER)
		api_finish(c, r);
}

int
api_write(struct api_call *c, api_change *change, api_handler *done)
{
	c->change = change;
	c->done = done;
	c->event_ms = ev_wall_ms(c->env->loop);
	store_submit(c->env->store, run_change, change_done, c);
	return API_LATER;
}

static void
hold_over(void *arg)
{
	struct api_call *c = arg;
	int r = c->done != NULL ? c->done(c) : 0;

	if (r != API_LATER)
		api_finish(c, r);
}

int
api_hold(struct api_call *c, uint64_t ms, api_handler *done)
{
	c->done = done;
	ev_timer_set(c->env->loop, &c->timer, ms, hold_over, c);
	return API_LATER;
}

void
api_wake(struct api_call *c)
{
	assert(ev_timer_is_set(&c->timer));
	ev_timer_clear(&c->timer);
	hold_over(c);
}

/* ---- the input ---- */

struct store_tx *
api_reader(const struct api_call *c)
{
	return store_reader(c->env->store);
}

const char *
api_str(const struct api_call *c, const char *member)
{
	return json_string_value(json_object_get(c->in, member));
}

int64_t
api_int(const struct api_call *c, const char *member, int64_t fallback)
{
	const json_t *v = json_object_get(c->in, member);

	return json_is_integer(v) ? json_integer_value(v) : fallback;
}

bool
api_bool(const struct api_call *c, const char *member)
{
	return json_is_true(json_object_get(c->in, member));
}

int64_t
api_time(const struct api_call *c, const char *member, int64_t fallback)
{
	const json_t *v = json_object_get(c->in, member);
	double ms = json_number_value(v) * 1000.0;

	if (!json_is_number(v))
		return fallback;
	/* Year 9999 and the epoch bound what can be written again. */
	return ms < 0 ? 0 : ms > 253402300799000.0 ? 253402300799000 : (int64_t)ms;
}
