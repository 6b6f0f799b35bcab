/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IAM: OpenID Connect providers, whose tokens AssumeRoleWithWebIdentity takes.
 *
 * A provider is known by its URL without "https://".  AWS allows no port in it; in a network of
 * one's own there often is one.
 */
#include "codec/uri.h"
#include "proto/arn.h"
#include "server/api/iam/iam.h"
#include "server/api/record.h"

#define SCHEME   "https://"
#define TYPE     "oidc-provider"
#define RESOURCE "OIDCProvider" /* of tags */

enum { CLIENTS_MAX = 100, THUMBPRINTS_MAX = 5, PROVIDERS_MAX = 100 };

static char *
provider_arn(struct api_call *c, const char *url)
{
	return arn_iam(&c->mem, c->env->account, TYPE, "/", url);
}

static const char *
tags_of(struct api_call *c, const char *url)
{
	return tags_resource(&c->mem, RESOURCE, url);
}

/* The URL in an ARN of this account; "" when it is none. */
static const char *
url_of_arn(struct api_call *c, const char *arn)
{
	const char *begin = provider_arn(c, "");
	size_t n = strlen(begin);

	return strncmp(arn, begin, n) == 0 ? arn + n : "";
}

static int
find_resource(struct api_call *c)
{
	return resource_add(c, api_str(c, "OpenIDConnectProviderArn"));
}

static int
find_new_resource(struct api_call *c)
{
	const char *url = api_str(c, "Url");
	size_t n = strlen(SCHEME);

	return resource_add(
	    c, provider_arn(c, strncmp(url, SCHEME, n) == 0 ? url + n : url));
}

static int
find_provider(struct store_tx *tx, struct api_call *c, struct store_oidc *o)
{
	const char *arn = api_str(c, "OpenIDConnectProviderArn");
	int err = store_oidc_get(tx, &c->mem, url_of_arn(c, arn), o);

	if (err == ERR_NOTFOUND)
		return api_fail_text(c, "NoSuchEntity",
		    arena_printf(
			&c->mem, "OpenIDConnect Provider not found for arn %s", arn));
	return err;
}

/* ---- lists of texts, kept as JSON ---- */

static char *
dump_list(struct api_call *c, const json_t *list)
{
	auto_buf b;

	buf_init(&b, 256UL * 1024);
	json_dump(&b, list);
	assert(buf_check(&b) == 0);
	return arena_strdup(&c->mem, buf_cstr(&b));
}

static char *
list_of_input(struct api_call *c, const char *member)
{
	const json_t *list = json_object_get(c->in, member);
	auto_json *none = json_array();

	return dump_list(c, list != NULL ? list : none);
}

static size_t
index_of(const json_t *list, const char *text)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		if (strcmp(json_string_value(one), text) == 0)
			break;
	}
	return i;
}

static int
write_list(struct api_call *c, const char *name, const char *text)
{
	auto_json *list = NULL;
	const json_t *one;
	size_t i;
	int err;

	if ((err = json_read(&list, span_str(text), NULL)) != 0)
		return err;
	xw_open(&c->out, name);
	json_array_foreach(list, i, one)
	    xw_elem(&c->out, "member", json_string_value(one));
	xw_close(&c->out, name);
	return 0;
}

/* ---- CreateOpenIDConnectProvider ---- */

static int
check_url(struct api_call *c, const char *url)
{
	struct url u;

	if (strlen(url) > strlen(SCHEME) && url_parse(&u, span_str(url), NULL) == 0 &&
	    strncmp(url, SCHEME, strlen(SCHEME)) == 0 && span_find(u.target, '?') < 0 &&
	    span_find(u.target, '#') < 0)
		return 0;
	return api_fail(c, "ValidationError", "Invalid Open ID Connect Provider URL");
}

static int
check_lists(struct api_call *c)
{
	if (json_array_size(json_object_get(c->in, "ThumbprintList")) > THUMBPRINTS_MAX)
		return api_fail(c, "InvalidInput",
		    "Thumbprint list must contain fewer than %d entries.",
		    THUMBPRINTS_MAX);
	if (json_array_size(json_object_get(c->in, "ClientIDList")) > CLIENTS_MAX)
		return api_fail(c, "LimitExceeded",
		    "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d",
		    CLIENTS_MAX);
	return 0;
}

static bool
count_one(void *arg, const struct store_oidc *o)
{
	(void)o;
	++*(int *)arg;
	return true;
}

static int
create_change(struct store_tx *tx, struct api_call *c)
{
	const struct store_oidc *o = c->user;
	struct store_oidc old;
	int n = 0, err;

	err = store_oidc_get(tx, &c->mem, o->url, &old);
	if (err == 0)
		return api_fail(c, "EntityAlreadyExists",
		    "Provider with url %s already exists.", api_str(c, "Url"));
	if (err != ERR_NOTFOUND || (err = store_oidcs(tx, "", count_one, &n)) != 0)
		return err;
	if (n >= PROVIDERS_MAX)
		return api_fail(c, "LimitExceeded",
		    "Cannot exceed quota for OpenIdConnectProvidersPerAccount: %d",
		    PROVIDERS_MAX);
	if ((err = store_oidc_put(tx, o)) != 0)
		return err;
	return iam_put_resource_tags(tx, c, tags_of(c, o->url));
}

static int
create_done(struct api_call *c)
{
	const struct store_oidc *o = c->user;

	xw_elem(&c->out, "OpenIDConnectProviderArn", provider_arn(c, o->url));
	return 0;
}

static void
record_created(struct api_call *c, struct jsonw *w)
{
	const struct store_oidc *o = c->user;

	record_text(w, "OpenIDConnectProviderArn", provider_arn(c, o->url));
	record_tags(c, w);
}

static int
create_provider(struct api_call *c)
{
	struct store_oidc *o = arena_alloc(&c->mem, sizeof(*o));
	const char *url = api_str(c, "Url");
	int err;

	if ((err = check_url(c, url)) != 0 || (err = check_lists(c)) != 0 ||
	    (err = iam_check_tags(c, false)) != 0)
		return err;
	o->url = arena_strdup(&c->mem, url + strlen(SCHEME));
	o->clients_json = list_of_input(c, "ClientIDList");
	o->thumbprints_json = list_of_input(c, "ThumbprintList");
	o->created_ms = c->now_ms;
	c->user = o;
	return api_write(c, create_change, create_done);
}

/* ---- GetOpenIDConnectProvider, ListOpenIDConnectProviders ---- */

static int
get_provider(struct api_call *c)
{
	struct store_oidc o;
	struct tags t;
	int err;

	if ((err = find_provider(api_reader(c), c, &o)) != 0 ||
	    (err = tags_load(api_reader(c), &c->mem, tags_of(c, o.url), &t)) != 0)
		return err;
	xw_elem(&c->out, "Url", o.url);
	if ((err = write_list(c, "ClientIDList", o.clients_json)) != 0 ||
	    (err = write_list(c, "ThumbprintList", o.thumbprints_json)) != 0)
		return err;
	iam_write_date(c, "CreateDate", o.created_ms);
	iam_write_tag_list(c, &t);
	return 0;
}

static bool
list_one(void *arg, const struct store_oidc *o)
{
	struct api_call *c = arg;

	xw_open(&c->out, "member");
	xw_elem(&c->out, "Arn", provider_arn(c, o->url));
	xw_close(&c->out, "member");
	return true;
}

static int
list_providers(struct api_call *c)
{
	int err;

	xw_open(&c->out, "OpenIDConnectProviderList");
	err = store_oidcs(api_reader(c), "", list_one, c);
	xw_close(&c->out, "OpenIDConnectProviderList");
	return err;
}

/* ---- AddClientID..., RemoveClientID..., UpdateOpenIDConnectProviderThumbprint ---- */

/* add: else it goes.  What is so already is a success. */
static int
change_client(struct store_tx *tx, struct api_call *c, bool add)
{
	const char *client = api_str(c, "ClientID");
	auto_json *list = NULL;
	struct store_oidc o;
	size_t at;
	int err;

	if ((err = find_provider(tx, c, &o)) != 0 ||
	    (err = json_read(&list, span_str(o.clients_json), NULL)) != 0)
		return err;
	at = index_of(list, client);
	if (add == (at < json_array_size(list)))
		return 0;
	if (add && at >= CLIENTS_MAX)
		return api_fail(c, "LimitExceeded",
		    "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d",
		    CLIENTS_MAX);
	if (add)
		json_array_append_new(list, json_string(client));
	else
		json_array_remove(list, at);
	o.clients_json = dump_list(c, list);
	return store_oidc_put(tx, &o);
}

static int
add_change(struct store_tx *tx, struct api_call *c)
{
	return change_client(tx, c, true);
}

static int
add_client(struct api_call *c)
{
	return api_write(c, add_change, NULL);
}

static int
remove_change(struct store_tx *tx, struct api_call *c)
{
	return change_client(tx, c, false);
}

static int
remove_client(struct api_call *c)
{
	return api_write(c, remove_change, NULL);
}

static int
thumbprint_change(struct store_tx *tx, struct api_call *c)
{
	struct store_oidc o;
	int err;

	if ((err = find_provider(tx, c, &o)) != 0)
		return err;
	o.thumbprints_json = list_of_input(c, "ThumbprintList");
	return store_oidc_put(tx, &o);
}

static int
update_thumbprint(struct api_call *c)
{
	int err = check_lists(c);

	return err != 0 ? err : api_write(c, thumbprint_change, NULL);
}

/* ---- tags ---- */

static int
tag_change(struct store_tx *tx, struct api_call *c)
{
	struct store_oidc o;
	int err = find_provider(tx, c, &o);

	return err != 0 ? err : iam_put_resource_tags(tx, c, tags_of(c, o.url));
}

static int
tag_provider(struct api_call *c)
{
	int err = iam_check_tags(c, false);

	return err != 0 ? err : api_write(c, tag_change, NULL);
}

static int
untag_change(struct store_tx *tx, struct api_call *c)
{
	const json_t *keys = json_object_get(c->in, "TagKeys"), *key;
	struct store_oidc o;
	size_t i;
	int err = find_provider(tx, c, &o);

	json_array_foreach(keys, i, key)
	{
		if (err == 0)
			err = store_tag_del(
			    tx, tags_of(c, o.url), json_string_value(key));
	}
	return err;
}

static int
untag_provider(struct api_call *c)
{
	return api_write(c, untag_change, NULL);
}

static int
list_provider_tags(struct api_call *c)
{
	struct store_oidc o;
	int err = find_provider(api_reader(c), c, &o);

	return err != 0 ? err : iam_list_resource_tags(c, tags_of(c, o.url));
}

/* ---- DeleteOpenIDConnectProvider ---- */

static int
delete_change(struct store_tx *tx, struct api_call *c)
{
	const char *arn = api_str(c, "OpenIDConnectProviderArn");
	const char *url = url_of_arn(c, arn);
	int err = store_oidc_del(tx, url);

	if (err == ERR_NOTFOUND)
		return api_fail_text(c, "NoSuchEntity",
		    arena_printf(
			&c->mem, "OpenId connect Provider %s cannot be found.", arn));
	return err != 0 ? err : store_tags_del(tx, tags_of(c, url));
}

static int
delete_provider(struct api_call *c)
{
	return api_write(c, delete_change, NULL);
}

#define PROVIDER    .service = API_IAM, .find = find_resource
#define BY_ARN      "OpenIDConnectProviderArn*: " IAM_ARN
#define CLIENT      "string{1..255}"
#define THUMBPRINTS "list[string{40..40}]"

const struct api_op iam_oidc_ops[] = {
	{
	    .service = API_IAM,
	    .access = API_WRITE,
	    .name = "CreateOpenIDConnectProvider",
	    .action = "iam:CreateOpenIDConnectProvider",
	    .find = find_new_resource,
	    .input = "{ ClientIDList: list[" CLIENT "]; ThumbprintList: " THUMBPRINTS
		     "; Url*: string{1..255}; Tags: " IAM_TAGS " }",
	    .run = create_provider,
	    .response = record_created,
	},
	{
	    PROVIDER,
	    .access = API_READ,
	    .name = "GetOpenIDConnectProvider",
	    .action = "iam:GetOpenIDConnectProvider",
	    .input = "{ " BY_ARN " }",
	    .run = get_provider,
	},
	{
	    .service = API_IAM,
	    .access = API_READ,
	    .name = "ListOpenIDConnectProviders",
	    .action = "iam:ListOpenIDConnectProviders",
	    .resource = "*",
	    .input = "{ }",
	    .run = list_providers,
	},
	{
	    PROVIDER,
	    .access = API_WRITE,
	    .name = "AddClientIDToOpenIDConnectProvider",
	    .action = "iam:AddClientIDToOpenIDConnectProvider",
	    .input = "{ " BY_ARN "; ClientID*: " CLIENT " }",
	    .no_result = true,
	    .run = add_client,
	},
	{
	    PROVIDER,
	    .access = API_WRITE,
	    .name = "RemoveClientIDFromOpenIDConnectProvider",
	    .action = "iam:RemoveClientIDFromOpenIDConnectProvider",
	    .input = "{ " BY_ARN "; ClientID*: " CLIENT " }",
	    .no_result = true,
	    .run = remove_client,
	},
	{
	    PROVIDER,
	    .access = API_WRITE,
	    .name = "UpdateOpenIDConnectProviderThumbprint",
	    .action = "iam:UpdateOpenIDConnectProviderThumbprint",
	    .input = "{ " BY_ARN "; ThumbprintList*: " THUMBPRINTS " }",
	    .no_result = true,
	    .run = update_thumbprint,
	},
	{
	    PROVIDER,
	    .access = API_WRITE,
	    .name = "TagOpenIDConnectProvider",
	    .action = "iam:TagOpenIDConnectProvider",
	    .input = "{ " BY_ARN "; Tags*: " IAM_TAGS " }",
	    .no_result = true,
	    .run = tag_provider,
	},
	{
	    PROVIDER,
	    .access = API_WRITE,
	    .name = "UntagOpenIDConnectProvider",
	    .action = "iam:UntagOpenIDConnectProvider",
	    .input = "{ " BY_ARN "; TagKeys*: " IAM_TAG_KEYS " }",
	    .no_result = true,
	    .run = untag_provider,
	},
	{
	    PROVIDER,
	    .access = API_READ,
	    .name = "ListOpenIDConnectProviderTags",
	    .action = "iam:ListOpenIDConnectProviderTags",
	    .input = "{ " BY_ARN "; " IAM_PAGING " }",
	    .run = list_provider_tags,
	},
	{
	    PROVIDER,
	    .access = API_WRITE,
	    .name = "DeleteOpenIDConnectProvider",
	    .action = "iam:DeleteOpenIDConnectProvider",
	    .input = "{ " BY_ARN " }",
	    .no_result = true,
	    .run = delete_provider,
	},
	{ 0 },
};
