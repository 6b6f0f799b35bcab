/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of progress; see copy.h.  Pure.
 *
 *	access.log   [###########-------]  61%   1.24 GB   88.1 MB/s   0:09
 *
 * On a narrow terminal first the bar goes, then the name gets shorter.
 */
#include "client/copy/copy.h"
#include "client/terminal/table.h"

enum {
	NAME_MIN = 8,
	NAME_MAX_PART = 3, /* one third of the line */
	BAR_MIN = 8,
	BAR_MAX = 40,
};

static void
put_bytes(char *out, size_t size, uint64_t bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double v = (double)bytes;
	size_t u = 0;

	while (v >= 999.5 && u + 1 < ARRAY_LEN(units)) {
		v /= 1000;
		u++;
	}
	(void)snprintf(out, size,
	    u == 0          ? "%.0f %s"
		: v < 9.995 ? "%.2f %s"
		: v < 99.95 ? "%.1f %s"
			    : "%.0f %s",
	    v, units[u]);
}

static void
put_time(char *out, size_t size, uint64_t s)
{
	if (s >= 100 * 3600)
		(void)snprintf(out, size, "long");
	else if (s >= 3600)
		(void)snprintf(out, size, "%u:%02u:%02u", (unsigned)(s / 3600),
		    (unsigned)(s / 60 % 60), (unsigned)(s % 60));
	else
		(void)snprintf(
		    out, size, "%u:%02u", (unsigned)(s / 60), (unsigned)(s % 60));
}

static void
put_rate(char *out, size_t size, const struct copy_progress *p)
{
	char bytes[16];

	put_bytes(bytes, sizeof(bytes), p->rate);
	if (p->stalled)
		(void)snprintf(out, size, "stalled");
	else if (p->rate == 0)
		(void)snprintf(out, size, "-");
	else
		(void)snprintf(out, size, "%s/s", bytes);
}

/* What stands behind the bar; its length never changes while a file is copied. */
static void
put_figures(char *out, size_t size, const struct copy_progress *p)
{
	char done[16], rate[24], time[16];
	uint64_t left = p->size - MIN(p->done, p->size);
	unsigned percent =
	    p->size == 0 ? 100 : (unsigned)((double)p->done * 100 / (double)p->size);

	put_bytes(done, sizeof(done), p->done);
	put_rate(rate, sizeof(rate), p);
	if (p->over)
		put_time(time, sizeof(time), p->ms / 1000);
	else if (p->rate == 0)
		(void)snprintf(time, sizeof(time), "-");
	else
		put_time(time, sizeof(time), left / p->rate);
	(void)snprintf(
	    out, size, " %3u%% %8s %10s %8s", MIN(percent, 100u), done, rate, time);
}

/* The end of the name where it is too long: that is where names differ. */
static const char *
shorten(const char *name, size_t columns, bool *cut)
{
	*cut = false;
	while (table_width(name) + (*cut ? 1 : 0) > columns && *name != '\0') {
		*cut = true;
		do
			name++;
		while (((uint8_t)*name & 0xc0) == 0x80); /* not inside a character */
	}
	return name;
}

static void
put_bar(struct buf *out, const struct copy_progress *p, size_t width)
{
	size_t full = p->size == 0
	    ? width
	    : (size_t)((double)MIN(p->done, p->size) * (double)width / (double)p->size);

	buf_add_str(out, " [");
	for (size_t i = 0; i < width; i++)
		buf_add_u8(out, i < full ? '#' : '-');
	buf_add_u8(out, ']');
}

void
copy_progress_line(char out[COPY_LINE_MAX], const struct copy_progress *p, size_t columns)
{
	auto_free char *name = xmalloc(strlen(p->name) + 1);
	auto_buf line = { .max = COPY_LINE_MAX - 1 };
	char figures[80];
	size_t room, width, bar;
	const char *shown;
	bool cut;

	columns = MAX(columns, (size_t)COPY_COLUMNS_MIN);
	columns =
	    MIN(columns, (size_t)COPY_LINE_MAX / 4); /* a character: up to 4 bytes */
	table_harmless(name, p->name);
	put_figures(figures, sizeof(figures), p);
	if (strlen(figures) + NAME_MIN > columns) /* nothing but percent */
		figures[5] = '\0';
	room = columns - strlen(figures);
	bar = room > columns / NAME_MAX_PART ? room - columns / NAME_MAX_PART : 0;
	bar = bar < BAR_MIN + 3 ? 0 : MIN(bar - 3, (size_t)BAR_MAX); /* 3: " []" */
	room -= bar == 0 ? 0 : bar + 3;
	shown = shorten(name, room, &cut);
	buf_addf(&line, "%s%s", cut ? "~" : "", shown);
	for (width = table_width(shown) + cut; width < room; width++)
		buf_add_u8(&line, ' ');
	if (bar > 0)
		put_bar(&line, p, bar);
	buf_add_str(&line, figures);
	(void)snprintf(out, COPY_LINE_MAX, "%s", buf_cstr(&line));
}
