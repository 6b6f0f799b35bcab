/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receiver: see copy.h.
 *
 *	        FILE that asks           START
 *	IDLE -------------------> ASKED -------> DATA --END, ABORT--> IDLE
 *	  \______ FILE ________________________^
 *	ASKED, DATA --it cannot be written--> DEAF --FILE, DIR, UP, DONE--> as IDLE
 *
 * Each DIR and FILE gets one RESULT.  DEAF is for what was under way when a RESULT told of
 * a failure.  Whatever does not fit the picture ends the link.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy/partial.h"

enum state { IDLE, ASKED, DATA, DEAF };

struct level {
	int fd; /* -1: it failed; what is in it is passed over */
	char *path;
	bool fresh; /* made by us */
	struct copy_attributes attr;
};

struct receiver {
	struct copy_link *link;
	const struct copy_target *target;
	const char *name; /* of the entry at the top, or NULL */
	struct copy_options o;
	enum state state;
	bool seen; /* an entry at the top */
	size_t depth;
	struct level level[COPY_DEPTH_MAX + 1]; /* 0: the destination */
	struct copy_partial file;
	struct copy_attributes attr; /* of file */
	uint64_t have, skipped, started_ms;
	char *path; /* of file */
};

/* --- words ------------------------------------------------------------------------------------ */

static int
send_result(
    struct receiver *r, enum copy_status status, const uint8_t *digest, const char *words)
{
	struct copy_msg m = { .type = COPY_RESULT, .status = (uint8_t)status };

	if (digest != NULL)
		memcpy(m.digest, digest, sizeof(m.digest));
	m.text = span_sub(span_str(words), 0, COPY_WORDS_MAX);
	return copy_link_send(r->link, &m);
}

static void
tell(struct receiver *r, const char *why, bool peer, const uint8_t *digest)
{
	const struct copy_hooks *h = r->o.hooks;

	if (h->file != NULL)
		h->file(h->arg,
		    &(struct copy_outcome){ .path = r->path,
			.size = r->file.size,
			.skipped = r->skipped,
			.started_ms = r->started_ms,
			.why = why,
			.peer = peer,
			.digest = digest });
}

/* Something beside the results; both ends hear of it. */
static int
trouble(struct receiver *r, const char *path, const char *why)
{
	const struct copy_hooks *h = r->o.hooks;
	auto_free char *words = xasprintf("%s: %s", path, why);

	if (h->trouble != NULL)
		h->trouble(h->arg, path, words);
	return copy_link_say(r->link, COPY_NOTE, words);
}

/* The file comes to nothing; its RESULT. */
static int
fail_file(struct receiver *r, const char *why, enum state next)
{
	auto_free char *words = xasprintf("%s: %s", r->path, why);

	copy_partial_drop(&r->file, false);
	r->state = next;
	tell(r, words, false, NULL);
	return send_result(r, COPY_FAILED, NULL, words);
}

/* --- names -------------------------------------------------------------------------------------- */

/*
 * What the entry is called here: at the top the person's word goes before the peer's.
 * ERR_PROTOCOL: more came than was asked for.
 */
static int
choose_name(struct receiver *r, const struct copy_msg *m, char name[COPY_NAME_MAX + 1])
{
	const char *own = r->target->name != NULL ? r->target->name : r->name;

	if (r->depth > 0 || own == NULL) {
		/* "" is for the top alone */
		if (m->text.n == 0 && r->depth > 0)
			return ERR_PROTOCOL;
		return span_copy(name, COPY_NAME_MAX + 1, m->text);
	}
	if (r->seen)
		return ERR_PROTOCOL;
	return str_copy(name, COPY_NAME_MAX + 1, own);
}

static char *
path_of(const struct receiver *r, const char *name)
{
	const char *dir = r->level[r->depth].path;
	size_t n = strlen(dir);

	if (r->depth == 0 && r->target->name != NULL)
		return xstrdup(r->target->shown);
	if (*name == '\0' || strcmp(dir, ".") == 0)
		return xstrdup(*name == '\0' ? dir : name);
	return xasprintf("%s%s%s", dir, n > 0 && dir[n - 1] == '/' ? "" : "/", name);
}

static void
set_attributes(
    const struct receiver *r, struct copy_attributes *a, const struct copy_msg *m)
{
	a->preserve = (r->o.flags & COPY_PRESERVE) != 0;
	a->mode = a->preserve ? m->mode : m->mode & ~r->o.umask;
	a->times = m->times;
}

/* --- directories ---------------------------------------------------------------------------------- */

/* One that may be written into, and is no link to elsewhere. */
static int
open_dir(int at, const char *name, struct fault *f)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
	    e = errno;
	struct stat st;

	if (fd == -1 && e == EACCES) /* one need not be allowed to list it */
		fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 && e == ENOTDIR &&
	    fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		e = ELOOP;
	if (fd == -1)
		fault_set(f, err_from_errno(e), "%s", copy_words(e));
	return fd;
}

static int
make_dir(struct receiver *r, struct level *l, const char *name, struct fault *f)
{
	int at = r->level[r->depth].fd;

	if (*name == '\0') { /* the contents are for the destination itself */
		l->fd = fcntl(at, F_DUPFD_CLOEXEC, 3);
		return l->fd != -1 ? 0 : fault_set(f, ERR_LIMIT, "%s", copy_words(errno));
	}
	l->fresh = mkdirat(at, name, l->attr.mode | 0700) == 0;
	if (!l->fresh && errno != EEXIST)
		return fault_set(f, err_from_errno(errno), "%s", copy_words(errno));
	l->fd = open_dir(at, name, f);
	return l->fd != -1 ? 0 : f->code;
}

static int
on_dir(struct receiver *r, const struct copy_msg *m)
{
	struct level *l = &r->level[r->depth + 1];
	char name[COPY_NAME_MAX + 1];
	struct fault f = { 0 };
	int e;

	if ((r->o.flags & COPY_RECURSIVE) == 0 || r->depth == COPY_DEPTH_MAX ||
	    choose_name(r, m, name) != 0)
		return ERR_PROTOCOL;
	*l = (struct level){ .fd = -1, .path = path_of(r, name) };
	set_attributes(r, &l->attr, m);
	if (*name == '\0')
		l->attr.preserve = false; /* the destination stays as it is */
	e = r->level[r->depth].fd == -1 ? ERR_AGAIN : make_dir(r, l, name, &f);
	r->seen = true;
	r->depth++;
	if (e == ERR_AGAIN)
		return send_result(r, COPY_SKIPPED, NULL, "");
	if (e != 0) {
		auto_free char *words = xasprintf("%s: %s", l->path, fault_text(&f));

		if (r->o.hooks->trouble != NULL)
			r->o.hooks->trouble(r->o.hooks->arg, l->path, words);
		return send_result(r, COPY_FAILED, NULL, words);
	}
	return send_result(r, COPY_OK, NULL, "");
}

static void
close_level(struct level *l)
{
	if (l->fd != -1)
		close(l->fd);
	free(l->path);
	*l = (struct level){ .fd = -1 };
}

static int
on_up(struct receiver *r)
{
	struct level *l = &r->level[r->depth];
	struct fault f = { 0 };
	int e = 0;

	if (r->depth == 0)
		return ERR_PROTOCOL;
	if (l->fd != -1 && (l->fresh || l->attr.preserve) &&
	    copy_apply(l->fd, &l->attr, &f) != 0)
		e = trouble(r, l->path, fault_text(&f));
	close_level(l);
	r->depth--;
	return e;
}

/* --- files ------------------------------------------------------------------------------------------ */

static int
ask(struct receiver *r)
{
	struct copy_msg have;
	int e;

	if ((e = copy_partial_have(&r->file, r->link, &have)) != 0)
		return e;
	r->have = have.size;
	r->state = ASKED;
	return copy_link_send(r->link, &have);
}

static void
announce(struct receiver *r)
{
	const struct copy_hooks *h = r->o.hooks;

	r->state = DATA;
	if (h->begin != NULL)
		h->begin(h->arg, r->path, r->file.size, r->skipped);
}

static int
on_file(struct receiver *r, const struct copy_msg *m)
{
	bool asks = (m->flags & COPY_ASK) != 0;
	char name[COPY_NAME_MAX + 1];
	struct fault f = { 0 };

	if (choose_name(r, m, name) != 0 || !copy_name_ok(span_str(name)))
		return ERR_PROTOCOL;
	r->seen = true;
	r->state = DEAF;
	if (r->level[r->depth].fd == -1)
		return send_result(r, COPY_SKIPPED, NULL, "");
	free(r->path);
	r->path = path_of(r, name);
	r->skipped = r->have = 0;
	r->started_ms = copy_clock_ms();
	r->file = (struct copy_partial){ .fd = -1, .size = m->size };
	set_attributes(r, &r->attr, m);
	if (r->depth == 0 && r->target->name != NULL && r->target->only_dir)
		return fail_file(r, "no such directory: make it first", DEAF);
	if (copy_partial_begin(
		&r->file, r->level[r->depth].fd, name, m->size, asks, &f) != 0)
		return fail_file(r, fault_text(&f), DEAF);
	if (asks)
		return ask(r);
	announce(r);
	return 0;
}

static int
on_start(struct receiver *r, const struct copy_msg *m)
{
	struct fault f = { 0 };

	if (m->size != 0 && m->size != r->have)
		return ERR_PROTOCOL;
	if (copy_partial_start(&r->file, m->size, &f) != 0)
		return fail_file(r, fault_text(&f), DEAF);
	r->skipped = m->size;
	announce(r);
	return 0;
}

static int
on_data(struct receiver *r, const struct copy_msg *m)
{
	struct fault f = { 0 };

	if (m->text.n > r->file.size - r->file.at)
		return ERR_PROTOCOL;
	if (copy_partial_write(&r->file, m->text, &f) != 0)
		return fail_file(r, fault_text(&f), DEAF);
	if (r->o.hooks->moved != NULL)
		r->o.hooks->moved(r->o.hooks->arg, m->text.n);
	return 0;
}

static int
on_end(struct receiver *r, const struct copy_msg *m)
{
	uint8_t sum[COPY_DIGEST];
	struct fault f = { 0 };

	if (r->file.at != r->file.size)
		return ERR_PROTOCOL;
	copy_partial_digest(&r->file, sum);
	if (memcmp(sum, m->digest, sizeof(sum)) != 0)
		return fail_file(
		    r, "what arrived has another digest: copy it again", IDLE);
	if (copy_partial_finish(&r->file, &r->attr, &f) != 0)
		return fail_file(r, fault_text(&f), IDLE);
	r->state = IDLE;
	tell(r, NULL, false, sum);
	return send_result(r, COPY_OK, sum, "");
}

static int
on_abort(struct receiver *r, const struct copy_msg *m)
{
	auto_free char *words = span_dup(m->text);

	copy_partial_drop(&r->file, true);
	r->state = IDLE;
	tell(r, words, true, NULL);
	return send_result(r, COPY_FAILED, NULL, words);
}

/* --- the conversation --------------------------------------------------------------------------------- */

/* Allowed states of each message; DEAF takes what still comes of a file that has failed. */
static int
on_msg(struct receiver *r, const struct copy_msg *m)
{
	bool between = r->state == IDLE || r->state == DEAF;
	bool of_file = m->type == COPY_START || m->type == COPY_DATA ||
	    m->type == COPY_END || m->type == COPY_ABORT;

	if (r->state == DEAF && of_file)
		return 0;
	switch (m->type) {
	case COPY_DIR:
		r->state = IDLE;
		return between ? on_dir(r, m) : ERR_PROTOCOL;
	case COPY_UP:
		r->state = IDLE;
		return between ? on_up(r) : ERR_PROTOCOL;
	case COPY_FILE:
		return between ? on_file(r, m) : ERR_PROTOCOL;
	case COPY_START:
		return r->state == ASKED ? on_start(r, m) : ERR_PROTOCOL;
	case COPY_DATA:
		return r->state == DATA ? on_data(r, m) : ERR_PROTOCOL;
	case COPY_END:
		return r->state == DATA ? on_end(r, m) : ERR_PROTOCOL;
	case COPY_ABORT:
		return r->state == DATA ? on_abort(r, m) : ERR_PROTOCOL;
	default:
		return ERR_PROTOCOL;
	}
}

/* NOTE may come at any time. */
static int
on_note(struct receiver *r, const struct copy_msg *m)
{
	auto_free char *words = span_dup(m->text);

	if (r->o.hooks->trouble != NULL)
		r->o.hooks->trouble(r->o.hooks->arg, NULL, words);
	return 0;
}

static int
converse(struct receiver *r)
{
	struct copy_msg m;
	int e = 0;

	while (e == 0) {
		if ((e = copy_link_next(r->link, &m)) != 0)
			break;
		if (m.type == COPY_DONE && r->depth == 0 &&
		    (r->state == IDLE || r->state == DEAF))
			return copy_link_flush(r->link);
		e = m.type == COPY_NOTE ? on_note(r, &m) : on_msg(r, &m);
	}
	return e;
}

/* The link is gone in the middle of a file: what has arrived is for the next time. */
static void
interrupted(struct receiver *r)
{
	auto_free char *words = NULL;

	if (r->file.fd == -1)
		return;
	words = xasprintf("%s: interrupted after %llu of %llu bytes", r->path,
	    (unsigned long long)r->file.at, (unsigned long long)r->file.size);
	copy_partial_drop(&r->file, true);
	tell(r, words, false, NULL);
}

int
copy_receive(struct copy_link *k, const struct copy_target *t, const char *name,
    const struct copy_options *o)
{
	struct receiver r = {
		.link = k, .target = t, .name = name, .o = *o, .file = { .fd = -1 }
	};
	int e;

	r.level[0] = (struct level){ .fd = t->dir, .path = t->shown };
	e = converse(&r);
	interrupted(&r);
	while (r.depth > 0)
		close_level(&r.level[r.depth--]);
	free(r.path);
	return e;
}
