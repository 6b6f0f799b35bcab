/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times a terminal program from its user's chair: it runs on a terminal of its own, and a
 * clock stands between keyboard and screen.
 *
 *	load_echo echo COUNT COMMAND... [-- COMMAND...]   types into the shells they open
 *	load_echo start TEXT COMMAND...   until TEXT (the prompt) is on the screen
 *	load_echo prompt COMMAND...       shows what a shell prints before it waits
 *	load_echo pipe BYTES COMMAND...   until so many bytes of output have come
 *
 * "echo" starts a raw echo (cat) in each shell and prints a line "p50_us p99_us" for each,
 * over COUNT keys, each typed when the one before has come back and a moment has passed,
 * a line of them in each shell in turn.
 * "start" and "pipe" print microseconds.  Everything ends after LIMIT_S seconds at the latest.
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/text.h"

enum {
	LIMIT_S = 60,
	QUIET_MS = 400, /* a shell that says nothing for so long waits for a command */
	PAUSE_US = 3000,
	WARM_UP = 50, /* keys that do not count */
	LINE = 40,    /* keys in a row */
	SCREEN_MAX = 1 << 16,
	SCREENS_MAX = 4,
};

struct screen {
	int fd;
	pid_t pid;
	uint8_t text[SCREEN_MAX]; /* the last that was shown */
	size_t n;
};

static void
die(const char *what)
{
	fprintf(stderr, "load_echo: %s\n", what);
	exit(1);
}

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void
open_screen(struct screen *s, char **argv)
{
	struct winsize w = { .ws_row = 24, .ws_col = 80 };

	s->n = 0;
	s->pid = forkpty(&s->fd, NULL, NULL, &w);
	if (s->pid < 0)
		die(strerror(errno));
	if (s->pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
}

static void
close_screen(struct screen *s)
{
	close(s->fd); /* hangs up */
	for (int i = 0; i < 100 && waitpid(s->pid, NULL, WNOHANG) == 0; i++)
		usleep(20000);
	if (kill(s->pid, SIGKILL) == 0)
		(void)waitpid(s->pid, NULL, 0);
}

/* What comes within timeout_ms (-1: whenever); false when nothing came. */
static bool
look(struct screen *s, int timeout_ms)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, timeout_ms) <= 0)
		return false;
	if (s->n == SCREEN_MAX) {
		memmove(s->text, s->text + SCREEN_MAX / 2, SCREEN_MAX / 2);
		s->n = SCREEN_MAX / 2;
	}
	n = read(s->fd, s->text + s->n, SCREEN_MAX - s->n);
	if (n <= 0) {
		fprintf(stderr, "%.*s\n", (int)MIN(s->n, 500), (char *)s->text);
		die("the command ended too early");
	}
	s->n += (size_t)n;
	return true;
}

static void
type(struct screen *s, const char *text)
{
	size_t n = strlen(text);

	if (write(s->fd, text, n) != (ssize_t)n)
		die("cannot type");
}

static void
wait_for_text(struct screen *s, const char *text)
{
	while (memmem(s->text, s->n, text, strlen(text)) == NULL)
		look(s, -1);
}

static void
wait_for_quiet(struct screen *s)
{
	look(s, -1);
	while (look(s, QUIET_MS))
		continue;
}

static int
by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Until the byte is back. */
static uint64_t
one_key(struct screen *s, char key)
{
	uint64_t began = now_us();

	s->n = 0;
	if (write(s->fd, &key, 1) != 1)
		die("cannot type");
	while (memchr(s->text, key, s->n) == NULL)
		look(s, -1);
	return now_us() - began;
}

/* A shell that echoes bytes and nothing else. */
static void
open_cat(struct screen *s, char **argv)
{
	open_screen(s, argv);
	wait_for_quiet(s);
	/* In the echo of this line the word is broken by quotes. */
	type(s, "stty raw -echo; printf 'REA''DY'; exec cat\r");
	wait_for_text(s, "READY");
	while (look(s, QUIET_MS))
		continue;
}

static void
print_us(uint64_t *us, size_t count)
{
	qsort(us, count, sizeof(*us), by_size);
	printf("%llu %llu\n", (unsigned long long)us[count / 2],
	    (unsigned long long)us[count * 99 / 100]);
}

/* argv up to "--" or its end, which becomes NULL; returns what follows. */
static char **
cut_command(char **argv)
{
	while (*argv != NULL && strcmp(*argv, "--") != 0)
		argv++;
	if (*argv == NULL)
		return argv;
	*argv = NULL;
	return argv + 1;
}

/* A moment between two keys, not always the same. */
static void
rest(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	usleep(PAUSE_US + (useconds_t)(*seed >> 54));
}

/*
 * A line in each terminal in turn, as a person types: often enough that whatever else this
 * machine does hits all of them alike, and long enough that each is in its stride.
 */
static void
measure_echo(char **argv, size_t count)
{
	struct screen *s = xcalloc(SCREENS_MAX, sizeof(*s));
	uint64_t *us[SCREENS_MAX], seed = 1;
	size_t n = 0;

	while (*argv != NULL && n < SCREENS_MAX) {
		char **command = argv;

		argv = cut_command(argv);
		us[n] = xcalloc(count + WARM_UP + LINE, sizeof(*us[n]));
		open_cat(&s[n++], command);
	}
	for (size_t i = 0; i < WARM_UP + count; i += LINE) {
		for (size_t k = 0; k < n; k++) {
			for (size_t j = i; j < i + LINE; j++) {
				us[k][j] = one_key(&s[k], (char)('a' + j % 26));
				rest(&seed);
			}
		}
	}
	for (size_t k = 0; k < n; k++) {
		print_us(us[k] + WARM_UP, count);
		free(us[k]);
		close_screen(&s[k]);
	}
	free(s);
}

static void
measure_start(char **argv, const char *text)
{
	struct screen s;
	uint64_t began = now_us();

	open_screen(&s, argv);
	wait_for_text(&s, text);
	printf("%llu\n", (unsigned long long)(now_us() - began));
	fflush(stdout);
	type(&s, "exit\r");
	while (look(&s, QUIET_MS) && memmem(s.text, s.n, "exit\r\n", 6) == NULL)
		continue;
	usleep(100 * 1000); /* what the end costs is not part of the next start */
	close_screen(&s);
}

static void
show_prompt(char **argv)
{
	struct screen s;

	open_screen(&s, argv);
	wait_for_quiet(&s);
	(void)fwrite(s.text, 1, s.n, stdout);
	close_screen(&s);
}

/* From the first byte on: how fast it flows, not how long it takes to begin. */
static void
measure_pipe(char **argv, int64_t bytes)
{
	struct screen s;
	uint64_t began;
	char line[160];

	open_screen(&s, argv);
	wait_for_quiet(&s);
	(void)snprintf(line, sizeof(line),
	    "stty raw -echo; printf 'REA''DY'; head -c %lld /dev/zero | tr '\\0' "
	    "'\\170'; "
	    "exec cat\r",
	    (long long)bytes);
	type(&s, line);
	wait_for_text(&s, "READY");
	began = now_us();
	for (;;) { /* nothing but the stream has an x behind the word */
		for (size_t i = 0; i < s.n; i++)
			bytes -= s.text[i] == 'x';
		if (bytes <= 0)
			break;
		s.n = 0;
		look(&s, -1);
	}
	printf("%llu\n", (unsigned long long)(now_us() - began));
	close_screen(&s);
}

int
main(int argc, char **argv)
{
	int64_t n;

	signal(SIGPIPE, SIG_IGN);
	alarm(LIMIT_S);
	if (argc > 2 && strcmp(argv[1], "prompt") == 0) {
		show_prompt(argv + 2);
	} else if (argc > 3 && strcmp(argv[1], "start") == 0) {
		measure_start(argv + 3, argv[2]);
	} else if (argc > 3 && strcmp(argv[1], "echo") == 0 &&
	    num_parse(span_str(argv[2]), 1, 100000, &n) == 0) {
		measure_echo(argv + 3, (size_t)n);
	} else if (argc > 3 && strcmp(argv[1], "pipe") == 0 &&
	    num_parse(span_str(argv[2]), 1, 1 << 30, &n) == 0) {
		measure_pipe(argv + 3, n);
	} else {
		fprintf(stderr,
		    "usage: load_echo echo COUNT COMMAND... [-- COMMAND...]\n"
		    "       load_echo start TEXT COMMAND...\n"
		    "       load_echo prompt COMMAND...\n"
		    "       load_echo pipe BYTES COMMAND...\n");
		return 2;
	}
	return 0;
}
