/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents of sessions.  The latest version counts, not the default one, as at AWS.
 *
 * Amazon's documents say nothing about users and limits; the account's preferences speak
 * for them.  Otherwise anybody who may use AWS-StartInteractiveCommand would get around
 * Run As.
 */
#include "server/api/ssm/session_doc.h"

#include "proto/arn.h"
#include "proto/dial_policy.h"
#include "proto/document.h"
#include "proto/ids.h"
#include "server/domain/session.h"

/* Who deleted the preferences gets the ones that came with the server, as at AWS. */
static int
first_preferences(struct api_call *c, struct store_document *d)
{
	for (size_t i = 0; i < document_builtins_len; i++) {
		const struct document_builtin *b = &document_builtins[i];

		if (strcmp(b->name, DOCUMENT_PREFERENCES) != 0)
			continue;
		*d = (struct store_document){
			.name = arena_strdup(&c->mem, b->name),
			.type = arena_strdup(&c->mem, b->type),
			.content = arena_strdup(&c->mem, b->content),
		};
		return 0;
	}
	return ERR_NOTFOUND;
}

static int
get_document(struct api_call *c, const char *name, struct store_document *d)
{
	int err =
	    store_document_get(api_reader(c), &c->mem, name, STORE_DOCUMENT_LATEST, d);

	if (err == ERR_NOTFOUND && strcmp(name, DOCUMENT_PREFERENCES) == 0)
		err = first_preferences(c, d);
	if (err == ERR_NOTFOUND)
		return api_fail(
		    c, "InvalidDocument", "Document with name %s does not exist.", name);
	if (err != 0)
		return err;
	if (strcmp(d->type, "Session") != 0)
		return api_fail(c, "InvalidDocument",
		    "Document type: '%s' is not supported. Only type: 'Session' is "
		    "supported.",
		    d->type);
	return 0;
}

/* "Name", or the ARN of a document. */
static int
document_name(struct api_call *c, const char **name)
{
	const char *given = api_str(c, "DocumentName");
	struct span bare;

	*name = DOCUMENT_PREFERENCES;
	if (given == NULL)
		return 0;
	if (arn_document_name(&bare, span_str(given)) != 0)
		return api_fail(
		    c, "InvalidDocument", "Document with name %s does not exist.", given);
	*name = arena_str(&c->mem, bare);
	return 0;
}

static int
resolve(struct api_call *c, const struct store_document *d, const json_t *parameters,
    struct session_document *out, struct buf *content)
{
	struct fault f = { 0 };
	char ip[DIAL_IP_TEXT];
	int err =
	    document_resolve(out, content, &c->mem, span_str(d->content), parameters, &f);

	if (err != 0)
		return api_fail_text(c, "InvalidParameters", fault_text(&f));
	/* Our agent looks at what a name resolves to, a stock one at a list of its own. */
	if (out->type == DOCUMENT_PORT && dial_host_is_forbidden(ip, out->host))
		return api_fail(c, "InvalidParameters",
		    "Forwarding to IP address %s is forbidden.", ip);
	return 0;
}

/* Users and limits for documents that state none of their own. */
static int
preferences(struct api_call *c, struct session_document *out)
{
	struct store_document d;
	int err = get_document(c, DOCUMENT_PREFERENCES, &d);

	return err != 0 ? err : resolve(c, &d, NULL, out, NULL);
}

/* The tag of the caller goes before the default; neither means no session. */
static int
choose_user(
    struct api_call *c, const struct session_document *doc, struct session_start *s)
{
	const char *user = c->auth.who.run_as;

	s->run_as = "";
	if (!doc->run_as_enabled)
		return 0;
	if (user == NULL || user[0] == '\0')
		user = doc->run_as_default_user;
	if (user[0] == '\0')
		return api_fail(c, "BadRequest",
		    "Run As is enabled, but neither the tag SSMSessionRunAs of the "
		    "caller nor the "
		    "session preferences name an operating system user.");
	if (!id_user_valid(span_str(user)))
		return api_fail(c, "BadRequest",
		    "Run As is enabled, but '%s' isn't a valid operating system user.",
		    user);
	s->run_as = user;
	return 0;
}

int
session_doc_resolve(struct api_call *c, struct session_start *s)
{
	struct session_document doc, prefs;
	struct store_document d;
	const char *name;
	auto_buf content;
	int err;

	buf_init(&content, DOCUMENT_RESOLVED_MAX);
	if ((err = document_name(c, &name)) != 0 ||
	    (err = get_document(c, name, &d)) != 0 ||
	    (err = resolve(
		 c, &d, json_object_get(c->in, "Parameters"), &doc, &content)) != 0)
		return err;
	if ((err = buf_check(&content)) != 0)
		return api_fail(c, "InvalidDocument", "The document is too large.");
	prefs = doc;
	if (d.builtin && (err = preferences(c, &prefs)) != 0)
		return err;
	s->document = d.name;
	s->content_json = arena_strdup(&c->mem, buf_cstr(&content));
	s->idle_min = prefs.idle_min;
	s->max_duration_min = prefs.max_min;
	/* A forwarded port runs as nobody. */
	if (doc.type == DOCUMENT_PORT)
		prefs.run_as_enabled = false;
	return choose_user(c, &prefs, s);
}
