/* SPDX-License-Identifier: Apache-2.0 */
/* See when.h. */
#include "client/terminal/when.h"

#include "base/text.h"

enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

void
when_ago(char *out, size_t size, int64_t now_ms, int64_t then_ms)
{
	long long s = (now_ms - then_ms) / 1000;

	if (s < -MINUTE)
		snprintf(out, size, "in the future");
	else if (s < 5)
		snprintf(out, size, "now");
	else if (s < 2 * MINUTE)
		snprintf(out, size, "%llds ago", s);
	else if (s < 2 * HOUR)
		snprintf(out, size, "%lldm ago", s / MINUTE);
	else if (s < 2 * DAY)
		snprintf(out, size, "%lldh ago", s / HOUR);
	else
		snprintf(out, size, "%lldd ago", s / DAY);
}

int64_t
when_of(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_number(v) ? (int64_t)(json_number_value(v) * 1000.0) : 0;
}

int
when_duration(int64_t *s, const char *text)
{
	static const struct {
		char letter;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', MINUTE }, { 'h', HOUR }, { 'd', DAY } };
	struct span digits = span_str(text);
	int64_t unit = 1;

	for (size_t i = 0; digits.n > 1 && i < ARRAY_LEN(units); i++) {
		if (digits.p[digits.n - 1] != (uint8_t)units[i].letter)
			continue;
		unit = units[i].seconds;
		digits.n--;
		break;
	}
	if (num_parse(digits, 1, 1000000, s) != 0)
		return ERR_INVALID;
	*s *= unit;
	return 0;
}

int
when_moment(int64_t *ms, const char *text, int64_t now_ms)
{
	int64_t s;

	if (when_duration(&s, text) == 0) {
		*ms = now_ms - s * 1000;
		return 0;
	}
	return time_parse_iso(span_str(text), ms);
}
