/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the document that a call means, and describing it.
 */
#include "server/api/ssm/document_view.h"

#include "crypto/crypto.h"
#include "proto/arn.h"
#include "server/api/tags.h"

enum { VERSION_MAX = 1000000 };

int
document_missing(struct api_call *c)
{
	return api_fail(c, "InvalidDocument", "Document with name %s does not exist.",
	    api_str(c, "Name"));
}

int
document_bad_version(struct api_call *c)
{
	return api_fail(c, "InvalidDocumentVersion", TEXT_DOCUMENT_VERSION);
}

int
document_name(struct api_call *c, const char **name)
{
	struct span bare;

	if (arn_document_name(&bare, span_str(api_str(c, "Name"))) != 0)
		return document_missing(c);
	*name = arena_str(&c->mem, bare);
	return 0;
}

int
document_version(
    struct store_tx *tx, struct api_call *c, const char *name, int64_t *version)
{
	const char *text = api_str(c, "DocumentVersion");
	const char *named = api_str(c, "VersionName");
	int64_t number = 0;
	int err;

	*version = DOCUMENT_NO_VERSION;
	if (text != NULL && strcmp(text, "$LATEST") == 0)
		*version = STORE_DOCUMENT_LATEST;
	else if (text != NULL && strcmp(text, "$DEFAULT") == 0)
		*version = STORE_DOCUMENT_DEFAULT;
	else if (text != NULL && num_parse(span_str(text), 1, VERSION_MAX, version) != 0)
		return document_bad_version(c);
	if (named == NULL)
		return 0;
	err = store_document_named(tx, name, named, &number);
	if (err == ERR_NOTFOUND || (err == 0 && *version > 0 && *version != number))
		return document_bad_version(c);
	*version = number;
	return err;
}

int
document_find(struct store_tx *tx, struct api_call *c, struct store_document *d)
{
	const char *name;
	int64_t version;
	int err;

	if ((err = document_name(c, &name)) != 0)
		return err;
	err = store_document_get(tx, &c->mem, name, STORE_DOCUMENT_DEFAULT, d);
	if (err == ERR_NOTFOUND)
		return document_missing(c);
	if (err != 0 || (err = document_version(tx, c, name, &version)) != 0)
		return err;
	if (version == DOCUMENT_NO_VERSION || version == STORE_DOCUMENT_DEFAULT)
		return 0;
	err = store_document_get(tx, &c->mem, name, version, d);
	return err == ERR_NOTFOUND ? document_bad_version(c) : err;
}

const char *
document_owner(const struct api_call *c, const struct store_document *d)
{
	if (!d->builtin)
		return c->env->account;
	return arn_document_is_aws(span_str(d->name)) ? "Amazon" : "Sallyport";
}

const char *
document_number(struct api_call *c, int64_t version)
{
	return arena_printf(&c->mem, "%lld", (long long)version);
}

static const char *
or_null(const char *s)
{
	return s != NULL && s[0] != '\0' ? s : NULL;
}

/* Session documents say what to do on each platform inside; AWS shows all three. */
static void
write_platforms(struct jsonw *w)
{
	jw_key(w, "PlatformTypes");
	jw_open(w, '[');
	jw_str(w, "Windows");
	jw_str(w, "Linux");
	jw_str(w, "MacOS");
	jw_close(w, ']');
}

void
document_write_head(struct api_call *c, const struct store_document *d)
{
	auto_json *o = NULL;

	jw_field_str(&c->w, "Name", d->name);
	jw_field_time(&c->w, "CreatedDate", d->created_ms);
	jw_field_opt(&c->w, "DisplayName", or_null(d->display_name));
	jw_field_str(&c->w, "Owner", document_owner(c, d));
	jw_field_opt(&c->w, "VersionName", or_null(d->version_name));
	write_platforms(&c->w);
	jw_field_str(&c->w, "DocumentVersion", document_number(c, d->version));
	jw_field_str(&c->w, "DocumentType", d->type);
	if (json_read(&o, span_str(d->content), NULL) == 0)
		jw_field_opt(&c->w, "SchemaVersion", json_get_str(o, "schemaVersion"));
	jw_field_str(&c->w, "DocumentFormat", "JSON");
	jw_field_opt(&c->w, "TargetType", or_null(d->target_type));
}

void
document_write_tags(struct api_call *c, const char *name)
{
	struct tags t;

	if (tags_load(api_reader(c), &c->mem, tags_resource(&c->mem, "Document", name),
		&t) != 0)
		t.n = 0;
	tags_write(&c->w, "Tags", &t);
}

static void
write_default(struct jsonw *w, const json_t *v)
{
	auto_buf b;

	buf_init(&b, 1024 * 1024);
	if (v == NULL)
		return;
	jw_key(w, "DefaultValue");
	if (json_is_string(v)) {
		jw_str(w, json_string_value(v));
		return;
	}
	json_dump(&b, v);
	jw_span(w, buf_span(&b));
}

/* What the text itself says: its description and its parameters. */
static void
write_content(struct jsonw *w, const char *content)
{
	auto_json *o = NULL;
	const char *name;
	json_t *p;

	if (json_read(&o, span_str(content), NULL) != 0)
		return;
	jw_field_opt(w, "Description", json_get_str(o, "description"));
	if (json_get_obj(o, "parameters") == NULL)
		return;
	jw_key(w, "Parameters");
	jw_open(w, '[');
	json_object_foreach(json_get_obj(o, "parameters"), name, p)
	{
		jw_open(w, '{');
		jw_field_str(w, "Name", name);
		jw_field_opt(w, "Type", json_get_str(p, "type"));
		jw_field_opt(w, "Description", json_get_str(p, "description"));
		write_default(w, json_object_get(p, "default"));
		jw_close(w, '}');
	}
	jw_close(w, ']');
}

void
document_hash(char hex[DOCUMENT_HASH_LEN + 1], const struct store_document *d)
{
	uint8_t sum[SHA256_LEN];

	sha256(sum, span_str(d->content));
	hex_encode(hex, sum, sizeof(sum));
}

void
document_write(struct api_call *c, const char *key, const struct store_document *d,
    const char *status)
{
	char hash[DOCUMENT_HASH_LEN + 1];

	document_hash(hash, d);
	jw_key(&c->w, key);
	jw_open(&c->w, '{');
	jw_field_str(&c->w, "Hash", hash);
	jw_field_str(&c->w, "HashType", "Sha256");
	jw_field_str(&c->w, "Status", status);
	document_write_head(c, d);
	write_content(&c->w, d->content);
	jw_field_str(&c->w, "LatestVersion", document_number(c, d->latest_version));
	jw_field_str(&c->w, "DefaultVersion", document_number(c, d->default_version));
	document_write_tags(c, d->name);
	jw_close(&c->w, '}');
}
