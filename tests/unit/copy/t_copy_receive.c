/* SPDX-License-Identifier: Apache-2.0 */
/* A receiver and a sender that keeps to nothing: what it says is written down here. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "copy/copy.h"
#include "crypto/crypto.h"
#include "unit/check.h"
#include "unit/copy/folder.h"

static struct buf said;

static void
say(const struct copy_msg *m)
{
	copy_encode(&said, m);
}

static void
say_dir(const char *name)
{
	say(&(struct copy_msg){ .type = COPY_DIR, .mode = 0755, .text = span_str(name) });
}

static void
say_file(const char *name, uint64_t size, uint16_t flags)
{
	say(&(struct copy_msg){ .type = COPY_FILE,
	    .mode = 0644,
	    .size = size,
	    .flags = flags,
	    .text = span_str(name) });
}

static void
say_type(enum copy_type type)
{
	say(&(struct copy_msg){ .type = type });
}

static void
say_data(const char *text)
{
	say(&(struct copy_msg){ .type = COPY_DATA, .text = span_str(text) });
}

static void
say_end(const char *of)
{
	struct copy_msg m = { .type = COPY_END };

	sha256(m.digest, span_str(of));
	say(&m);
}

/* A name that copy_encode() would not write: an honest one of that length, changed. */
static void
say_bad_file(const char *name)
{
	static const char honest[] = "????????????????";
	size_t n = strlen(name);

	say_file(honest + sizeof(honest) - 1 - n, 0, 0);
	memcpy(said.p + said.len - n, name, n);
}

static size_t troubles, failed;
static char why[400];

static void
on_file(void *arg, const struct copy_outcome *o)
{
	(void)arg;
	failed += o->why != NULL;
	if (o->why != NULL)
		snprintf(why, sizeof(why), "%s", o->why);
}

static void
on_trouble(void *arg, const char *path, const char *text)
{
	(void)arg, (void)path, (void)text;
	troubles++;
}

/* Lets it hear all that was said; flags and name as copy_receive() has them. */
static int
hear(uint16_t flags, const char *name)
{
	static const struct copy_hooks hooks = { NULL, NULL, on_file, on_trouble, NULL };
	struct copy_options o = { .flags = flags, .umask = 022, .hooks = &hooks };
	int in = memfd_create("in", MFD_CLOEXEC), out = open("/dev/null", O_WRONLY), r;
	struct copy_target t;
	struct copy_link k;

	assert_int_equal(buf_check(&said), 0);
	assert_int_equal(write(in, said.p, said.len), said.len);
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	buf_reset(&said);
	troubles = failed = 0;
	why[0] = '\0';
	assert_int_equal(copy_target_open(&t, "dst", false, NULL), 0);
	copy_link_init(&k, in, out);
	r = copy_receive(&k, &t, name, &o);
	copy_link_fini(&k);
	copy_target_close(&t);
	close(in);
	close(out);
	return r;
}

static void
up(void)
{
	folder_up();
	buf_init(&said, 1 << 20);
	assert_int_equal(mkdir("dst", 0755), 0);
}

static void
down(void)
{
	buf_fini(&said);
	folder_down();
}

static void
t_names(void **state)
{
	static const char *const bad[] = { "../x", "/tmp/x", "..", ".", "a/b" };
	(void)state;

	up();
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		row(bad[i]);
		say_bad_file(bad[i]);
		say_end("");
		assert_int_equal(hear(0, NULL), ERR_PROTOCOL);
		assert_int_equal(folder_count("dst"), 0);
		assert_int_equal(folder_count("."), 1);
	}
	row("what the person asked for is called what the person calls it");
	say_file("theirs", 1, 0);
	say_data("x");
	say_end("x");
	say_type(COPY_DONE);
	assert_int_equal(hear(0, "ours"), 0);
	assert_true(folder_has("dst/ours"));
	assert_int_equal(folder_count("dst"), 1);
	row("and nothing comes beside it");
	say_file("theirs", 0, 0);
	say_end("");
	say_file(".bashrc", 0, 0);
	say_end("");
	assert_int_equal(hear(0, "ours"), ERR_PROTOCOL);
	assert_int_equal(folder_count("dst"), 1);
	row("a directory where a file was asked for");
	say_dir("d");
	assert_int_equal(hear(0, "ours"), ERR_PROTOCOL);
	row("a file where contents were asked for");
	say_file("f", 0, 0);
	assert_int_equal(hear(COPY_RECURSIVE, ""), ERR_PROTOCOL);
	assert_int_equal(folder_count("dst"), 1);
	down();
}

static void
t_order(void **state)
{
	(void)state;

	up();
	row("data without a file");
	say_data("x");
	assert_int_equal(hear(0, NULL), ERR_PROTOCOL);
	row("START that nobody asked for");
	say_file("f", 1, 0);
	say(&(struct copy_msg){ .type = COPY_START, .size = 0 });
	assert_int_equal(hear(0, NULL), ERR_PROTOCOL);
	row("START behind what is there");
	say_file("f", 100, COPY_ASK);
	say(&(struct copy_msg){ .type = COPY_START, .size = 7 });
	assert_int_equal(hear(0, NULL), ERR_PROTOCOL);
	row("more than was announced");
	say_file("f", 2, 0);
	say_data("abc");
	assert_int_equal(hear(0, NULL), ERR_PROTOCOL);
	row("the end too early");
	say_file("f", 2, 0);
	say_data("a");
	say_end("a");
	assert_int_equal(hear(0, NULL), ERR_PROTOCOL);
	row("a file inside a file");
	say_file("f", 2, 0);
	say_file("g", 2, 0);
	assert_int_equal(hear(0, NULL), ERR_PROTOCOL);
	row("up from the top");
	say_type(COPY_UP);
	assert_int_equal(hear(COPY_RECURSIVE, NULL), ERR_PROTOCOL);
	row("done inside a directory");
	say_dir("d");
	say_type(COPY_DONE);
	assert_int_equal(hear(COPY_RECURSIVE, NULL), ERR_PROTOCOL);
	row("contents of the destination inside a directory");
	say_dir("d");
	say_dir("");
	assert_int_equal(hear(COPY_RECURSIVE, NULL), ERR_PROTOCOL);
	row("a command in the middle");
	say(&(struct copy_msg){ .type = COPY_GET, .version = 1, .text = SPAN("/") });
	assert_int_equal(hear(0, NULL), ERR_PROTOCOL);
	row("too deep");
	for (int i = 0; i <= COPY_DEPTH_MAX; i++)
		say_dir("d");
	assert_int_equal(hear(COPY_RECURSIVE, NULL), ERR_PROTOCOL);
	assert_false(folder_has("dst/f"));
	down();
}

static void
t_digest(void **state)
{
	(void)state;

	up();
	folder_write("dst/f", SPAN("as it was"));
	say_file("f", 3, 0);
	say_data("abc");
	say_end("abd");
	say_type(COPY_DONE);
	assert_int_equal(hear(0, NULL), 0);
	assert_int_equal(failed, 1);
	assert_string_equal(why, "dst/f: what arrived has another digest: copy it again");
	row("what was there is as it was, and nothing stays beside it");
	size_t n;
	auto_free char *text = folder_read("dst/f", &n);
	assert_string_equal(text, "as it was");
	assert_int_equal(folder_count("dst"), 1);
	down();
}

static void
t_cut(void **state)
{
	(void)state;

	up();
	row("a small file leaves nothing");
	say_file("f", 3, 0);
	say_data("ab");
	assert_int_equal(hear(0, NULL), ERR_CLOSED);
	assert_int_equal(folder_count("dst"), 0);
	row("of a large one stays what has come, for nobody else to read");
	say_file("f", 300, COPY_ASK);
	say(&(struct copy_msg){ .type = COPY_START, .size = 0 });
	say_data("ab");
	assert_int_equal(hear(0, NULL), ERR_CLOSED);
	assert_int_equal(folder_mode("dst/.f.sallyport-partial"), 0600);
	assert_string_equal(why, "dst/f: interrupted after 2 of 300 bytes");
	row("also when the sender cannot read on");
	say_file("f", 300, COPY_ASK);
	say(&(struct copy_msg){ .type = COPY_START, .size = 2 });
	say_data("cd");
	say(&(struct copy_msg){ .type = COPY_ABORT, .text = SPAN("f: gone") });
	say_type(COPY_DONE);
	assert_int_equal(hear(0, NULL), 0);
	assert_string_equal(why, "f: gone");
	size_t n;
	auto_free char *text = folder_read("dst/.f.sallyport-partial", &n);
	assert_string_equal(text, "abcd");
	down();
}

/* What is not a file is never replaced by one. */
static void
t_special(void **state)
{
	(void)state;

	up();
	assert_int_equal(mkfifo("dst/f", 0600), 0);
	say_file("f", 0, 0);
	say_end("");
	say_type(COPY_DONE);
	assert_int_equal(hear(0, NULL), 0);
	assert_int_equal(failed, 1);
	assert_string_equal(why, "dst/f: not a regular file: it is not replaced");
	row("what follows of a file that has failed is passed over");
	say_file("f", 3, 0);
	say_data("abc");
	say_end("abc");
	say_file("g", 1, 0);
	say_data("g");
	say_end("g");
	say_type(COPY_DONE);
	assert_int_equal(hear(0, NULL), 0);
	assert_int_equal(failed, 1);
	assert_true(folder_has("dst/g"));
	down();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_names),
		cmocka_unit_test(t_order),
		cmocka_unit_test(t_digest),
		cmocka_unit_test(t_cut),
		cmocka_unit_test(t_special),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
