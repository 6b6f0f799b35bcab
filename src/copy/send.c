/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sender: one file, and the results that come back.  See copy.h; directories are in
 * walk.c.
 *
 *	FILE --> [HAVE --> START] --> DATA... --> END ..... RESULT
 *	              \____________ RESULT (failed) may come at any time
 *
 * Results come in the order of what was sent, and are not waited for before the next file:
 * many small files take no round trip each.
 */
#include <errno.h>
#include <unistd.h>

#include "copy/send_int.h"
#include "crypto/crypto.h"

void
copy_sender_trouble(struct copy_sender *s, const char *path, const char *why)
{
	auto_free char *text = xasprintf("%s: %s", path, why);

	if (s->o.hooks->trouble != NULL)
		s->o.hooks->trouble(s->o.hooks->arg, path, text);
}

/* --- results ---------------------------------------------------------------------------- */

static void
pending_free(struct copy_sender *s, struct copy_pending *p)
{
	list_del(&p->link);
	s->npending--;
	free(p->path);
	free(p->why);
	free(p);
}

/* The receiver could not make this directory. */
static void
dir_failed(struct copy_sender *s, const struct copy_pending *p, const char *why)
{
	for (struct copy_level *l = s->level; l != NULL; l = l->up)
		if (l->id == p->dir)
			l->failed = true;
	if (s->o.hooks->trouble != NULL)
		s->o.hooks->trouble(s->o.hooks->arg, NULL, why);
}

static void
file_done(struct copy_sender *s, const struct copy_pending *p, const char *why, bool peer)
{
	if (s->o.hooks->file == NULL)
		return;
	s->o.hooks->file(s->o.hooks->arg,
	    &(struct copy_outcome){ .path = p->path,
		.size = p->size,
		.skipped = p->skipped,
		.started_ms = p->started_ms,
		.why = why,
		.peer = peer,
		.digest = why == NULL ? p->digest : NULL });
}

static int
on_result(struct copy_sender *s, const struct copy_msg *m)
{
	struct copy_pending *p = LIST_FIRST(&s->pending, struct copy_pending, link);
	auto_free char *words = span_dup(m->text);

	if (p == NULL || (m->status == COPY_OK && p->dir == 0 && !p->sent))
		return ERR_PROTOCOL;
	if (p == s->current)
		s->current = NULL;
	if (p->dir != 0 && m->status == COPY_FAILED) {
		dir_failed(s, p, words);
	} else if (p->dir == 0 && p->why != NULL) {
		file_done(s, p, p->why, false);
	} else if (p->dir == 0 && m->status == COPY_FAILED) {
		file_done(s, p, words, true);
	} else if (p->dir == 0 && m->status == COPY_OK) {
		auto_free char *other = xasprintf(
		    "%s: the other end has another digest: copy it again", p->path);
		bool same = memcmp(p->digest, m->digest, COPY_DIGEST) == 0;

		file_done(s, p, same ? NULL : other, false);
	}
	pending_free(s, p);
	return 0;
}

static int
on_msg(void *arg, const struct copy_msg *m)
{
	struct copy_sender *s = arg;
	auto_free char *words = NULL;

	switch (m->type) {
	case COPY_RESULT:
		return on_result(s, m);
	case COPY_HAVE:
		if (!s->asked)
			return ERR_PROTOCOL;
		s->asked = false;
		s->have = *m;
		return 0;
	case COPY_NOTE:
		words = span_dup(m->text);
		if (s->o.hooks->trouble != NULL)
			s->o.hooks->trouble(s->o.hooks->arg, NULL, words);
		return 0;
	default:
		return ERR_PROTOCOL;
	}
}

/* Waits for the next message. */
static int
hear(struct copy_sender *s)
{
	struct copy_msg m;
	int r = copy_link_next(s->link, &m);

	return r != 0 ? r : on_msg(s, &m);
}

int
copy_sender_push(struct copy_sender *s, char *path, struct copy_pending **out)
{
	struct copy_pending *p = xcalloc(1, sizeof(*p));
	int r = 0;

	p->path = path;
	p->started_ms = copy_clock_ms();
	list_init(&p->link);
	list_add_tail(&s->pending, &p->link);
	s->npending++;
	*out = p;
	while (r == 0 && s->npending > COPY_PENDING_MAX)
		r = hear(s);
	return r;
}

/* --- a file ------------------------------------------------------------------------------- */

struct sending {
	int fd;
	uint64_t size, at;
	struct sha256_ctx *sum;
	const char *why; /* it cannot be read any further */
};

/* Up to max bytes of the file into chunk, hashed.  0 bytes: see why. */
static size_t
read_chunk(struct copy_sender *s, struct sending *f, uint64_t left)
{
	size_t want = left < COPY_DATA_MAX ? (size_t)left : COPY_DATA_MAX;
	ssize_t n;

	do
		n = pread(f->fd, s->chunk + COPY_HEAD, want, (off_t)f->at);
	while (n == -1 && errno == EINTR);
	if (n <= 0) {
		f->why = n == 0 ? "it became shorter while it was copied: copy it again"
				: copy_words(errno);
		return 0;
	}
	sha256_add(f->sum, span_of(s->chunk + COPY_HEAD, (size_t)n));
	f->at += (size_t)n;
	return (size_t)n;
}

/* Is what the receiver has the beginning of our file?  *same answers. */
static int
compare_beginning(struct copy_sender *s, struct sending *f, bool *same)
{
	uint8_t sum[SHA256_LEN];
	int r;

	*same = false;
	if (s->have.size == 0 || s->have.size > f->size)
		return 0;
	while (f->at < s->have.size) {
		if (read_chunk(s, f, s->have.size - f->at) == 0)
			return 0;
		if ((r = copy_link_alive(s->link)) != 0)
			return r;
	}
	sha256_now(f->sum, sum);
	*same = memcmp(sum, s->have.digest, sizeof(sum)) == 0;
	return 0;
}

/* Asks what is there already.  Leaves f where the data begins. */
static int
skip_beginning(struct copy_sender *s, struct sending *f)
{
	bool same;
	int r = 0;

	s->asked = true;
	while (r == 0 && s->asked && s->current != NULL)
		r = hear(s);
	s->asked = false;
	if (r != 0 || s->current == NULL)
		return r;
	if ((r = compare_beginning(s, f, &same)) != 0)
		return r;
	if (!same) {
		sha256_free(f->sum);
		f->sum = sha256_new();
		f->at = 0;
		f->why = NULL; /* reading it again tells */
	}
	s->current->skipped = f->at;
	return copy_link_send(
	    s->link, &(struct copy_msg){ .type = COPY_START, .size = f->at });
}

static int
send_data(struct copy_sender *s, struct sending *f)
{
	const struct copy_hooks *h = s->o.hooks;
	int r = 0;

	if (h->begin != NULL)
		h->begin(h->arg, s->current->path, f->size, f->at);
	while (r == 0 && s->current != NULL && f->at < f->size) {
		size_t n = read_chunk(s, f, f->size - f->at);

		if (n == 0)
			break;
		r = copy_link_send_data(s->link, s->chunk + COPY_HEAD, n);
		if (h->moved != NULL)
			h->moved(h->arg, n);
	}
	return r;
}

static int
send_end(struct copy_sender *s, struct sending *f)
{
	struct copy_msg m = { .type = COPY_END };
	struct copy_pending *p = s->current;

	if (p == NULL)
		return 0; /* refused; nobody waits for the end of it */
	p->sent = true;
	s->current = NULL;
	if (f->why != NULL) {
		p->why = xasprintf("%s: %s", p->path, f->why);
		return copy_link_say(s->link, COPY_ABORT, p->why);
	}
	sha256_now(f->sum, p->digest);
	memcpy(m.digest, p->digest, sizeof(m.digest));
	return copy_link_send(s->link, &m);
}

struct copy_times
copy_times_of(const struct stat *st)
{
	return (struct copy_times){ .mtime_s = st->st_mtim.tv_sec,
		.mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
		.atime_s = st->st_atim.tv_sec,
		.atime_ns = (uint32_t)st->st_atim.tv_nsec };
}

int
copy_send_file(struct copy_sender *s, int fd, const struct stat *st, const char *path,
    const char *wire_name)
{
	struct sending f = { .fd = fd, .size = (uint64_t)st->st_size };
	bool ask = f.size >= COPY_ASK_MIN;
	struct copy_pending *p;
	int r;

	if ((r = copy_sender_push(s, xstrdup(path), &p)) != 0)
		return r;
	p->size = f.size;
	s->current = p;
	f.sum = sha256_new();
	r = copy_link_send(s->link,
	    &(struct copy_msg){ .type = COPY_FILE,
		.flags = ask ? COPY_ASK : 0,
		.mode = st->st_mode & 0777,
		.times = copy_times_of(st),
		.size = f.size,
		.text = span_str(wire_name) });
	if (r == 0 && ask)
		r = skip_beginning(s, &f);
	if (r == 0 && s->current != NULL)
		r = send_data(s, &f);
	if (r == 0)
		r = send_end(s, &f);
	s->current = NULL;
	sha256_free(f.sum);
	return r;
}

/* --- life cycle ---------------------------------------------------------------------------- */

struct copy_sender *
copy_sender_new(struct copy_link *k, const struct copy_options *o)
{
	struct copy_sender *s = xcalloc(1, sizeof(*s));

	s->link = k;
	s->o = *o;
	s->chunk = xmalloc(COPY_HEAD + COPY_DATA_MAX);
	list_init(&s->pending);
	k->on_msg = on_msg;
	k->arg = s;
	return s;
}

void
copy_sender_free(struct copy_sender *s)
{
	if (s == NULL)
		return;
	s->link->on_msg = NULL;
	LIST_EACH(p, &s->pending, struct copy_pending, link)
	pending_free(s, p);
	free(s->chunk);
	free(s);
}

int
copy_send_done(struct copy_sender *s)
{
	int r = copy_link_send(s->link, &(struct copy_msg){ .type = COPY_DONE });

	while (r == 0 && s->npending > 0)
		r = hear(s);
	return r != 0 ? r : copy_link_flush(s->link);
}
