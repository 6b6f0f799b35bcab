/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a document, a NUL, and parameters as the API has them.
 *
 * Property: what a document resolves to is within limits, and an agent that reads the
 * result finds the same session.
 */
#include "codec/json.h"
#include "proto/document.h"
#include "proto/ids.h"

#define TRAP_UNLESS(x)                    \
	do {                              \
		if (!(x))                 \
			__builtin_trap(); \
	} while (0)

static void
same(const struct session_document *a, const struct session_document *b)
{
	TRAP_UNLESS(a->type == b->type);
	TRAP_UNLESS(a->idle_min == b->idle_min && a->max_min == b->max_min);
	TRAP_UNLESS(a->run_as_enabled == b->run_as_enabled);
	TRAP_UNLESS(strcmp(a->run_as_default_user, b->run_as_default_user) == 0);
	TRAP_UNLESS(strcmp(a->shell_profile, b->shell_profile) == 0);
	TRAP_UNLESS(strcmp(a->commands, b->commands) == 0);
	TRAP_UNLESS(strcmp(a->port, b->port) == 0 && strcmp(a->host, b->host) == 0);
	TRAP_UNLESS(span_eq(a->properties, b->properties));
}

static void
bounds(const struct session_document *d)
{
	TRAP_UNLESS(d->idle_min >= 1 && d->idle_min <= DOCUMENT_IDLE_MAX);
	TRAP_UNLESS(d->max_min >= 0 && d->max_min <= DOCUMENT_DURATION_MAX);
	TRAP_UNLESS(d->run_as_default_user[0] == '\0' ||
	    id_user_valid(span_str(d->run_as_default_user)));
	TRAP_UNLESS(d->type != DOCUMENT_PORT || d->port[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data, size }, content;
	struct session_document d, agent;
	auto_buf out = { .max = DOCUMENT_RESOLVED_MAX };
	auto_arena mem = { 0 };
	auto_json *params = NULL;
	struct fault f = { 0 };
	bool good;
	int r;

	content = span_sub(in, 0, span_find(in, 0) < 0 ? size : (size_t)span_find(in, 0));
	if (content.n < size &&
	    json_read(&params, span_sub(in, content.n + 1, size), NULL) != 0)
		return 0;
	good = document_check(content, &f) == 0;
	TRAP_UNLESS(good || f.text[0] != '\0');
	r = document_resolve(&d, &out, &mem, content, params, &f);
	if (r != 0)
		return 0;
	TRAP_UNLESS(out.len <= DOCUMENT_RESOLVED_MAX);
	bounds(&d);
	TRAP_UNLESS(document_resolve(&agent, NULL, &mem, buf_span(&out), NULL, &f) == 0);
	same(&d, &agent);
	return 0;
}
