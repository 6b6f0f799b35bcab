/* SPDX-License-Identifier: Apache-2.0 */
/* See copy_program.h. */
#include "agent/copy_program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/copy_log.h"
#include "base/text.h"
#include "copy/copy.h"
#include "crypto/crypto.h"

enum {
	PIPE_SIZE = 1024 * 1024, /* what an unprivileged user may have */
	LINES_SEND = 32 * 1024,  /* lines leave together */
};

static const char to_node[] = "to-node", from_node[] = "from-node";

struct program {
	struct copy_link link;
	uint32_t umask;
	const char *direction;
	bool sending; /* the client hears of our troubles by NOTE */
	int err;      /* of sending such a one */
	struct buf lines; /* for standard error: they leave before what is said behind them */
};

/* --- the log ------------------------------------------------------------------------------ */

static void
add_text(struct buf *line, const char *text)
{
	for (; text != NULL && *text != '\0'; text++) {
		if (*text == '\n' || *text == '\\')
			buf_add_u8(line, '\\');
		buf_add_u8(line, *text == '\n' ? 'n' : (uint8_t)*text);
	}
}

static void
write_lines(void *arg)
{
	struct program *p = arg;
	struct span s = buf_span(&p->lines);

	while (s.n > 0) {
		ssize_t n = write(STDERR_FILENO, s.p, s.n);

		if (n == -1 && errno != EINTR)
			break; /* nobody listens any more */
		s = span_sub(s, n > 0 ? (size_t)n : 0, s.n);
	}
	buf_reset(&p->lines);
}

static void
log_line(struct program *p, const char *outcome, const struct copy_outcome *o)
{
	struct buf *line = &p->lines;
	char digest[2 * SHA256_LEN + 1] = "-";

	if (o->digest != NULL)
		hex_encode(digest, o->digest, SHA256_LEN);
	buf_addf(line, "%s %s %llu %s ", outcome, p->direction,
	    (unsigned long long)o->size, digest);
	add_text(line, o->path);
	buf_add_u8(line, '\0');
	add_text(line, o->why);
	buf_add_u8(line, '\n');
	assert(buf_check(line) == 0); /* COPY_WORDS_MAX bounds what the client says */
	if (line->len >= LINES_SEND)
		write_lines(p);
}

static void
log_begun(void *arg, const char *path, uint64_t size, uint64_t done)
{
	(void)done;
	log_line(arg, "begun", &(struct copy_outcome){ .path = path, .size = size });
}

static void
log_file(void *arg, const struct copy_outcome *o)
{
	log_line(arg, o->why == NULL ? "ok" : "failed", o);
}

/* path NULL: not of a file here. */
static void
log_trouble(struct program *p, const char *path, const char *why)
{
	log_line(p, "failed", &(struct copy_outcome){ .path = path, .why = why });
}

/* What the client cannot know otherwise; what it said itself it knows. */
static void
on_trouble(void *arg, const char *path, const char *why)
{
	struct program *p = arg;

	log_trouble(p, path, why);
	if (p->sending && path != NULL && p->err == 0)
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
	*h = (struct copy_hooks){
		.begin = log_begun, .file = log_file, .trouble = on_trouble, .arg = p
	};
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
		on_trouble(p, path, fault_text(&f));
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
	struct program p = { .direction = to_node };
	int r;

	settle(&p);
	crypto_init();
	copy_link_init(&p.link, STDIN_FILENO, STDOUT_FILENO);
	p.link.before = write_lines;
	p.link.before_arg = &p;
	buf_init(&p.lines, LINES_SEND + COPY_LINE_MAX);
	r = serve(&p);
	copy_link_fini(&p.link);
	if (r == ERR_PROTOCOL)
		log_trouble(&p, NULL, "the client broke the contract");
	write_lines(&p);
	buf_fini(&p.lines);
	return r == ERR_CLOSED ? 0 : 1; /* the client says when it is over */
}
