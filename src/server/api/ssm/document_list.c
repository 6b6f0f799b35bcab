/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListDocuments and ListDocumentVersions.
 *
 * Values of one filter are alternatives, filters must all match.  The two styles of
 * filters may be mixed.
 */
#include "server/api/ssm/document_view.h"
#include "server/api/tags.h"

enum { PAGE_DEFAULT = 50 };

/* ---- filters ---- */

static bool
owner_matches(const struct api_call *c, const struct store_document *d, const char *v)
{
	bool amazon = strcmp(document_owner(c, d), "Amazon") == 0;

	if (strcmp(v, "All") == 0)
		return true;
	if (strcmp(v, "Amazon") == 0)
		return amazon;
	if (strcmp(v, "Public") == 0)
		return d->builtin;
	if (strcmp(v, "ThirdParty") == 0)
		return d->builtin && !amazon;
	return !d->builtin; /* Self, Private */
}

static bool
tag_matches(
    struct api_call *c, const struct store_document *d, const char *key, const char *v)
{
	const char *have;
	struct tags t;

	if (tags_load(api_reader(c), &c->mem, tags_resource(&c->mem, "Document", d->name),
		&t) != 0)
		return false;
	have = tags_get(&t, key);
	return have != NULL && (v == NULL || strcmp(have, v) == 0);
}

static bool
value_matches(
    struct api_call *c, const struct store_document *d, const char *key, const char *v)
{
	if (strcmp(key, "Name") == 0)
		return strncmp(d->name, v, strlen(v)) == 0;
	if (strcmp(key, "SearchKeyword") == 0)
		return strcasestr(d->name, v) != NULL;
	if (strcmp(key, "Owner") == 0)
		return owner_matches(c, d, v);
	if (strcmp(key, "DocumentType") == 0)
		return strcmp(d->type, v) == 0;
	if (strcmp(key, "TargetType") == 0)
		return strcmp(d->target_type, v) == 0;
	if (strcmp(key, "tag-key") == 0)
		return tag_matches(c, d, v, NULL);
	if (strncmp(key, "tag:", 4) == 0)
		return tag_matches(c, d, key + 4, v);
	return strcmp(v, "Linux") == 0 || strcmp(v, "Windows") == 0 ||
	    strcmp(v, "MacOS") == 0; /* PlatformTypes: see ssm/document_view.c */
}

static bool
filters_match(struct api_call *c, const struct store_document *d)
{
	const json_t *f, *v;
	size_t i, k;

	json_array_foreach(json_object_get(c->in, "DocumentFilterList"), i, f)
	{
		if (!value_matches(
			c, d, json_get_str(f, "key"), json_get_str(f, "value")))
			return false;
	}
	json_array_foreach(json_object_get(c->in, "Filters"), i, f)
	{
		const json_t *values = json_object_get(f, "Values");
		const char *key = json_get_str(f, "Key");
		bool any = false;

		json_array_foreach(values, k, v) any =
		    any || value_matches(c, d, key, json_string_value(v));
		if (!any)
			return false;
	}
	return true;
}

static int
check_values(struct api_call *c, const char *key, const char *value)
{
	static const char *const owners[] = { "All", "Amazon", "Private", "Public",
		"Self", "ThirdParty" };

	if (strcmp(key, "Owner") != 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
		if (strcmp(value, owners[i]) == 0)
			return 0;
	}
	return api_fail(c, "InvalidFilterValue",
	    "The filter value isn't valid. Owner is one of All, Amazon, Private, Public, "
	    "Self and ThirdParty.");
}

static int
check_filter(struct api_call *c, const json_t *f)
{
	static const char *const keys[] = { "DocumentType", "Name", "Owner",
		"PlatformTypes", "SearchKeyword", "TargetType", "tag-key" };
	const char *key = json_get_str(f, "Key");
	const json_t *v;
	bool known;
	size_t i;
	int err;

	known = key != NULL && strncmp(key, "tag:", 4) == 0 && key[4] != '\0';
	for (i = 0; i < ARRAY_LEN(keys) && key != NULL; i++)
		known = known || strcmp(key, keys[i]) == 0;
	if (!known)
		return api_fail(c, "InvalidFilterKey", "The specified key isn't valid.");
	json_array_foreach(json_object_get(f, "Values"), i, v)
	{
		if ((err = check_values(c, key, json_string_value(v))) != 0)
			return err;
	}
	return 0;
}

static int
check_filters(struct api_call *c)
{
	const json_t *f;
	size_t i;
	int err;

	json_array_foreach(json_object_get(c->in, "DocumentFilterList"), i, f)
	{
		err = check_values(c, json_get_str(f, "key"), json_get_str(f, "value"));
		if (err != 0)
			return err;
	}
	json_array_foreach(json_object_get(c->in, "Filters"), i, f)
	{
		if ((err = check_filter(c, f)) != 0)
			return err;
	}
	return 0;
}

/* ---- ListDocuments ---- */

static bool
list_document(void *arg, const struct store_document *d)
{
	struct page *p = arg;

	if (!filters_match(p->c, d))
		return true;
	if (!page_take(p, d->name))
		return false;
	jw_open(&p->c->w, '{');
	document_write_head(p->c, d);
	document_write_tags(p->c, d->name);
	jw_close(&p->c->w, '}');
	return true;
}

int
list_documents(struct api_call *c)
{
	int64_t limit = api_int(c, "MaxResults", PAGE_DEFAULT);
	struct page p;
	int err;

	if ((err = check_filters(c)) != 0 ||
	    (err = page_open(&p, c, "DocumentIdentifiers", limit)) != 0 ||
	    (err = store_documents(api_reader(c), p.after, list_document, &p)) != 0)
		return err;
	page_close(&p);
	return 0;
}

/* ---- ListDocumentVersions ---- */

static bool
list_version(void *arg, const struct store_document *d)
{
	struct page *p = arg;
	struct jsonw *w = &p->c->w;
	const char *number = document_number(p->c, d->version);

	if (!page_take(p, number))
		return false;
	jw_open(w, '{');
	jw_field_str(w, "Name", d->name);
	if (d->display_name[0] != '\0')
		jw_field_str(w, "DisplayName", d->display_name);
	jw_field_str(w, "DocumentVersion", number);
	if (d->version_name[0] != '\0')
		jw_field_str(w, "VersionName", d->version_name);
	jw_field_time(w, "CreatedDate", d->created_ms);
	jw_field_bool(w, "IsDefaultVersion", d->version == d->default_version);
	jw_field_str(w, "DocumentFormat", "JSON");
	jw_field_str(w, "Status", "Active");
	jw_close(w, '}');
	return true;
}

int
list_document_versions(struct api_call *c)
{
	int64_t limit = api_int(c, "MaxResults", PAGE_DEFAULT);
	struct page p;
	struct store_document d;
	int err;

	if ((err = document_find(api_reader(c), c, &d)) != 0 ||
	    (err = page_open(&p, c, "DocumentVersions", limit)) != 0)
		return err;
	err = store_document_versions(
	    api_reader(c), d.name, strtoll(p.after, NULL, 10), list_version, &p);
	if (err != 0)
		return err;
	page_close(&p);
	return 0;
}
