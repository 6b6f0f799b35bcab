/* SPDX-License-Identifier: Apache-2.0 */
/* See record.h. */
#include "server/api/record.h"

#include <ctype.h>

#include "proto/audit_event.h"

enum { NAME_MAX_LEN = 63 };

static void
key(struct jsonw *w, const char *name)
{
	char small[NAME_MAX_LEN + 1];
	int r = str_copy(small, sizeof(small), name);

	assert(r == 0);
	small[0] = (char)tolower((unsigned char)small[0]);
	jw_key(w, small);
}

void
record_open(struct jsonw *w, const char *name, char bracket)
{
	key(w, name);
	jw_open(w, bracket);
}

void
record_text(struct jsonw *w, const char *name, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return;
	key(w, name);
	jw_str(w, text);
}

void
record_int(struct jsonw *w, const char *name, int64_t v)
{
	key(w, name);
	jw_int(w, v);
}

void
record_bool(struct jsonw *w, const char *name, bool v)
{
	key(w, name);
	jw_bool(w, v);
}

void
record_date(struct jsonw *w, const char *name, int64_t ms)
{
	char words[TIME_WORDS_MAX + 1];

	time_words(words, ms);
	record_text(w, name, words);
}

void
record_temp_key(struct jsonw *w, const struct temp_key *k, const char *expiration)
{
	record_text(w, "AccessKeyId", k->access_key);
	record_text(w, "SessionToken", AUDIT_HIDDEN);
	record_date(w, expiration, k->expires_ms);
}

void
record_tags(const struct api_call *c, struct jsonw *w)
{
	const json_t *list = json_object_get(c->in, "Tags"), *one;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	record_open(w, "Tags", '[');
	json_array_foreach(list, i, one)
	{
		jw_open(w, '{');
		jw_field_str(w, "key", json_get_str(one, "Key"));
		jw_field_str(w, "value", json_get_str(one, "Value"));
		jw_close(w, '}');
	}
	jw_close(w, ']');
}
