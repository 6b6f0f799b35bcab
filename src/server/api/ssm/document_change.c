/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making, changing and deleting documents: of the type Session, written in JSON.
 *
 * What comes with the server belongs to Amazon or to us and cannot be changed.  The
 * account's preferences, SSM-SessionManagerRunShell, are a document like any other.
 */
#include "proto/document.h"
#include "server/api/record.h"
#include "server/api/ssm/document_view.h"
#include "server/api/tags.h"

enum { DOCUMENTS_MAX = 500, VERSIONS_MAX = 1000 }; /* AWS's quotas */

static int
check_content(struct api_call *c)
{
	const char *content = api_str(c, "Content");
	struct fault f = { 0 };
	int err;

	if (strlen(content) > DOCUMENT_CONTENT_MAX)
		return api_fail(c, "MaxDocumentSizeExceeded",
		    "The size limit of a document is 64 KB.");
	err = document_check(span_str(content), &f);
	if (err == ERR_UNSUPPORTED)
		return api_fail_text(c, "InvalidDocumentSchemaVersion", fault_text(&f));
	if (err != 0)
		return api_fail_text(c, "InvalidDocumentContent", fault_text(&f));
	return 0;
}

/* What this server does not do with documents. */
static int
check_kind(struct api_call *c, const char *type)
{
	const char *format = api_str(c, "DocumentFormat");

	if (strcmp(type, "Session") != 0)
		return api_fail(c, "InvalidDocumentContent",
		    "Documents of type %s are not supported by this server, only "
		    "documents of type Session.",
		    type);
	if (format != NULL && strcmp(format, "JSON") != 0)
		return api_fail(c, "InvalidDocumentContent",
		    "The format %s is not supported by this server, only JSON.", format);
	if (json_array_size(json_object_get(c->in, "Attachments")) > 0 ||
	    json_array_size(json_object_get(c->in, "Requires")) > 0)
		return api_fail(c, "ValidationException",
		    "Session documents have no attachments and require no other "
		    "documents.");
	return check_content(c);
}

/* The member as a row wants it; the store does not write to it. */
static char *
copy(struct api_call *c, const char *member)
{
	const char *s = api_str(c, member);

	return arena_strdup(&c->mem, s != NULL ? s : "");
}

static struct store_document *
new_version(struct api_call *c)
{
	struct store_document *d = arena_alloc(&c->mem, sizeof(*d));

	*d = (struct store_document){
		.name = copy(c, "Name"),
		.type = arena_strdup(&c->mem, "Session"),
		.content = copy(c, "Content"),
		.version_name = copy(c, "VersionName"),
		.display_name = copy(c, "DisplayName"),
		.target_type = copy(c, "TargetType"),
		.created_ms = c->now_ms,
	};
	return d;
}

/* ---- CreateDocument ---- */

static int
check_name(struct api_call *c)
{
	static const char *const reserved[] = { "aws", "amazon", "amzn", "sallyport-" };
	const char *name = api_str(c, "Name");

	for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
		if (strncasecmp(name, reserved[i], strlen(reserved[i])) == 0)
			return api_fail(c, "ValidationException",
			    "The name %s isn't valid: the prefix %s is reserved.", name,
			    reserved[i]);
	}
	return 0;
}

static int
check_tags(struct api_call *c)
{
	const json_t *list = json_object_get(c->in, "Tags"), *one;
	size_t i;

	if (json_array_size(list) > TAGS_MAX)
		return api_fail(c, "TooManyTagsError",
		    "The resource would have more than %d tags.", TAGS_MAX);
	json_array_foreach(list, i, one)
	{
		if (strncmp(json_get_str(one, "Key"), "aws:", 4) == 0)
			return api_fail(c, "ValidationException",
			    "Tag keys that begin with aws: are reserved.");
	}
	return 0;
}

static int
put_tags(struct store_tx *tx, struct api_call *c, const char *name)
{
	return tags_put_list(tx, &c->mem, tags_resource(&c->mem, "Document", name),
	    json_object_get(c->in, "Tags"));
}

static int
create_change(struct store_tx *tx, struct api_call *c)
{
	struct store_document *d = c->user, old;
	int64_t n;
	int err;

	err = store_document_get(tx, &c->mem, d->name, STORE_DOCUMENT_LATEST, &old);
	if (err == 0)
		return api_fail(c, "DocumentAlreadyExists",
		    "Document with same name %s already exists", d->name);
	if (err != ERR_NOTFOUND || (err = store_document_count(tx, &n)) != 0)
		return err;
	if (n >= DOCUMENTS_MAX)
		return api_fail(c, "DocumentLimitExceeded",
		    "You can have at most %d documents.", DOCUMENTS_MAX);
	if ((err = store_document_put(tx, d, &d->version)) != 0)
		return err;
	d->latest_version = d->default_version = d->version;
	return put_tags(tx, c, d->name);
}

static int
create_done(struct api_call *c)
{
	document_write(c, "DocumentDescription", c->user, "Creating");
	return 0;
}

int
create_document(struct api_call *c)
{
	const char *type = api_str(c, "DocumentType");
	int err;

	if ((err = check_name(c)) != 0 || (err = check_tags(c)) != 0 ||
	    (err = check_kind(c, type != NULL ? type : "Command")) != 0)
		return err;
	c->user = new_version(c);
	return api_write(c, create_change, create_done);
}

/* ---- UpdateDocument ---- */

/* The document must be there and the account's own. */
static int
own_document(
    struct store_tx *tx, struct api_call *c, int64_t version, struct store_document *d)
{
	const char *name = api_str(c, "Name");
	int err = store_document_get(tx, &c->mem, name, version, d);

	if (err == ERR_NOTFOUND)
		return document_missing(c);
	if (err == 0 && d->builtin)
		return api_fail(c, "InvalidDocument",
		    "Document %s is owned by %s and can't be changed.", name,
		    document_owner(c, d));
	return err;
}

/* An update is written for the latest version, so that nobody's change is lost unseen. */
static int
check_is_latest(struct api_call *c, const struct store_document *latest)
{
	const char *given = api_str(c, "DocumentVersion");
	int64_t n = 0;

	if (given == NULL || strcmp(given, "$DEFAULT") == 0)
		n = latest->default_version;
	else if (strcmp(given, "$LATEST") == 0)
		n = latest->version;
	else if (num_parse(span_str(given), 1, INT64_MAX, &n) != 0)
		n = 0;
	if (n == latest->version)
		return 0;
	return api_fail(c, "InvalidDocumentVersion",
	    "Version provided for document %s is not latest. Please provide the latest "
	    "version to update document %s",
	    latest->name, latest->name);
}

static int
update_change(struct store_tx *tx, struct api_call *c)
{
	struct store_document *d = c->user, latest;
	int64_t n;
	int err;

	if ((err = own_document(tx, c, STORE_DOCUMENT_LATEST, &latest)) != 0 ||
	    (err = check_is_latest(c, &latest)) != 0 ||
	    (err = store_document_version_count(tx, d->name, &n)) != 0)
		return err;
	if (strcmp(latest.content, d->content) == 0)
		return api_fail_text(c, "DuplicateDocumentContent",
		    "The content of the association document matches another document. "
		    "Change the content of the document and try again.");
	if (n >= VERSIONS_MAX)
		return api_fail(c, "DocumentVersionLimitExceeded",
		    "The document has too many versions. Delete one or more document "
		    "versions and try again.");
	if (d->version_name[0] != '\0' &&
	    store_document_named(tx, d->name, d->version_name, &n) == 0)
		return api_fail(c, "DuplicateDocumentVersionName",
		    "The version name has already been used in this document. Specify a "
		    "different version name, and then try again.");
	if (d->target_type[0] == '\0')
		d->target_type = latest.target_type;
	d->type = latest.type;
	if ((err = store_document_put(tx, d, &d->version)) != 0)
		return err;
	d->latest_version = d->version;
	d->default_version = latest.default_version;
	return 0;
}

static int
update_done(struct api_call *c)
{
	document_write(c, "DocumentDescription", c->user, "Updating");
	return 0;
}

int
update_document(struct api_call *c)
{
	int err;

	if ((err = check_kind(c, "Session")) != 0)
		return err;
	c->user = new_version(c);
	return api_write(c, update_change, update_done);
}

/* ---- UpdateDocumentDefaultVersion ---- */

static int
default_change(struct store_tx *tx, struct api_call *c)
{
	struct store_document *d = c->user;
	int64_t version;
	int err;

	if ((err = own_document(tx, c, STORE_DOCUMENT_LATEST, d)) != 0 ||
	    (err = document_version(tx, c, d->name, &version)) != 0)
		return err;
	err = store_document_get(tx, &c->mem, d->name, version, d);
	if (err != 0)
		return err == ERR_NOTFOUND ? document_bad_version(c) : err;
	return store_document_set_default(tx, d->name, version);
}

static int
default_done(struct api_call *c)
{
	const struct store_document *d = c->user;

	jw_key(&c->w, "Description");
	jw_open(&c->w, '{');
	jw_field_str(&c->w, "Name", d->name);
	jw_field_str(&c->w, "DefaultVersion", document_number(c, d->version));
	if (d->version_name[0] != '\0')
		jw_field_str(&c->w, "DefaultVersionName", d->version_name);
	jw_close(&c->w, '}');
	return 0;
}

int
update_document_default_version(struct api_call *c)
{
	c->user = arena_alloc(&c->mem, sizeof(struct store_document));
	return api_write(c, default_change, default_done);
}

/* ---- what the audit trail has of the answers ---- */

void
document_record(struct api_call *c, struct jsonw *w)
{
	const struct store_document *d = c->user;
	char hash[DOCUMENT_HASH_LEN + 1];

	document_hash(hash, d);
	record_open(w, "DocumentDescription", '{');
	record_text(w, "Hash", hash);
	record_text(w, "HashType", "Sha256");
	record_text(w, "Name", d->name);
	record_text(w, "DisplayName", d->display_name);
	record_text(w, "VersionName", d->version_name);
	record_text(w, "Owner", document_owner(c, d));
	record_date(w, "CreatedDate", d->created_ms);
	record_text(w, "Status", c->op->run == create_document ? "Creating" : "Updating");
	record_text(w, "DocumentVersion", document_number(c, d->version));
	record_text(w, "DocumentType", d->type);
	record_text(w, "LatestVersion", document_number(c, d->latest_version));
	record_text(w, "DefaultVersion", document_number(c, d->default_version));
	record_text(w, "DocumentFormat", "JSON");
	record_text(w, "TargetType", d->target_type);
	record_tags(c, w);
	jw_close(w, '}');
}

void
document_default_record(struct api_call *c, struct jsonw *w)
{
	const struct store_document *d = c->user;

	record_open(w, "Description", '{');
	record_text(w, "Name", d->name);
	record_text(w, "DefaultVersion", document_number(c, d->version));
	record_text(w, "DefaultVersionName", d->version_name);
	jw_close(w, '}');
}

/* ---- DeleteDocument ---- */

static int
delete_change(struct store_tx *tx, struct api_call *c)
{
	struct store_document d;
	int64_t version;
	int err;

	if ((err = own_document(tx, c, STORE_DOCUMENT_LATEST, &d)) != 0 ||
	    (err = document_version(tx, c, d.name, &version)) != 0)
		return err;
	if (version == DOCUMENT_NO_VERSION)
		return store_document_del(tx, d.name);
	if (version == STORE_DOCUMENT_LATEST)
		version = d.version;
	if (version == STORE_DOCUMENT_DEFAULT || version == d.default_version)
		return api_fail(c, "InvalidDocumentOperation",
		    "Default version of the document can't be deleted.");
	err = store_document_del_version(tx, d.name, version);
	return err == ERR_NOTFOUND ? document_bad_version(c) : err;
}

int
delete_document(struct api_call *c)
{
	return api_write(c, delete_change, NULL);
}
