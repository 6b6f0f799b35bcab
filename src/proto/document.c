/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session documents: what they must look like, and how a resolved one becomes a struct.
 * Parameters are in document_params.c, the documents of the server in document_builtin.c.
 *
 * One pass serves both callers: document_check() looks at the text as written, where a
 * string with {{ in it is "open" and not judged; document_resolve() looks at it after
 * insertion, where nothing is open.
 */
#include "proto/document.h"

#include "base/text.h"
#include "codec/json.h"
#include "proto/document_int.h"
#include "proto/ids.h"
#include "proto/member.h"
#include "proto/pattern.h"

enum { INPUT_MAX = 4096, PROFILE_MAX = 32 * 1024 };

static const char *const type_names[] = {
	[DOCUMENT_STANDARD_STREAM] = "Standard_Stream",
	[DOCUMENT_INTERACTIVE] = "InteractiveCommands",
	[DOCUMENT_NONINTERACTIVE] = "NonInteractiveCommands",
	[DOCUMENT_PORT] = "Port",
	[DOCUMENT_COPY] = "Sallyport_CopyFiles",
};

const char *
document_type_name(enum document_type t)
{
	return type_names[t];
}

int
document_type_parse(enum document_type *t, struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(type_names); i++) {
		if (span_eq_str(name, type_names[i])) {
			*t = (enum document_type)i;
			return 0;
		}
	}
	return ERR_INVALID;
}

/* --- members by table ------------------------------------------------------------------
 */

enum kind { KIND_TEXT, KIND_BOOL, KIND_MINUTES };

struct row {
	const char *key;
	enum kind kind;
	size_t offset; /* in struct session_document: const char *, bool or int64_t */
	int64_t max;   /* bytes, or minutes */
};

#define TEXT(key, field, max)                                                 \
	{                                                                     \
		key, KIND_TEXT, offsetof(struct session_document, field), max \
	}
#define BOOL(key, field)                                                    \
	{                                                                   \
		key, KIND_BOOL, offsetof(struct session_document, field), 0 \
	}
#define MINUTES(key, field, max)                                                 \
	{                                                                        \
		key, KIND_MINUTES, offsetof(struct session_document, field), max \
	}

static const struct row input_rows[] = {
	TEXT("s3BucketName", s3_bucket, INPUT_MAX),
	TEXT("s3KeyPrefix", s3_prefix, INPUT_MAX),
	BOOL("s3EncryptionEnabled", s3_encryption),
	TEXT("cloudWatchLogGroupName", log_group, INPUT_MAX),
	BOOL("cloudWatchEncryptionEnabled", log_encryption),
	BOOL("cloudWatchStreamingEnabled", log_streaming),
	TEXT("kmsKeyId", kms_key_id, INPUT_MAX),
	BOOL("runAsEnabled", run_as_enabled),
	TEXT("runAsDefaultUser", run_as_default_user, INPUT_MAX),
	MINUTES("idleSessionTimeout", idle_min, DOCUMENT_IDLE_MAX),
	MINUTES("maxSessionDuration", max_min, DOCUMENT_DURATION_MAX),
};

static const struct row profile_rows[] = {
	TEXT("linux", shell_profile, PROFILE_MAX),
};

static const struct row command_rows[] = {
	TEXT("commands", commands, DOCUMENT_RESOLVED_MAX),
	BOOL("runAsElevated", run_as_elevated),
	BOOL("separateOutputStream", separate_output),
	BOOL("standardInput", standard_input), /* ours; stock agents pass over it */
	TEXT("stdOutSeparatorPrefix", stdout_prefix, INPUT_MAX),
	TEXT("stdErrSeparatorPrefix", stderr_prefix, INPUT_MAX),
};

static const struct row port_rows[] = {
	TEXT("portNumber", port, INPUT_MAX),
	TEXT("localPortNumber", local_port, INPUT_MAX),
	TEXT("host", host, INPUT_MAX),
	TEXT("type", forward_type, INPUT_MAX),
	TEXT("localUnixSocket", local_socket, INPUT_MAX),
	TEXT("localConnectionType", local_connection_type, INPUT_MAX),
	TEXT("remoteUnixSocket", remote_socket, INPUT_MAX), /* ours */
};

static bool
is_open(const struct document_ctx *c, const json_t *v)
{
	return c->as_written && json_is_string(v) &&
	    strstr(json_string_value(v), "{{") != NULL;
}

/* Stock agents want these as JSON booleans, whatever the document says. */
static int
read_bool(struct document_ctx *c, bool *out, json_t *o, const char *key, const json_t *v)
{
	const char *s = json_string_value(v);

	if (json_is_boolean(v))
		*out = json_is_true(v);
	else if (s != NULL && strcmp(s, "true") == 0)
		*out = true;
	else if (s != NULL && (strcmp(s, "false") == 0 || *s == '\0'))
		*out = false;
	else
		return fault_set(c->f, ERR_INVALID, "%s must be true or false", key);
	json_object_set_new(o, key, json_boolean(*out));
	return 0;
}

/* And these as strings. */
static int
read_text(struct document_ctx *c, const char **out, json_t *o, const char *key,
    const json_t *v, int64_t max)
{
	if (json_is_integer(v)) {
		*out = arena_printf(c->mem, "%lld", (long long)json_integer_value(v));
		json_object_set_new(o, key, json_string(*out));
		return 0;
	}
	if (!json_is_string(v))
		return fault_set(c->f, ERR_INVALID, "%s must be a string", key);
	if (json_string_length(v) > (size_t)max)
		return fault_set(c->f, ERR_LIMIT, "%s is too long", key);
	*out = arena_strdup(c->mem, json_string_value(v));
	return 0;
}

static int
read_minutes(
    struct document_ctx *c, int64_t *out, const char *key, const json_t *v, int64_t max)
{
	if (json_is_integer(v))
		*out = json_integer_value(v);
	else if (!json_is_string(v))
		return fault_set(c->f, ERR_INVALID, "%s must be a string", key);
	else if (json_string_length(v) == 0)
		return 0; /* as if it were not there */
	else if (num_parse(span_str(json_string_value(v)), 1, max, out) != 0)
		*out = 0;
	if (*out < 1 || *out > max)
		return fault_set(c->f, ERR_INVALID,
		    "%s must be between 1 and %lld minutes", key, (long long)max);
	return 0;
}

static int
read_rows(struct document_ctx *c, struct session_document *d, json_t *o,
    const struct row *t, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		const json_t *v = json_object_get(o, t[i].key);
		void *field = (char *)d + t[i].offset;

		if (v == NULL || json_is_null(v) || is_open(c, v))
			continue;
		if (t[i].kind == KIND_BOOL)
			r = read_bool(c, field, o, t[i].key, v);
		else if (t[i].kind == KIND_MINUTES)
			r = read_minutes(c, field, t[i].key, v, t[i].max);
		else
			r = read_text(c, field, o, t[i].key, v, t[i].max);
	}
	return r;
}

/* *out: the object member, NULL when absent. */
static int
object_member(struct document_ctx *c, json_t **out, const json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	*out = NULL;
	if (v == NULL || json_is_null(v))
		return 0;
	if (!json_is_object(v))
		return fault_set(c->f, ERR_INVALID, "%s must be an object", key);
	*out = v;
	return 0;
}

/* --- the parts
 * ------------------------------------------------------------------------------ */

static int
read_inputs(struct document_ctx *c, struct session_document *d, const json_t *content)
{
	json_t *inputs, *profile;
	int r;

	if ((r = object_member(c, &inputs, content, "inputs")) != 0)
		return r;
	if ((r = read_rows(c, d, inputs, input_rows, ARRAY_LEN(input_rows))) != 0)
		return r;
	if (d->run_as_default_user[0] != '\0' &&
	    !id_user_valid(span_str(d->run_as_default_user)))
		return fault_set(
		    c->f, ERR_INVALID, "runAsDefaultUser is not a user name");
	if (json_is_string(json_object_get(inputs, "shellProfile")))
		return 0; /* "" in some documents; stock agents look into objects only */
	if ((r = object_member(c, &profile, inputs, "shellProfile")) != 0)
		return r;
	return read_rows(c, d, profile, profile_rows, ARRAY_LEN(profile_rows));
}

static bool
prefix_ok(const char *s)
{
	return pattern_match(SPAN("^[0-9a-zA-Z\\r\\n_:-]{0,30}$"), span_str(s)) == 0;
}

static int
read_commands(
    struct document_ctx *c, struct session_document *d, const json_t *properties)
{
	json_t *linux_;
	int r;

	if ((r = object_member(c, &linux_, properties, "linux")) != 0)
		return r;
	if ((r = read_rows(c, d, linux_, command_rows, ARRAY_LEN(command_rows))) != 0)
		return r;
	if (!prefix_ok(d->stdout_prefix) || !prefix_ok(d->stderr_prefix))
		return fault_set(c->f, ERR_INVALID,
		    "an output prefix has characters that are not allowed");
	return 0;
}

static int
check_port(struct document_ctx *c, const char *key, const char *text, int64_t min)
{
	int64_t port;

	if (*text == '\0' || num_parse(span_str(text), min, UINT16_MAX, &port) == 0)
		return 0;
	return fault_set(c->f, ERR_INVALID, "%s must be a port number", key);
}

static int
read_port(struct document_ctx *c, struct session_document *d, json_t *properties)
{
	const json_t *port = json_object_get(properties, "portNumber");
	const json_t *socket = json_object_get(properties, "remoteUnixSocket");
	int r;

	if ((r = read_rows(c, d, properties, port_rows, ARRAY_LEN(port_rows))) != 0)
		return r;
	if (*d->port == '\0' && *d->remote_socket == '\0' && !is_open(c, port) &&
	    !is_open(c, socket))
		return fault_set(c->f, ERR_INVALID, "portNumber is missing");
	if ((r = check_port(c, "portNumber", d->port, 1)) != 0)
		return r;
	return check_port(c, "localPortNumber", d->local_port, 0);
}

static int
read_head(struct document_ctx *c, struct session_document *d, const json_t *o)
{
	const char *version = json_get_str(o, "schemaVersion");
	const char *type = json_get_str(o, "sessionType");
	const json_t *description = json_object_get(o, "description");

	if (version == NULL || strcmp(version, "1.0") != 0)
		return fault_set(c->f, ERR_UNSUPPORTED, "schemaVersion must be 1.0");
	if (type == NULL || document_type_parse(&d->type, span_str(type)) != 0)
		return fault_set(c->f, ERR_INVALID,
		    "sessionType must be Standard_Stream, InteractiveCommands, "
		    "NonInteractiveCommands, Port or Sallyport_CopyFiles");
	if (description != NULL && !json_is_null(description) &&
	    !json_is_string(description))
		return fault_set(c->f, ERR_INVALID, "description must be a string");
	return 0;
}

static const struct session_document empty_document = {
	.idle_min = DOCUMENT_IDLE_DEFAULT,
	.run_as_default_user = "",
	.shell_profile = "",
	.s3_bucket = "",
	.s3_prefix = "",
	.log_group = "",
	.kms_key_id = "",
	.commands = "",
	.stdout_prefix = "",
	.stderr_prefix = "",
	.port = "",
	.local_port = "",
	.host = "",
	.forward_type = "",
	.local_socket = "",
	.local_connection_type = "",
	.remote_socket = "",
};

/* Fills d from a tree, which is put into the form that agents want on the way. */
static int
read_document(struct document_ctx *c, struct session_document *d, json_t *o)
{
	json_t *properties;
	int r;

	*d = empty_document;
	if ((r = read_head(c, d, o)) != 0)
		return r;
	if ((r = read_inputs(c, d, o)) != 0)
		return r;
	if ((r = object_member(c, &properties, o, "properties")) != 0)
		return r;
	if (d->type == DOCUMENT_PORT)
		return read_port(c, d, properties);
	if (d->type == DOCUMENT_STANDARD_STREAM || d->type == DOCUMENT_COPY)
		return 0;
	return read_commands(c, d, properties);
}

static int
load(json_t **o, struct span content, struct fault *f)
{
	int r;

	if (content.n > DOCUMENT_RESOLVED_MAX)
		return fault_set(f, ERR_LIMIT, "the document is too long");
	if ((r = json_read(o, content, f)) != 0)
		return r;
	if (!json_is_object(*o))
		return fault_set(f, ERR_INVALID, "the document is not an object");
	return 0;
}

int
document_check(struct span content, struct fault *f)
{
	struct session_document d;
	auto_json *o = NULL;
	auto_arena mem;
	struct document_ctx c = { .mem = &mem, .f = f, .as_written = true };
	int r;

	arena_init(&mem);
	if (content.n > DOCUMENT_CONTENT_MAX)
		return fault_set(f, ERR_LIMIT, "the document is longer than %d bytes",
		    DOCUMENT_CONTENT_MAX);
	if ((r = load(&o, content, f)) != 0)
		return r;
	if ((r = document_params_check(&c, o)) != 0)
		return r;
	return read_document(&c, &d, o);
}

int
document_resolve(struct session_document *out, struct buf *content_out, struct arena *mem,
    struct span content, const json_t *parameters, struct fault *f)
{
	struct document_ctx c = { .mem = mem, .f = f };
	auto_json *o = NULL;
	int r;

	*out = empty_document;
	if ((r = load(&o, content, f)) != 0)
		return r;
	if ((r = read_head(&c, out, o)) != 0)
		return r;
	if ((r = document_params_insert(&c, o, parameters)) != 0)
		return r;
	if ((r = read_document(&c, out, o)) != 0)
		return r;
	out->properties =
	    member_text(mem, json_object_get(o, "properties"), DOCUMENT_RESOLVED_MAX);
	if (content_out != NULL) {
		json_dump(content_out, o);
		r = buf_check(content_out);
	}
	return r;
}
