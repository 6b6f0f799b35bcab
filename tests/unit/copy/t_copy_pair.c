/* SPDX-License-Identifier: Apache-2.0 */
/* A sender and a receiver, each in its thread, with a socket between them. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "copy/copy.h"
#include "crypto/crypto.h"
#include "unit/check.h"
#include "unit/copy/folder.h"

enum { BIG = COPY_ASK_MIN + 100000 };

/* What the hooks of one end were told. */
struct told {
	struct copy_hooks hooks;
	size_t files, failed, troubles;
	uint64_t skipped, moved;
	char last[400]; /* reason */
};

struct pair {
	const char *from, *to, *name; /* name: as copy_receive() has it */
	uint16_t flags;
	int fd[2];
	struct told sender, receiver;
	int sent;
};

static void
on_moved(void *arg, uint64_t bytes)
{
	((struct told *)arg)->moved += bytes;
}

static void
on_file(void *arg, const struct copy_outcome *o)
{
	struct told *t = arg;

	t->files += o->why == NULL;
	t->failed += o->why != NULL;
	t->skipped += o->skipped;
	if (o->why != NULL)
		snprintf(t->last, sizeof(t->last), "%s", o->why);
}

static void
on_trouble(void *arg, const char *path, const char *why)
{
	struct told *t = arg;

	(void)path;
	t->troubles++;
	snprintf(t->last, sizeof(t->last), "%s", why);
}

static void
listen_to(struct told *t)
{
	*t = (struct told){ .hooks = { NULL, on_moved, on_file, on_trouble, t } };
}

static void *
send_all(void *arg)
{
	struct pair *p = arg;
	struct copy_options o = { .flags = p->flags, .hooks = &p->sender.hooks };
	struct copy_sender *s;
	struct copy_link k;

	copy_link_init(&k, p->fd[0], p->fd[0]);
	s = copy_sender_new(&k, &o);
	p->sent = copy_send(s, p->from);
	if (p->sent == 0)
		p->sent = copy_send_done(s);
	copy_sender_free(s);
	copy_link_fini(&k);
	return NULL;
}

static void
copy(struct pair *p)
{
	struct copy_options o = { .flags = p->flags, .umask = 022 };
	struct copy_target t;
	struct copy_link k;
	pthread_t th;

	listen_to(&p->sender);
	listen_to(&p->receiver);
	o.hooks = &p->receiver.hooks;
	assert_int_equal(copy_target_open(&t, p->to, false, NULL), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p->fd), 0);
	assert_int_equal(pthread_create(&th, NULL, send_all, p), 0);
	copy_link_init(&k, p->fd[1], p->fd[1]);
	assert_int_equal(copy_receive(&k, &t, p->name, &o), 0);
	pthread_join(th, NULL);
	assert_int_equal(p->sent, 0);
	copy_link_fini(&k);
	close(p->fd[0]);
	close(p->fd[1]);
	copy_target_close(&t);
}

static void
one_file(const char *from, const char *to, uint16_t flags, struct pair *p)
{
	*p = (struct pair){ .from = from, .to = to, .flags = flags };
	copy(p);
}

static void
t_files(void **state)
{
	static const size_t sizes[] = { 0, 1, COPY_DATA_MAX - 1, COPY_DATA_MAX,
		COPY_DATA_MAX + 1, COPY_ASK_MIN - 1, COPY_ASK_MIN, BIG };
	struct pair p;
	(void)state;

	folder_up();
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		folder_fill("a", (uint32_t)i, sizes[i]);
		one_file("a", "b", 0, &p);
		assert_true(folder_same("a", "b"));
		assert_int_equal(p.sender.files, 1);
		assert_int_equal(p.receiver.files, 1);
		assert_int_equal(p.sender.moved, sizes[i]);
		assert_int_equal(folder_count("."), 2); /* nothing else stays */
		unlink("b");
	}
	folder_down();
}

static void
t_modes(void **state)
{
	static const struct timespec old[2] = { { 1000000000, 5 }, { 1100000000, 6 } };
	struct stat st;
	struct pair p;
	(void)state;

	folder_up();
	folder_write("a", SPAN("new"));
	assert_int_equal(chmod("a", 04776), 0);
	assert_int_equal(utimensat(AT_FDCWD, "a", old, 0), 0);
	row("a new file: the mode less the umask, never set-user-id, the time of the "
	    "copy");
	one_file("a", "b", 0, &p);
	assert_int_equal(folder_mode("b"), 0754);
	assert_true(stat("b", &st) == 0 && st.st_mtim.tv_sec > 1100000000);
	row("one that is replaced keeps its mode");
	assert_int_equal(chmod("b", 0600), 0);
	one_file("a", "b", 0, &p);
	assert_int_equal(folder_mode("b"), 0600);
	row("preserved: mode and time of the source");
	one_file("a", "b", COPY_PRESERVE, &p);
	assert_int_equal(folder_mode("b"), 0776);
	assert_true(stat("b", &st) == 0 && st.st_mtim.tv_sec == 1100000000 &&
	    st.st_mtim.tv_nsec == 6);
	folder_down();
}

/* What is in a growing file, and what is made of it. */
static void
resumed(const char *what, size_t good, const char *more, uint64_t skipped)
{
	struct pair p;
	size_t n;
	auto_free char *a = folder_read("a", &n);
	auto_buf partial = { .max = 2 * BIG };

	row(what);
	buf_add(&partial, span_of(a, good));
	buf_add_str(&partial, more);
	folder_write(".b.sallyport-partial", buf_span(&partial));
	one_file("a", "b", 0, &p);
	assert_true(folder_same("a", "b"));
	assert_int_equal(p.sender.skipped, skipped);
	assert_int_equal(p.sender.moved, BIG - skipped);
	assert_false(folder_has(".b.sallyport-partial"));
	unlink("b");
}

static void
t_resume(void **state)
{
	struct pair p;
	(void)state;

	folder_up();
	folder_fill("a", 1, BIG);
	resumed("half of it", BIG / 2, "", BIG / 2);
	resumed("nothing of it", 0, "", 0);
	resumed("all but the name", BIG, "", BIG);
	resumed("something else", 1000, "something else", 0);
	resumed("all of it and more", BIG, "and more", BIG);
	row("the file is there already");
	one_file("a", "b", 0, &p);
	one_file("a", "b", 0, &p);
	assert_int_equal(p.sender.skipped, BIG);
	assert_int_equal(p.sender.moved, 0);
	row("another one of the same length");
	folder_fill("b", 2, BIG);
	one_file("a", "b", 0, &p);
	assert_int_equal(p.sender.skipped, 0);
	assert_true(folder_same("a", "b"));
	row("a link where it would grow is not written through");
	folder_write("precious", SPAN("precious"));
	unlink("b");
	assert_int_equal(symlink("precious", ".b.sallyport-partial"), 0);
	one_file("a", "b", 0, &p);
	assert_true(folder_same("a", "b"));
	assert_int_equal(folder_count("."), 3);
	folder_down();
}

/* A tree with all that may be in one. */
static void
make_tree(void)
{
	char name[32];

	assert_int_equal(mkdir("src", 0755) | mkdir("src/d", 0755) |
		mkdir("src/d/empty", 0700) | mkdir("src/\x01\xff odd\n", 0755),
	    0);
	folder_write("src/a", SPAN("a"));
	folder_write("src/\x01\xff odd\n/ -f", SPAN("odd"));
	for (int i = 0; i < 2000; i++) { /* more than may be under way */
		snprintf(name, sizeof(name), "src/d/%d", i);
		folder_write(name, span_of(name, (size_t)i % 32));
	}
	assert_int_equal(symlink("../a", "src/d/link"), 0);
	assert_int_equal(symlink("../d", "src/d/loop"), 0);
	assert_int_equal(symlink("nowhere", "src/d/dangling"), 0);
	assert_int_equal(mkfifo("src/d/fifo", 0600), 0);
}

static void
t_tree(void **state)
{
	struct pair p = { .from = "src", .to = "dst", .flags = COPY_RECURSIVE };
	(void)state;

	folder_up();
	make_tree();
	copy(&p);
	assert_int_equal(p.sender.files, 2003);
	assert_int_equal(p.sender.failed, 0);
	row("a loop, a link to nothing and a pipe are passed over with a word each");
	assert_int_equal(p.sender.troubles, 3);
	assert_int_equal(folder_count("dst/d"), 2002);
	assert_true(folder_same("src/d/1999", "dst/d/1999"));
	assert_true(folder_same("src/\x01\xff odd\n/ -f", "dst/\x01\xff odd\n/ -f"));
	assert_true(folder_same("src/a", "dst/d/link"));
	assert_int_equal(folder_mode("dst/d/empty"), 0700);
	row("once more: into the directory that is there now");
	copy(&p);
	assert_true(folder_same("src/d/1999", "dst/src/d/1999"));
	row("its contents");
	p.from = "src/d/.";
	copy(&p);
	assert_true(folder_same("src/d/1999", "dst/1999"));
	row("without -r it is no file");
	p = (struct pair){ .from = "src", .to = "dst" };
	copy(&p);
	assert_int_equal(p.sender.troubles, 1);
	assert_non_null(strstr(p.sender.last, "src: is a directory: to copy it use -r"));
	folder_down();
}

/* Some fail, the others are copied. */
static void
t_obstacles(void **state)
{
	struct pair p = { .from = "src/.", .to = "dst", .flags = COPY_RECURSIVE };
	(void)state;

	folder_up();
	assert_int_equal(mkdir("src", 0755) | mkdir("src/dir", 0755) |
		mkdir("src/file", 0755) | mkdir("src/out", 0755) | mkdir("dst", 0755) |
		mkdir("dst/name", 0755) | mkdir("beside", 0755),
	    0);
	folder_write("src/dir/x", SPAN("x"));
	folder_write("src/out/x", SPAN("x"));
	folder_write("src/name", SPAN("name"));
	folder_write("src/onto", SPAN("onto"));
	folder_write("dst/file", SPAN("file"));
	folder_write("beside/f", SPAN("f"));
	assert_int_equal(symlink("../beside", "dst/out"), 0);
	assert_int_equal(symlink("../beside/f", "dst/onto"), 0);
	copy(&p);
	row("a directory of that name; a file where a directory should be; a link to "
	    "one");
	assert_int_equal(p.sender.failed, 1);
	assert_int_equal(p.sender.troubles, 2);
	assert_int_equal(p.receiver.troubles, 2);
	assert_true(folder_has("dst/dir/x"));
	assert_int_equal(folder_count("beside"), 1); /* not through the link */
	row("a link gives way to the file");
	assert_true(folder_same("src/onto", "dst/onto"));
	assert_false(folder_same("dst/onto", "beside/f"));
	folder_down();
}

/* While a file is received, another copy of it takes its name away. */
static void
t_two_at_once(void **state)
{
	struct pair first = { .from = "a", .to = "b" };
	int fd;
	(void)state;

	folder_up();
	folder_fill("a", 1, BIG);
	folder_fill(".b.sallyport-partial", 2, 1000);
	fd = open(".b.sallyport-partial", O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0); /* somebody is at work */
	copy(&first);
	assert_true(folder_same("a", "b"));
	row("the other one has still what it had");
	assert_int_equal(lseek(fd, 0, SEEK_END), 1000);
	close(fd);
	folder_down();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_files),
		cmocka_unit_test(t_modes),
		cmocka_unit_test(t_resume),
		cmocka_unit_test(t_tree),
		cmocka_unit_test(t_obstacles),
		cmocka_unit_test(t_two_at_once),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
