/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How one log line looks; the pure half of base/log.h, apart so that it can be tested.
 */
#pragma once

#include "base/buf.h"
#include "base/log.h"

enum log_form { LOG_FORM_TEXT, LOG_FORM_SYSTEMD, LOG_FORM_JSON };

struct log_line {
	enum log_level level;
	int64_t time_ms;
	const char *program;
	const char *file; /* as in __FILE__; shown without folders and suffix */
	const char *event;
	const char *detail; /* logfmt: key=value key="quoted" ... */
	bool cut;           /* detail was too long */
	uint32_t dropped;   /* lines of this site left out before this one */
};

/* Appends the line with its line feed. */
void log_line_format(struct buf *out, const struct log_line *l, enum log_form form);
