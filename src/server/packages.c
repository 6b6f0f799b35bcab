/* SPDX-License-Identifier: Apache-2.0 */
/* See packages.h. */
#include "server/packages.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "net/http_server.h"

enum {
	FILE_MAX = 64 * 1024 * 1024,
	FILES_MAX = 100,
	NAME_MAX_LEN = 128,
	SUMS_MAX = FILES_MAX * (2 * SHA256_LEN + NAME_MAX_LEN + 8),
	PIECE = 64 * 1024,
	TURN = 512 * 1024, /* bytes that are digested in one turn of the loop */
};

#define SUMS "SHA256SUMS"

/* A digest, and of what. */
struct digest {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
	uint8_t sum[SHA256_LEN];
};

/* Somebody who waits for SHA256SUMS.  Owner: the list, until answered or aborted. */
struct asker {
	struct list link;
	struct packages *p;
	struct http_req *r;
	int dir;
	char *names[FILES_MAX]; /* in r->mem */
	size_t n, at;
	struct buf text;
};

struct packages {
	struct ev_loop *loop;
	struct list askers; /* the first one's files are being digested */
	struct ev_timer timer;
	int fd;                 /* being digested, -1: none */
	struct sha256_ctx *ctx; /* of fd */
	struct digest now;      /* of fd */
	off_t done;
	struct digest kept[FILES_MAX]; /* ino 0: free */
	size_t next;                   /* overwritten next when all are taken */
};

static void
say(struct http_req *r, int status, const char *text)
{
	http_reply(r, status, "text/plain; charset=utf-8", span_str(text));
}

/* ---- files ---- */

/* Letters, digits and "._+-~", not beginning with a dot. */
static bool
name_ok(struct span s)
{
	static const char alphabet[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-~";

	if (s.n == 0 || s.n > NAME_MAX_LEN || s.p[0] == '.')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (memchr(alphabet, s.p[i], sizeof(alphabet) - 1) == NULL)
			return false;
	}
	return true;
}

/* A regular file of a size that is served; -1 for anything else. */
static int
open_file(int dir, const char *name, struct stat *st)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd >= 0 &&
	    (fstat(fd, st) != 0 || !S_ISREG(st->st_mode) || st->st_size > FILE_MAX)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int
file_read(void *arg, uint8_t *p, size_t n)
{
	int fd = (int)(intptr_t)arg;

	while (n > 0) {
		ssize_t got = read(fd, p, n);

		if (got == -1 && errno == EINTR)
			continue;
		if (got <= 0)
			return ERR_IO; /* it became shorter */
		p += got;
		n -= (size_t)got;
	}
	return 0;
}

static void
file_close(void *arg)
{
	close((int)(intptr_t)arg);
}

static void
serve_file(int dir, struct span name, struct http_req *r)
{
	struct stat st;
	int fd = name_ok(name) ? open_file(dir, arena_str(&r->mem, name), &st) : -1;
	struct http_source source = { file_read, file_close, (void *)(intptr_t)fd };

	if (fd < 0)
		say(r, 404, "There is no such file.\n");
	else
		http_reply_source(
		    r, 200, "application/octet-stream", (uint64_t)st.st_size, &source);
}

/* ---- digests ---- */

static bool
same_file(const struct digest *d, const struct stat *st)
{
	return d->ino == st->st_ino && d->dev == st->st_dev && d->size == st->st_size &&
	    d->mtime.tv_sec == st->st_mtim.tv_sec &&
	    d->mtime.tv_nsec == st->st_mtim.tv_nsec;
}

static const struct digest *
kept_find(const struct packages *p, const struct stat *st)
{
	for (size_t i = 0; i < FILES_MAX; i++) {
		if (same_file(&p->kept[i], st))
			return &p->kept[i];
	}
	return NULL;
}

/* In the place of what the same file was before, if that is known. */
static void
keep(struct packages *p, const struct digest *d)
{
	size_t at = p->next;

	for (size_t i = 0; i < FILES_MAX; i++) {
		if (p->kept[i].ino == d->ino && p->kept[i].dev == d->dev)
			at = i;
	}
	if (at == p->next)
		p->next = (p->next + 1) % FILES_MAX;
	p->kept[at] = *d;
}

static void
add_line(struct asker *a, const struct digest *d)
{
	char hex[2 * SHA256_LEN + 1];

	hex_encode(hex, d->sum, sizeof(d->sum));
	buf_addf(&a->text, "%s  %s\n", hex, a->names[a->at]);
}

static void
stop_file(struct packages *p)
{
	if (p->fd < 0)
		return;
	close(p->fd);
	p->fd = -1;
	sha256_free(p->ctx);
	p->ctx = NULL;
}

/* The digest of the next name is added when it is known, else its file is opened. */
static void
next_file(struct packages *p, struct asker *a)
{
	const struct digest *known = NULL;
	struct stat st;
	int fd = open_file(a->dir, a->names[a->at], &st);

	if (fd >= 0 && (known = kept_find(p, &st)) != NULL) {
		add_line(a, known);
		close(fd);
	}
	if (fd < 0 || known != NULL) {
		a->at++;
		return;
	}
	p->fd = fd;
	p->ctx = sha256_new();
	p->done = 0;
	p->now = (struct digest){ .dev = st.st_dev,
		.ino = st.st_ino,
		.size = st.st_size,
		.mtime = st.st_mtim };
}

/* A share of the open file.  One that changes meanwhile is left out. */
static void
digest_share(struct packages *p, struct asker *a)
{
	uint8_t piece[PIECE];
	struct stat st;
	int err = 0;

	for (size_t turn = 0; turn < TURN && p->done < p->now.size && err == 0;) {
		size_t n = MIN((size_t)(p->now.size - p->done), sizeof(piece));

		if ((err = file_read((void *)(intptr_t)p->fd, piece, n)) == 0)
			sha256_add(p->ctx, span_of(piece, n));
		p->done += (off_t)n;
		turn += n;
	}
	if (err == 0 && p->done < p->now.size)
		return;
	if (err == 0 && fstat(p->fd, &st) == 0 && same_file(&p->now, &st)) {
		sha256_final(STEAL(p->ctx), p->now.sum);
		keep(p, &p->now);
		add_line(a, &p->now);
	}
	stop_file(p);
	a->at++;
}

static void
asker_free(struct asker *a)
{
	list_del(&a->link);
	close(a->dir);
	buf_fini(&a->text);
	free(a);
}

static void
on_turn(void *arg)
{
	struct packages *p = arg;
	struct asker *a = LIST_FIRST(&p->askers, struct asker, link);

	if (p->fd < 0 && a->at < a->n)
		next_file(p, a);
	else if (p->fd >= 0)
		digest_share(p, a);
	if (p->fd < 0 && a->at == a->n) {
		http_reply(a->r, 200, "text/plain; charset=utf-8", buf_span(&a->text));
		asker_free(a);
	}
	if (!list_empty(&p->askers))
		ev_timer_set(p->loop, &p->timer, 0, on_turn, p);
}

static void
on_abort(struct http_req *r)
{
	struct asker *a = r->user;
	struct packages *p = a->p;

	if (a == LIST_FIRST(&p->askers, struct asker, link))
		stop_file(p);
	asker_free(a);
	if (list_empty(&p->askers))
		ev_timer_clear(&p->timer);
}

static int
name_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted names of what may be served. */
static size_t
list_names(struct arena *mem, int dir, char *names[FILES_MAX])
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	size_t n = 0;

	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while (n < FILES_MAX && (e = readdir(d)) != NULL) {
		if (name_ok(span_str(e->d_name)) && strcmp(e->d_name, SUMS) != 0)
			names[n++] = arena_strdup(mem, e->d_name);
	}
	closedir(d);
	qsort(names, n, sizeof(*names), name_cmp);
	return n;
}

/* Takes dir over. */
static void
serve_sums(struct packages *p, int dir, struct http_req *r)
{
	struct asker *a = xcalloc(1, sizeof(*a));

	a->p = p;
	a->r = r;
	a->dir = dir;
	a->n = list_names(&r->mem, dir, a->names);
	buf_init(&a->text, SUMS_MAX);
	list_init(&a->link);
	list_add_tail(&p->askers, &a->link);
	r->user = a;
	r->on_abort = on_abort;
	ev_timer_set(p->loop, &p->timer, 0, on_turn, p);
}

/* ---- all of it ---- */

void
packages_serve(
    struct packages *p, const char *folder, struct span name, struct http_req *r)
{
	int dir =
	    folder[0] != '\0' ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (dir < 0) {
		say(r, 404, "No agent packages are served here (agent_dir).\n");
	} else if (span_eq_str(name, SUMS)) {
		serve_sums(p, dir, r);
	} else {
		serve_file(dir, name, r);
		close(dir);
	}
}

struct packages *
packages_new(struct ev_loop *l)
{
	struct packages *p = xcalloc(1, sizeof(*p));

	p->loop = l;
	p->fd = -1;
	list_init(&p->askers);
	return p;
}

void
packages_free(struct packages *p)
{
	if (p == NULL)
		return;
	assert(list_empty(&p->askers));
	ev_timer_clear(&p->timer);
	stop_file(p);
	free(p);
}
