/* SPDX-License-Identifier: Apache-2.0 */
/* Raw mode and window size; see terminal.h. */
#include "client/terminal/terminal.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/*
 * What restoring needs.  Process-wide like the terminal itself, and read by signal
 * handlers: written once, before "raw" is set.
 */
static struct termios saved, wanted;
static volatile sig_atomic_t raw;

/* Not after a drain: a terminal that nobody reads must not keep us from leaving. */
void
terminal_restore(void)
{
	if (!raw)
		return;
	raw = 0;
	/* tcsetattr is async-signal-safe (POSIX 2.4.3). */
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

void
terminal_again(void)
{
	if (raw)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &wanted);
}

static void
on_fatal(int signum)
{
	terminal_restore();
	signal(signum, SIG_DFL);
	raise(signum);
}

bool
terminal_raw(void)
{
	static const int fatal[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGALRM };

	if (raw)
		return true;
	if (tcgetattr(STDIN_FILENO, &saved) != 0)
		return false;
	wanted = saved;
	cfmakeraw(&wanted);
	atexit(terminal_restore);
	for (size_t i = 0; i < ARRAY_LEN(fatal); i++)
		signal(fatal[i], on_fatal);
	raw = 1;
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &wanted) == 0)
		return true;
	raw = 0;
	return false;
}

bool
terminal_size(struct term_size *out)
{
	static const int fds[] = { STDOUT_FILENO, STDIN_FILENO };
	struct winsize w;

	*out = (struct term_size){ .cols = 80, .rows = 24 };
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		if (ioctl(fds[i], TIOCGWINSZ, &w) != 0 || w.ws_col == 0 || w.ws_row == 0)
			continue;
		*out = (struct term_size){ .cols = w.ws_col, .rows = w.ws_row };
		return true;
	}
	return false;
}
