/* SPDX-License-Identifier: Apache-2.0 */
/* See key_session.h. */
#include "server/domain/key_session.h"

#include "codec/json.h"
#include "codec/jsonw.h"

enum { KEY_SESSION_JSON_MAX = 64 * 1024 };

/* The texts, by the names they have in the JSON. */
static const struct {
	const char *name;
	size_t at;
} texts[] = {
	{ "ownerId", offsetof(struct key_session, owner_id) },
	{ "name", offsetof(struct key_session, session_name) },
	{ "mfaSerial", offsetof(struct key_session, mfa_serial) },
	{ "policy", offsetof(struct key_session, policy) },
	{ "sourceIdentity", offsetof(struct key_session, source_identity) },
	{ "provider", offsetof(struct key_session, provider) },
	{ "subject", offsetof(struct key_session, subject) },
	{ "audience", offsetof(struct key_session, audience) },
	{ "accessRequest", offsetof(struct key_session, access_request) },
};

static const char **
text_at(struct key_session *s, size_t i)
{
	return (const char **)(void *)((char *)s + texts[i].at);
}

void
key_session_init(struct key_session *s)
{
	*s = (struct key_session){ 0 };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*text_at(s, i) = "";
}

static const char *
copy_text(struct arena *mem, const json_t *v)
{
	return json_is_string(v) ? arena_strdup(mem, json_string_value(v)) : "";
}

static void
read_lists(struct key_session *s, struct arena *mem, const json_t *j)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(j, "policyArns"), i, v)
	{
		if (s->npolicy_arns < KEY_SESSION_ARNS_MAX)
			s->policy_arns[s->npolicy_arns++] = copy_text(mem, v);
	}
	json_array_foreach(json_object_get(j, "tags"), i, v)
	{
		if (s->ntags < KEY_SESSION_TAGS_MAX)
			s->tags[s->ntags++] = (struct key_session_tag){
				.key = copy_text(mem, json_array_get(v, 0)),
				.value = copy_text(mem, json_array_get(v, 1)),
				.transitive = json_is_true(json_array_get(v, 2)),
			};
	}
}

int
key_session_read(struct key_session *s, struct arena *mem, const char *json)
{
	json_t *j;
	int err;

	key_session_init(s);
	if (json[0] == '\0')
		return 0;
	if ((err = json_read(&j, span_str(json), NULL)) != 0)
		return err;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*text_at(s, i) = copy_text(mem, json_object_get(j, texts[i].name));
	s->issued_ms = json_integer_value(json_object_get(j, "issued"));
	s->mfa_ms = json_integer_value(json_object_get(j, "mfa"));
	read_lists(s, mem, j);
	json_decref(j);
	return 0;
}

char *
key_session_write(const struct key_session *s, struct arena *mem)
{
	struct key_session copy = *s;
	struct jsonw w;
	auto_buf out;

	buf_init(&out, KEY_SESSION_JSON_MAX);
	jw_init(&w, &out);
	jw_open(&w, '{');
	jw_field_int(&w, "issued", s->issued_ms);
	jw_field_int(&w, "mfa", s->mfa_ms);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if ((*text_at(&copy, i))[0] != '\0')
			jw_field_str(&w, texts[i].name, *text_at(&copy, i));
	jw_key(&w, "policyArns");
	jw_open(&w, '[');
	for (size_t i = 0; i < s->npolicy_arns; i++)
		jw_str(&w, s->policy_arns[i]);
	jw_close(&w, ']');
	jw_key(&w, "tags");
	jw_open(&w, '[');
	for (size_t i = 0; i < s->ntags; i++) {
		jw_open(&w, '[');
		jw_str(&w, s->tags[i].key);
		jw_str(&w, s->tags[i].value);
		jw_bool(&w, s->tags[i].transitive);
		jw_close(&w, ']');
	}
	jw_close(&w, ']');
	jw_close(&w, '}');
	return arena_strdup(mem, buf_cstr(&out));
}
