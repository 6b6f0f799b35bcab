/* SPDX-License-Identifier: Apache-2.0 */
/* See copy_log.h. */
#include "agent/copy_log.h"

#include "base/log.h"
#include "base/text.h"

int
agent_copy_line_parse(struct agent_copy_line *l, struct span line)
{
	struct span word;

	if (!span_cut(&line, ' ', &word))
		return ERR_INVALID;
	l->ok = span_eq_str(word, "ok");
	if ((!l->ok && !span_eq_str(word, "failed")) || !span_cut(&line, ' ', &word))
		return ERR_INVALID;
	l->to_node = span_eq_str(word, "to-node");
	if ((!l->to_node && !span_eq_str(word, "from-node")) ||
	    !span_cut(&line, ' ', &word))
		return ERR_INVALID;
	l->text = line;
	return num_parse(word, 0, INT64_MAX, &l->bytes);
}

static void
log_one(struct agent_copy_log *g, struct span line)
{
	struct agent_copy_line l;
	const char *direction;

	if (agent_copy_line_parse(&l, line) != 0) {
		log_warn("a word of the copy program is not understood", "session=%s",
		    g->session_id);
		return;
	}
	direction = l.to_node ? "to-node" : "from-node";
	if (l.ok) {
		g->files++;
		g->bytes += (uint64_t)l.bytes;
		log_info("file copied", "session=%s direction=%s bytes=%lld file=%s",
		    g->session_id, direction, (long long)l.bytes, log_qs(l.text));
	} else {
		g->failed++;
		log_info("file not copied", "session=%s direction=%s why=%s",
		    g->session_id, direction, log_qs(l.text));
	}
}

void
agent_copy_log_add(struct agent_copy_log *g, struct span bytes)
{
	for (size_t i = 0; i < bytes.n; i++) {
		if (bytes.p[i] != '\n') {
			if (g->len < sizeof(g->line))
				g->line[g->len++] = (char)bytes.p[i];
			continue;
		}
		log_one(g, span_of(g->line, g->len));
		g->len = 0;
	}
}

void
agent_copy_log_end(const struct agent_copy_log *g)
{
	log_info("copy over", "session=%s files=%llu bytes=%llu failed=%llu",
	    g->session_id, (unsigned long long)g->files, (unsigned long long)g->bytes,
	    (unsigned long long)g->failed);
}
