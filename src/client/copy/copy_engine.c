/* SPDX-License-Identifier: Apache-2.0 */
/* The copying thread; see copy.h.  It talks to the node through a socket to the loop. */
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/copy/copy.h"
#include "crypto/crypto.h"

/* What the node says to PUT and GET.  ERR_DENIED: refused, and said so. */
static int
ask_node(
    struct copy_engine *e, struct copy_link *k, enum copy_type type, const char *path)
{
	auto_free char *words = NULL;
	struct copy_msg m;
	int r;

	if (strlen(path) > COPY_PATH_MAX) {
		copy_show_error(e->show, "%.100s...: the path is too long", path);
		return ERR_DENIED;
	}
	r = copy_link_send(k,
	    &(struct copy_msg){ .type = type,
		.version = COPY_VERSION,
		.flags = e->wish->flags,
		.text = span_str(path) });
	if (r != 0 || (r = copy_link_next(k, &m)) != 0)
		return r;
	if (m.type == COPY_READY)
		return 0;
	if (m.type != COPY_REFUSED)
		return ERR_PROTOCOL;
	words = span_dup(m.text);
	copy_show_error(e->show, "%s:%s", e->wish->node_name, words);
	return ERR_DENIED;
}

static int
upload(struct copy_engine *e, struct copy_link *k, const struct copy_options *o)
{
	struct copy_sender *s;
	int r = ask_node(e, k, COPY_PUT, e->wish->target);

	if (r != 0)
		return r;
	s = copy_sender_new(k, o);
	for (size_t i = 0; i < e->wish->nsources && r == 0; i++)
		r = copy_send(s, e->wish->sources[i]);
	if (r == 0)
		r = copy_send_done(s);
	copy_sender_free(s);
	return r;
}

/* The person's name for it, never the node's. */
static int
download_one(struct copy_engine *e, struct copy_link *k, const struct copy_options *o,
    const char *path)
{
	struct span base = copy_base_name(span_str(path));
	auto_free char *name = span_dup(span_eq(base, SPAN("~")) ? SPAN_NONE : base);
	int r = ask_node(e, k, COPY_GET, path);

	return r != 0 ? r : copy_receive(k, e->target, name, o);
}

static int
download(struct copy_engine *e, struct copy_link *k, const struct copy_options *o)
{
	int r = 0;

	for (size_t i = 0; i < e->wish->nsources && (r == 0 || r == ERR_DENIED); i++)
		r = download_one(e, k, o, e->wish->sources[i]);
	return r;
}

static void *
run(void *arg)
{
	struct copy_engine *e = arg;
	struct copy_options o = { .flags = e->wish->flags,
		.umask = e->umask,
		.hooks = copy_show_hooks(e->show) };
	struct copy_link k;

	copy_link_init(&k, e->fd, e->fd);
	e->err = e->wish->upload ? upload(e, &k, &o) : download(e, &k, &o);
	if (e->err == ERR_DENIED)
		e->err = 0; /* was said */
	copy_link_fini(&k);
	close(e->fd); /* which tells the loop */
	return NULL;
}

int
copy_engine_start(struct copy_engine *e, struct fault *f)
{
	sigset_t all, old;
	int r;

	e->umask = umask(0);
	(void)umask(e->umask);
	sigfillset(&all); /* signals are for the loop */
	pthread_sigmask(SIG_BLOCK, &all, &old);
	r = pthread_create(&e->thread, NULL, run, e);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r == 0 ? 0 : fault_set(f, ERR_LIMIT, "no thread: %s", strerror(r));
}

void
copy_engine_join(struct copy_engine *e)
{
	pthread_join(e->thread, NULL);
}
