/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the person sees of a copy; see copy.h.  Progress is for a terminal on standard error
 * alone; errors are always said.  Every call takes the lock: the copying thread reports,
 * the loop draws.
 */
#include <pthread.h>
#include <stdarg.h>
#include <unistd.h>

#include "client/copy/copy.h"
#include "client/terminal/table.h"
#include "client/terminal/terminal.h"

enum {
	STALLED_MS = 5000,
	RATE_MS = 4000, /* how far back the rate looks */
	SHOWN_MS = 200, /* a file that takes less has a line when it is done */
	WORDS_MAX = 12 * 1024,
};

struct copy_show {
	const struct copy_wish *wish;
	struct copy_hooks hooks;
	pthread_mutex_t lock;
	bool progress; /* there is a terminal, and it is wanted */
	bool drawn;    /* a line without its newline is on the screen */
	bool failed;
	/* the file under way; name NULL: none */
	char *name;
	uint64_t size, done;
	uint64_t began_ms, moved_ms;
	/* over all files: bytes, and where their rate is measured from */
	uint64_t moved, mark_ms, mark_moved;
	uint64_t rate;
};

/* --- the line ----------------------------------------------------------------------------- */

static void
clear(struct copy_show *s)
{
	if (s->drawn)
		fputs("\r\033[K", stderr);
	s->drawn = false;
}

static size_t
columns(void)
{
	struct term_size size;

	/* The last column stays free: some terminals wrap when it is written. */
	return terminal_size(&size) && size.cols > 1 ? size.cols - 1u : 79;
}

static void
put_line(const struct copy_progress *p, const char *end)
{
	char line[COPY_LINE_MAX];

	copy_progress_line(line, p, columns());
	fprintf(stderr, "\r%s\033[K%s", line, end);
}

static void
measure(struct copy_show *s, uint64_t now)
{
	uint64_t ms = now - s->mark_ms;

	if (ms > 0 && ms >= 500)
		s->rate = (s->moved - s->mark_moved) * 1000 / ms;
	if (ms >= RATE_MS) {
		s->mark_ms = now - RATE_MS / 2;
		s->mark_moved = s->moved - MIN(s->moved, s->rate * (RATE_MS / 2) / 1000);
	}
}

static void
draw(struct copy_show *s)
{
	uint64_t now = copy_clock_ms();

	if (!s->progress || s->name == NULL)
		return;
	measure(s, now);
	if (now - s->began_ms < SHOWN_MS)
		return;
	put_line(&(struct copy_progress){ .name = s->name,
		     .size = s->size,
		     .done = s->done,
		     .rate = s->rate,
		     .ms = now - s->began_ms,
		     .stalled = s->done < s->size && now - s->moved_ms >= STALLED_MS },
	    "");
	s->drawn = true;
	fflush(stderr);
}

void
copy_show_tick(struct copy_show *s)
{
	pthread_mutex_lock(&s->lock);
	draw(s);
	pthread_mutex_unlock(&s->lock);
}

/* --- words -------------------------------------------------------------------------------- */

static void
say(struct copy_show *s, const char *words)
{
	auto_free char *harmless = xmalloc(strlen(words) + 1);

	table_harmless(harmless, words);
	clear(s);
	cli_say("%s", harmless);
	draw(s);
}

static void
say_va(struct copy_show *s, const char *fmt, va_list ap)
{
	auto_free char *words = xmalloc(WORDS_MAX);

	(void)vsnprintf(words, WORDS_MAX, fmt, ap);
	say(s, words);
}

void
copy_show_error(struct copy_show *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	pthread_mutex_lock(&s->lock);
	s->failed = true;
	say_va(s, fmt, ap);
	pthread_mutex_unlock(&s->lock);
	va_end(ap);
}

void
copy_show_notice(struct copy_show *s, const char *fmt, ...)
{
	va_list ap;

	if (s->wish->quiet)
		return;
	va_start(ap, fmt);
	pthread_mutex_lock(&s->lock);
	say_va(s, fmt, ap);
	pthread_mutex_unlock(&s->lock);
	va_end(ap);
}

bool
copy_show_failed(const struct copy_show *s)
{
	return s->failed;
}

/* --- hooks ---------------------------------------------------------------------------------- */

static void
on_begin(void *arg, const char *path, uint64_t size, uint64_t done)
{
	struct copy_show *s = arg;
	uint64_t now = copy_clock_ms();

	pthread_mutex_lock(&s->lock);
	free(s->name);
	s->name = xstrdup(path);
	s->size = size;
	s->done = done;
	s->began_ms = s->moved_ms = now;
	if (s->moved == 0) /* what went before was no copying */
		s->mark_ms = now;
	pthread_mutex_unlock(&s->lock);
}

static void
on_moved(void *arg, uint64_t bytes)
{
	struct copy_show *s = arg;

	pthread_mutex_lock(&s->lock);
	s->done += bytes;
	s->moved += bytes;
	s->moved_ms = copy_clock_ms();
	pthread_mutex_unlock(&s->lock);
}

static void
say_why(struct copy_show *s, const char *why, bool peer)
{
	copy_show_error(
	    s, "%s%s%s", peer ? s->wish->node_name : "", peer ? ":" : "", why);
}

static void
on_trouble(void *arg, const char *path, const char *why)
{
	say_why(arg, why, path == NULL);
}

static void
put_finished(struct copy_show *s, const struct copy_outcome *o)
{
	uint64_t ms = MAX(copy_clock_ms() - o->started_ms, 1);

	clear(s);
	put_line(&(struct copy_progress){ .name = o->path,
		     .size = o->size,
		     .done = o->size,
		     .rate = (o->size - o->skipped) * 1000 / ms,
		     .ms = ms,
		     .over = true },
	    "\n");
}

static void
on_file(void *arg, const struct copy_outcome *o)
{
	struct copy_show *s = arg;

	if (o->why != NULL)
		say_why(s, o->why, o->peer);
	pthread_mutex_lock(&s->lock);
	if (o->why == NULL && s->progress)
		put_finished(s, o);
	if (s->name != NULL && strcmp(s->name, o->path) == 0) {
		clear(s);
		free(STEAL(s->name));
	}
	draw(s);
	pthread_mutex_unlock(&s->lock);
}

const struct copy_hooks *
copy_show_hooks(struct copy_show *s)
{
	return &s->hooks;
}

/* --- life cycle ------------------------------------------------------------------------------ */

struct copy_show *
copy_show_new(const struct copy_wish *w)
{
	struct copy_show *s = xcalloc(1, sizeof(*s));

	s->wish = w;
	s->progress = !w->quiet && !w->no_progress && isatty(STDERR_FILENO);
	s->hooks = (struct copy_hooks){ on_begin, on_moved, on_file, on_trouble, s };
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

void
copy_show_free(struct copy_show *s)
{
	clear(s);
	free(s->name);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
