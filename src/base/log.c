/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operational log: one event, one line, one write(2) to stderr, so lines of several
 * threads and processes do not mix.
 *
 *	text on a terminal   <time> level=info at=relay event="session opened" id=...
 *	text under systemd   <6>level=info at=relay event="session opened" id=...
 *	JSON                 {"time":..,"level":..,"program":..,"at":..,"event":..,"id":..}
 *
 * JSON members are made from the key=value pairs of the formatted line; a bare word goes
 * into "note".  Values stay strings, so that a member has one type for ever.  Whatever
 * the caller let through, no control byte reaches the output.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log_line.h"
#include "base/text.h"

enum { DETAIL_MAX = 2048, LINE_MAX_BYTES = 16 * 1024, WINDOW_S = 10 };

/* Set once by log_setup() before any thread starts; read-only after that. */
static struct {
	enum log_level max;
	enum log_form form;
	char program[32];
} settings = { .max = LOG_INFO, .form = LOG_FORM_TEXT };

/* systemd.exec(5): JOURNAL_STREAM names device and inode of the journal's stream. */
static bool
stderr_is_journal(void)
{
	const char *env = getenv("JOURNAL_STREAM");
	struct span rest = span_str(env), dev, ino;
	int64_t d, i;
	struct stat st;

	if (!span_cut(&rest, ':', &dev) || !span_cut(&rest, ':', &ino) || rest.p != NULL)
		return false;
	if (num_parse(dev, 0, INT64_MAX, &d) != 0 ||
	    num_parse(ino, 0, INT64_MAX, &i) != 0)
		return false;
	return fstat(STDERR_FILENO, &st) == 0 && (uint64_t)d == st.st_dev &&
	    (uint64_t)i == st.st_ino;
}

void
log_setup(enum log_level max, enum log_format format, const char *program)
{
	bool journal = stderr_is_journal();

	settings.max = max;
	snprintf(settings.program, sizeof(settings.program), "%s", program);
	if (format == LOG_FORMAT_JSON)
		settings.form = LOG_FORM_JSON;
	else if (journal)
		settings.form = LOG_FORM_SYSTEMD;
	else if (format == LOG_FORMAT_TEXT || isatty(STDERR_FILENO))
		settings.form = LOG_FORM_TEXT;
	else
		settings.form = LOG_FORM_JSON;
}

bool
log_enabled(enum log_level l)
{
	return l <= settings.max;
}

/*
 * Counts this line against its call site.  False when it is one too many; *dropped is
 * how many were left out before the window that now begins.  Threads may race here: at
 * worst a few lines more or fewer are written.
 */
static bool
site_allows(struct log_site *site, int64_t now_s, uint32_t *dropped)
{
	int64_t began = __atomic_load_n(&site->window_s, __ATOMIC_RELAXED);

	*dropped = 0;
	if (began == 0 || now_s - began >= WINDOW_S) {
		__atomic_store_n(&site->window_s, MAX(now_s, 1), __ATOMIC_RELAXED);
		__atomic_store_n(&site->count, 0, __ATOMIC_RELAXED);
		*dropped = __atomic_exchange_n(&site->dropped, 0, __ATOMIC_RELAXED);
	}
	if (__atomic_fetch_add(&site->count, 1, __ATOMIC_RELAXED) < LOG_BURST)
		return true;
	__atomic_fetch_add(&site->dropped, 1, __ATOMIC_RELAXED);
	return false;
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t
monotonic_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static void
write_all(struct span s)
{
	while (s.n > 0) {
		ssize_t n = write(STDERR_FILENO, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* nowhere left to complain */
		s = span_sub(s, (size_t)n, s.n);
	}
}

void
log_write(struct log_site *site, enum log_level l, const char *file, const char *event,
    const char *fmt, ...)
{
	char detail[DETAIL_MAX];
	struct log_line line = {
		.level = l,
		.program = settings.program,
		.file = file,
		.event = event,
		.detail = detail,
	};
	auto_buf out;
	int saved = errno;
	va_list ap;

	buf_init(&out, LINE_MAX_BYTES);
	if (!site_allows(site, monotonic_s(), &line.dropped))
		return;
	va_start(ap, fmt);
	line.cut = vsnprintf(detail, sizeof(detail), fmt, ap) >= (int)sizeof(detail);
	va_end(ap);
	line.time_ms = now_ms();
	log_line_format(&out, &line, settings.form);
	if (buf_check(&out) == 0)
		write_all(buf_span(&out));
	errno = saved;
}

/* A fault is told whole: the reason of a denial stands at its end. */
enum { QUOTES = 8, QUOTE_MAX = 400, QUOTE_ROOM = 4 * QUOTE_MAX + 8 };

const char *
log_qs(struct span s)
{
	static _Thread_local char ring[QUOTES][QUOTE_ROOM];
	static _Thread_local unsigned next;
	char *start = ring[next++ % QUOTES], *out = start;

	*out++ = '"';
	for (size_t i = 0; i < s.n && i < QUOTE_MAX; i++) {
		uint8_t c = s.p[i];

		if (c == '"' || c == '\\') {
			*out++ = '\\';
			*out++ = (char)c;
		} else if (c >= 0x20 && c < 0x7f) {
			*out++ = (char)c;
		} else {
			*out++ = '\\';
			*out++ = 'x';
			hex_encode(out, &c, 1);
			out += 2;
		}
	}
	if (s.n > QUOTE_MAX) {
		memcpy(out, "...", 3);
		out += 3;
	}
	*out++ = '"';
	*out = '\0';
	return start;
}

const char *
log_q(const char *s)
{
	return s != NULL ? log_qs(span_str(s)) : "-";
}
