/* SPDX-License-Identifier: Apache-2.0 */
/* See copy_log.h. */
#include "agent/copy_log.h"

#include "base/log.h"
#include "base/text.h"

/* Data of it has moved, or is about to. */
struct copy_begun {
	struct list link;
	bool to_node;
	char path[];
};

/* --- lines ------------------------------------------------------------------------------ */

static const char *
unescape(struct arena *mem, struct span s)
{
	char *text = arena_str(mem, s), *to = text;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '\\' && p[1] != '\0')
			*to++ = *++p == 'n' ? '\n' : *p;
		else
			*to++ = *p;
	}
	*to = '\0';
	return text;
}

static int
parse_step(enum agent_copy_step *step, struct span word)
{
	static const char *const names[] = {
		[COPY_STEP_BEGUN] = "begun",
		[COPY_STEP_OK] = "ok",
		[COPY_STEP_FAILED] = "failed",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (span_eq_str(word, names[i])) {
			*step = (enum agent_copy_step)i;
			return 0;
		}
	}
	return ERR_INVALID;
}

int
agent_copy_line_parse(struct agent_copy_line *l, struct arena *mem, struct span line)
{
	struct span step, direction, bytes, digest, path;
	int r;

	*l = (struct agent_copy_line){ 0 };
	if (!span_cut(&line, ' ', &step) || !span_cut(&line, ' ', &direction) ||
	    !span_cut(&line, ' ', &bytes) || !span_cut(&line, ' ', &digest))
		return ERR_INVALID;
	l->to_node = span_eq_str(direction, "to-node");
	if (!l->to_node && !span_eq_str(direction, "from-node"))
		return ERR_INVALID;
	if ((r = parse_step(&l->step, step)) != 0 ||
	    (r = num_parse(bytes, 0, INT64_MAX, &l->bytes)) != 0)
		return r;
	if (!span_cut(&line, '\0', &path))
		path = SPAN_NONE;
	l->digest = span_eq_str(digest, "-") ? "" : arena_str(mem, digest);
	l->path = unescape(mem, path);
	l->why = unescape(mem, line);
	return 0;
}

/* --- files under way -------------------------------------------------------------------- */

static void
begun_free(struct agent_copy_log *g, struct copy_begun *b)
{
	list_del(&b->link);
	g->nbegun--;
	free(b);
}

static void
begin(struct agent_copy_log *g, const struct agent_copy_line *l)
{
	size_t n = strlen(l->path) + 1;
	struct copy_begun *b;

	if (g->nbegun == COPY_LOG_BEGUN_MAX) { /* no program of ours */
		log_warn("too many files under way", "session=%s", g->session_id);
		return;
	}
	b = xmalloc(sizeof(*b) + n);
	*b = (struct copy_begun){ .to_node = l->to_node };
	memcpy(b->path, l->path, n);
	list_init(&b->link);
	list_add_tail(&g->begun, &b->link);
	g->nbegun++;
}

/* Outcomes come in the order of beginnings: it is one of the first. */
static void
outcome_of(struct agent_copy_log *g, const struct agent_copy_line *l)
{
	LIST_EACH(b, &g->begun, struct copy_begun, link)
	{
		if (b->to_node == l->to_node && strcmp(b->path, l->path) == 0) {
			begun_free(g, b);
			return;
		}
	}
}

/* --- telling ---------------------------------------------------------------------------- */

static const char *
direction_of(bool to_node)
{
	return to_node ? "to-node" : "from-node";
}

static void
report(struct agent_copy_log *g, const struct agent_copy_line *l, const char *error)
{
	if (g->report != NULL)
		g->report(g->arg,
		    &(struct own_event){
			.kind = OWN_EVENT_FILE,
			.path = l->path,
			.to_node = l->to_node,
			.bytes = l->bytes,
			.sha256 = l->digest,
			.error = error,
			.message = l->why,
		    });
}

static void
copied(struct agent_copy_log *g, const struct agent_copy_line *l)
{
	g->files++;
	g->bytes += (uint64_t)l->bytes;
	log_info("file copied", "session=%s direction=%s bytes=%lld file=%s",
	    g->session_id, direction_of(l->to_node), (long long)l->bytes, log_q(l->path));
	outcome_of(g, l);
	report(g, l, "");
}

static void
failed(struct agent_copy_log *g, const struct agent_copy_line *l, const char *error)
{
	g->failed++;
	log_info("file not copied", "session=%s direction=%s why=%s", g->session_id,
	    direction_of(l->to_node), log_q(l->why));
	outcome_of(g, l);
	if (*l->path != '\0')
		report(g, l, error);
}

static void
take_line(struct agent_copy_log *g, struct span line)
{
	auto_arena mem = { 0 };
	struct agent_copy_line l;

	if (agent_copy_line_parse(&l, &mem, line) != 0)
		log_warn("a word of the copy program is not understood", "session=%s",
		    g->session_id);
	else if (l.step == COPY_STEP_BEGUN)
		begin(g, &l);
	else if (l.step == COPY_STEP_OK)
		copied(g, &l);
	else
		failed(g, &l, "CopyFailed");
	g->to_node = l.to_node;
}

void
agent_copy_log_add(struct agent_copy_log *g, struct span bytes)
{
	struct span line;
	ptrdiff_t end;

	while ((end = span_find(bytes, '\n')) >= 0) {
		line = span_sub(bytes, 0, (size_t)end);
		buf_add(&g->line, span_sub(line, 0, g->line.max - g->line.len));
		take_line(g, buf_span(&g->line));
		buf_reset(&g->line);
		bytes = span_sub(bytes, (size_t)end + 1, bytes.n);
	}
	buf_add(&g->line, span_sub(bytes, 0, g->line.max - g->line.len));
}

void
agent_copy_log_end(struct agent_copy_log *g)
{
	LIST_EACH(b, &g->begun, struct copy_begun, link)
	{
		auto_free char *path = xstrdup(b->path);

		failed(g,
		    &(struct agent_copy_line){
			.to_node = b->to_node,
			.digest = "",
			.path = path,
			.why = "the session ended before its outcome was known",
		    },
		    "CopyInterrupted");
	}
	log_info("copy over", "session=%s files=%llu bytes=%llu failed=%llu",
	    g->session_id, (unsigned long long)g->files, (unsigned long long)g->bytes,
	    (unsigned long long)g->failed);
}

void
agent_copy_log_init(struct agent_copy_log *g, const char *session_id,
    void (*to)(void *arg, const struct own_event *e), void *arg)
{
	*g = (struct agent_copy_log){ .session_id = session_id, .report = to, .arg = arg };
	list_init(&g->begun);
	buf_init(&g->line, COPY_LINE_MAX);
}

void
agent_copy_log_fini(struct agent_copy_log *g)
{
	LIST_EACH(b, &g->begun, struct copy_begun, link)
	begun_free(g, b);
	buf_fini(&g->line);
}
