/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operational log: one event, one line, to stderr.  Text (logfmt) on a terminal
 * or under systemd (with <n> priorities), JSON otherwise; LOG_FORMAT_* forces one.
 *
 *	log_info("session opened", "id=%s target=%s", id, target);
 *
 * The format string is logfmt: key=value pairs.  Values that a stranger wrote go
 * through log_q().  Each call site is limited to LOG_BURST lines in ten seconds.
 * The log's settings are the one piece of process-wide state; they are set once by
 * main().  Secrets never enter a log line.
 */
#pragma once

#include "base/span.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
enum { LOG_BURST = 50 };

struct log_site {
	int64_t window_s;
	uint32_t count, dropped;
};

void log_setup(enum log_level max, enum log_format format, const char *program);
bool log_enabled(enum log_level l);
void log_write(struct log_site *site, enum log_level l, const char *file,
    const char *event, const char *fmt, ...) PRINTF(5, 6);

/*
 * Quotes untrusted text for a log line: control and non-ASCII bytes are escaped, long
 * text is cut.  Returns one of a few thread-local buffers, good for the current line.
 */
const char *log_q(const char *s);
const char *log_qs(struct span s);

#define LOG_AT(l, event, ...)                                                  \
	do {                                                                   \
		static struct log_site site_;                                  \
		if (log_enabled(l))                                            \
			log_write(&site_, l, __FILE__, event, "" __VA_ARGS__); \
	} while (0)
#define log_error(event, ...) LOG_AT(LOG_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...)  LOG_AT(LOG_WARN, event, __VA_ARGS__)
#define log_info(event, ...)  LOG_AT(LOG_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) LOG_AT(LOG_DEBUG, event, __VA_ARGS__)
