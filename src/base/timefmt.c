/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time stamps of the AWS protocols, in the proleptic Gregorian calendar, UTC.  Pure:
 * the time is a parameter, never the clock.  Years 0001 to 9999; formatting clamps,
 * parsing refuses.  Leap seconds do not exist here, as in POSIX time.
 */
#include "base/text.h"

#define MS_PER_DAY INT64_C(86400000)
#define MS_MIN     INT64_C(-62135596800000) /* 0001-01-01T00:00:00.000Z */
#define MS_MAX     INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
	"Aug", "Sep", "Oct", "Nov", "Dec" };
static const char weekdays[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };

struct civil {
	int year, month, day; /* month and day from 1 */
	int hour, min, sec, ms;
	int weekday; /* 0 = Sunday */
};

/*
 * Days since 1970-01-01 and back.  Years are counted from March, so that the leap day
 * is the last of its year, in eras of 400 years with 146097 days each.
 */
static int64_t
days_from_civil(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + doe - 719468;
}

static void
civil_from_days(struct civil *c, int64_t days)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	c->day = (int)(doy - (153 * mp + 2) / 5 + 1);
	c->month = (int)(mp < 10 ? mp + 3 : mp - 9);
	c->year = (int)(yoe + era * 400 + (c->month <= 2));
	c->weekday = (int)(((days + 4) % 7 + 7) % 7); /* day 0 was a Thursday */
}

static struct civil
civil_from_ms(int64_t ms)
{
	struct civil c;
	int64_t days, rest;

	ms = MAX(MS_MIN, MIN(ms, MS_MAX));
	days = ms / MS_PER_DAY;
	rest = ms % MS_PER_DAY;
	if (rest < 0) {
		rest += MS_PER_DAY;
		days--;
	}
	civil_from_days(&c, days);
	c.hour = (int)(rest / 3600000);
	c.min = (int)(rest / 60000 % 60);
	c.sec = (int)(rest / 1000 % 60);
	c.ms = (int)(rest % 1000);
	return c;
}

static bool
civil_ok(const struct civil *c)
{
	static const uint8_t lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	bool leap = c->year % 4 == 0 && (c->year % 100 != 0 || c->year % 400 == 0);

	if (c->year < 1 || c->month < 1 || c->month > 12 || c->day < 1)
		return false;
	if (c->day > lengths[c->month - 1] + (c->month == 2 && leap))
		return false;
	return c->hour <= 23 && c->min <= 59 && c->sec <= 59;
}

/* Checks the fields and gives the time; offset_min is east of Greenwich. */
static int
civil_to_ms(const struct civil *c, int offset_min, int64_t *ms)
{
	int64_t v;

	if (!civil_ok(c))
		return ERR_INVALID;
	v = days_from_civil(c->year, c->month, c->day) * MS_PER_DAY;
	v += ((c->hour * 60 + c->min - offset_min) * INT64_C(60) + c->sec) * 1000 + c->ms;
	if (v < MS_MIN || v > MS_MAX)
		return ERR_INVALID;
	*ms = v;
	return 0;
}

/* Decimal digits with leading zeros; the width is fixed, so the length is known. */
static char *
put_num(char *out, int v, int width)
{
	for (int i = width; i-- > 0; v /= 10)
		out[i] = (char)('0' + v % 10);
	return out + width;
}

static char *
put_str(char *out, const char *s)
{
	size_t n = strlen(s);

	memcpy(out, s, n);
	return out + n;
}

void
time_iso(char out[TIME_ISO_LEN + 1], int64_t ms)
{
	struct civil c = civil_from_ms(ms);

	out = put_str(put_num(out, c.year, 4), "-");
	out = put_str(put_num(out, c.month, 2), "-");
	out = put_str(put_num(out, c.day, 2), "T");
	out = put_str(put_num(out, c.hour, 2), ":");
	out = put_str(put_num(out, c.min, 2), ":");
	out = put_str(put_num(out, c.sec, 2), ".");
	out = put_str(put_num(out, c.ms, 3), "Z");
	*out = '\0';
}

void
time_amz(char out[TIME_AMZ_LEN + 1], int64_t ms)
{
	struct civil c = civil_from_ms(ms);

	out = put_num(out, c.year, 4);
	out = put_num(out, c.month, 2);
	out = put_str(put_num(out, c.day, 2), "T");
	out = put_num(out, c.hour, 2);
	out = put_num(out, c.min, 2);
	out = put_str(put_num(out, c.sec, 2), "Z");
	*out = '\0';
}

void
time_http(char out[TIME_HTTP_LEN + 1], int64_t ms)
{
	struct civil c = civil_from_ms(ms);

	out = put_str(put_str(out, weekdays[c.weekday]), ", ");
	out = put_str(put_num(out, c.day, 2), " ");
	out = put_str(put_str(out, months[c.month - 1]), " ");
	out = put_str(put_num(out, c.year, 4), " ");
	out = put_str(put_num(out, c.hour, 2), ":");
	out = put_str(put_num(out, c.min, 2), ":");
	out = put_str(put_num(out, c.sec, 2), " GMT");
	*out = '\0';
}

static char *
put_short(char *out, int v)
{
	return put_num(out, v, v < 10 ? 1 : 2);
}

void
time_words(char out[TIME_WORDS_MAX + 1], int64_t ms)
{
	struct civil c = civil_from_ms(ms);

	out = put_str(put_str(out, months[c.month - 1]), " ");
	out = put_str(put_short(out, c.day), ", ");
	out = put_str(put_num(out, c.year, 4), ", ");
	out = put_str(put_short(out, (c.hour + 11) % 12 + 1), ":");
	out = put_str(put_num(out, c.min, 2), ":");
	out = put_str(put_num(out, c.sec, 2), c.hour < 12 ? " AM" : " PM");
	*out = '\0';
}

/* Takes exactly "width" digits off the front. */
static bool
take_num(struct span *s, size_t width, int *v)
{
	int64_t n;

	if (s->n < width || num_parse(span_sub(*s, 0, width), 0, 9999, &n) != 0)
		return false;
	*v = (int)n;
	*s = span_sub(*s, width, s->n);
	return true;
}

static bool
take_str(struct span *s, const char *lit)
{
	if (!span_starts(*s, lit))
		return false;
	*s = span_sub(*s, strlen(lit), s->n);
	return true;
}

/* Takes one of n three-letter names. */
static bool
take_name(struct span *s, const char names[][4], int n, int *index)
{
	for (*index = 0; *index < n; (*index)++)
		if (take_str(s, names[*index]))
			return true;
	return false;
}

int
time_parse_amz(struct span s, int64_t *ms)
{
	struct civil c = { 0 };

	if (!take_num(&s, 4, &c.year) || !take_num(&s, 2, &c.month) ||
	    !take_num(&s, 2, &c.day) || !take_str(&s, "T") || !take_num(&s, 2, &c.hour) ||
	    !take_num(&s, 2, &c.min) || !take_num(&s, 2, &c.sec) || !take_str(&s, "Z") ||
	    s.n != 0)
		return ERR_INVALID;
	return civil_to_ms(&c, 0, ms);
}

int
time_parse_http(struct span s, int64_t *ms)
{
	struct civil c = { 0 };

	if (!take_name(&s, weekdays, 7, &c.weekday) || !take_str(&s, ", ") ||
	    !take_num(&s, 2, &c.day) || !take_str(&s, " ") ||
	    !take_name(&s, months, 12, &c.month) || !take_str(&s, " ") ||
	    !take_num(&s, 4, &c.year) || !take_str(&s, " ") ||
	    !take_num(&s, 2, &c.hour) || !take_str(&s, ":") || !take_num(&s, 2, &c.min) ||
	    !take_str(&s, ":") || !take_num(&s, 2, &c.sec) || !take_str(&s, " GMT") ||
	    s.n != 0)
		return ERR_INVALID;
	c.month++;
	return civil_to_ms(&c, 0, ms);
}

/* ".123456": milliseconds, the rest is cut off. */
static bool
take_fraction(struct span *s, int *ms)
{
	int scale = 100, digit;
	size_t n = 0;

	while (take_num(s, 1, &digit)) {
		*ms += digit * scale;
		scale /= 10;
		n++;
	}
	return n >= 1 && n <= 9;
}

/* "Z", "+hh:mm" or "-hh:mm". */
static bool
take_zone(struct span *s, int *offset_min)
{
	int hour, min, sign;

	if (take_str(s, "Z"))
		return true;
	if (take_str(s, "+"))
		sign = 1;
	else if (take_str(s, "-"))
		sign = -1;
	else
		return false;
	if (!take_num(s, 2, &hour) || !take_str(s, ":") || !take_num(s, 2, &min))
		return false;
	*offset_min = sign * (hour * 60 + min);
	return hour <= 23 && min <= 59;
}

int
time_parse_iso(struct span s, int64_t *ms)
{
	struct civil c = { 0 };
	int offset_min = 0;

	if (!take_num(&s, 4, &c.year) || !take_str(&s, "-") ||
	    !take_num(&s, 2, &c.month) || !take_str(&s, "-") || !take_num(&s, 2, &c.day))
		return ERR_INVALID;
	if (s.n == 0)
		return civil_to_ms(&c, 0, ms);
	if (!take_str(&s, "T") || !take_num(&s, 2, &c.hour) || !take_str(&s, ":") ||
	    !take_num(&s, 2, &c.min))
		return ERR_INVALID;
	if (take_str(&s, ":")) {
		if (!take_num(&s, 2, &c.sec))
			return ERR_INVALID;
		if (take_str(&s, ".") && !take_fraction(&s, &c.ms))
			return ERR_INVALID;
	}
	if (!take_zone(&s, &offset_min) || s.n != 0)
		return ERR_INVALID;
	return civil_to_ms(&c, offset_min, ms);
}
