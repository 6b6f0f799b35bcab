/* SPDX-License-Identifier: Apache-2.0 */
/* See copy_program.h. */
#include "agent/copy_program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy/copy.h"
#include "crypto/crypto.h"

enum { PIPE_SIZE = 1024 * 1024 }; /* what an unprivileged user may have */

static const char to_node[] = "to-node", from_node[] = "from-node";

struct program {
	struct copy_link link;
	uint32_t umask;
	const char *direction;
	bool sending; /* the client hears of our troubles by NOTE */
	int err;      /* of sending such a one */
};

/* --- the log ------------------------------------------------------------------------------ */

static void
log_line(const char *outcome, const char *direction, uint64_t bytes, const char *text)
{
	auto_free char *flat = xstrdup(text);

	for (char *p = flat; (p = strchr(p, '\n')) != NULL;)
		*p = '?';
	dprintf(STDERR_FILENO, "%s %s %llu %s\n", outcome, direction,
	    (unsigned long long)bytes, flat);
}

static void
log_file(void *arg, const struct copy_outcome *o)
{
	const struct program *p = arg;

	if (o->why == NULL)
		log_line("ok", p->direction, o->size, o->path);
	else
		log_line("failed", p->direction, 0, o->why);
}

/* What the client cannot know otherwise; what it said itself it knows. */
static void
on_trouble(void *arg, const char *why, bool peer)
{
	struct program *p = arg;

	log_line("failed", p->direction, 0, why);
	if (p->sending && !peer && p->err == 0)
		p->err = copy_link_say(&p->link, COPY_NOTE, why);
}

/* --- the two commands ------------------------------------------------------------------------ */

/* "~" and "~/x" are the user's; a shell on the other machine cannot know. */
static char *
path_of(const struct copy_msg *m)
{
	auto_free char *path = span_dup(m->text);
	const char *home = getenv("HOME");

	if (path[0] != '~' || (path[1] != '/' && path[1] != '\0') || home == NULL)
		return STEAL(path);
	return xasprintf("%s%s", home, path + 1);
}

static void
options_of(struct copy_options *o, struct copy_hooks *h, struct program *p,
    const struct copy_msg *m)
{
	*h = (struct copy_hooks){ .file = log_file, .trouble = on_trouble, .arg = p };
	*o = (struct copy_options){ .flags = m->flags, .umask = p->umask, .hooks = h };
}

static int
say_ready(struct program *p)
{
	int r = copy_link_send(
	    &p->link, &(struct copy_msg){ .type = COPY_READY, .version = COPY_VERSION });

	return r != 0 ? r : copy_link_flush(&p->link);
}

static int
put(struct program *p, const struct copy_msg *m)
{
	auto_free char *path = path_of(m);
	struct fault f = { 0 };
	struct copy_target t;
	struct copy_options o;
	struct copy_hooks h;
	int r;

	options_of(&o, &h, p, m);
	p->direction = to_node;
	p->sending = false;
	if (copy_target_open(&t, path, (m->flags & COPY_INTO) != 0, &f) != 0) {
		on_trouble(p, fault_text(&f), false);
		r = copy_link_say(&p->link, COPY_REFUSED, fault_text(&f));
	} else if ((r = say_ready(p)) == 0) {
		r = copy_receive(&p->link, &t, NULL, &o);
	}
	copy_target_close(&t);
	return r;
}

static int
get(struct program *p, const struct copy_msg *m)
{
	auto_free char *path = path_of(m);
	struct copy_sender *s;
	struct copy_options o;
	struct copy_hooks h;
	int r;

	options_of(&o, &h, p, m);
	p->direction = from_node;
	p->sending = true;
	if ((r = say_ready(p)) != 0)
		return r;
	s = copy_sender_new(&p->link, &o);
	if ((r = copy_send(s, *path != '\0' ? path : ".")) == 0 && (r = p->err) == 0)
		r = copy_send_done(s);
	copy_sender_free(s);
	return r;
}

static int
serve(struct program *p)
{
	struct copy_msg m;
	int r;

	while ((r = copy_link_next(&p->link, &m)) == 0) {
		if (m.type != COPY_PUT && m.type != COPY_GET)
			return ERR_PROTOCOL;
		if (m.version != COPY_VERSION)
			r = copy_link_say(&p->link, COPY_REFUSED,
			    "the agent knows another version of the copy protocol: "
			    "install "
			    "the same release on both ends");
		else
			r = m.type == COPY_PUT ? put(p, &m) : get(p, &m);
		if (r != 0)
			break;
	}
	return r;
}

/* --- the program -------------------------------------------------------------------------------- */

/* The user's other processes must not speak in its place, nor it become more than it is. */
static void
settle(struct program *p)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)fcntl(STDIN_FILENO, F_SETPIPE_SZ, PIPE_SIZE);
	(void)fcntl(STDOUT_FILENO, F_SETPIPE_SZ, PIPE_SIZE);
	p->umask = umask(0);
	(void)umask(p->umask);
}

int
agent_copy_main(void)
{
	struct program p = { .direction = "" };
	int r;

	settle(&p);
	crypto_init();
	copy_link_init(&p.link, STDIN_FILENO, STDOUT_FILENO);
	r = serve(&p);
	copy_link_fini(&p.link);
	if (r == ERR_PROTOCOL)
		log_line("failed", *p.direction != '\0' ? p.direction : to_node, 0,
		    "the client broke the contract");
	return r == ERR_CLOSED ? 0 : 1; /* the client says when it is over */
}
