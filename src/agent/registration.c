/* SPDX-License-Identifier: Apache-2.0 */
/* See registration.h. */
#include "agent/registration.h"

#include "agent/dial.h"
#include "agent/files.h"
#include "codec/json.h"
#include "codec/jsonw.h"
#include "codec/uri.h"
#include "crypto/crypto.h"
#include "proto/ids.h"

struct field {
	const char *name;
	size_t offset;
	bool required;
};

static const struct field fields[] = {
	{ "NodeId", offsetof(struct agent_reg, node_id), true },
	{ "Endpoint", offsetof(struct agent_reg, endpoint), true },
	{ "Region", offsetof(struct agent_reg, region), true },
	{ "CaFile", offsetof(struct agent_reg, ca_file), false },
	{ "Fingerprint", offsetof(struct agent_reg, fingerprint), false },
	{ "SessionUser", offsetof(struct agent_reg, session_user), false },
	{ "DenyForward", offsetof(struct agent_reg, deny_forward), false },
	{ "AccessKeyId", offsetof(struct agent_reg, access_key), false },
	{ "SecretAccessKey", offsetof(struct agent_reg, secret_key), false },
};

static char **
field_of(struct agent_reg *r, const struct field *fd)
{
	return (char **)(void *)((char *)r + fd->offset);
}

void
agent_reg_fini(struct agent_reg *r)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		char **p = field_of(r, &fields[i]);

		secret_free(*p);
		*p = NULL;
	}
}

int
agent_endpoint_clean(char **out, const char *endpoint, struct fault *f)
{
	struct span s = span_str(endpoint), target;
	struct fault why = { 0 };
	struct url u;

	if (url_parse(&u, s, &why) != 0)
		return fault_set(f, ERR_INVALID,
		    "\"%s\" is no URL; it looks like https://sallyport.example:8443",
		    endpoint);
	if (strcmp(u.scheme, "https") != 0)
		return fault_set(f, ERR_INVALID,
		    "the endpoint must begin with https:// (an agent speaks TLS only)");
	target = u.target;
	if (target.n > 1 || (target.n == 1 && target.p[0] != '/'))
		return fault_set(
		    f, ERR_INVALID, "the endpoint is a host and a port without a path");
	*out = span_dup(span_sub(s, 0, s.n - target.n));
	return 0;
}

static int
check(const struct agent_reg *r, struct fault *f)
{
	struct dial_policy deny;

	/* Static credentials may name a node as they like, as stock agents may. */
	if (!id_session_valid(span_str(r->node_id)))
		return fault_set(f, ERR_INVALID, "NodeId is not a node's id");
	if (!id_region_valid(span_str(r->region)))
		return fault_set(f, ERR_INVALID, "Region is not a region's name");
	if (*r->session_user != '\0' && !id_user_valid(span_str(r->session_user)))
		return fault_set(f, ERR_INVALID, "SessionUser is not a user's name");
	if (*r->ca_file != '\0' && *r->ca_file != '/')
		return fault_set(f, ERR_INVALID, "CaFile is not an absolute path");
	return dial_policy_parse(&deny, r->deny_forward, f);
}

int
agent_reg_parse(struct agent_reg *r, struct span json, struct fault *f)
{
	auto_json *v = NULL;
	int e;

	*r = (struct agent_reg){ 0 };
	if ((e = json_read(&v, json, f)) != 0)
		return e;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const char *s = json_get_str(v, fields[i].name);

		*field_of(r, &fields[i]) = xstrdup(s != NULL ? s : "");
		if (fields[i].required && s == NULL)
			e = fault_set(f, ERR_INVALID, "%s is missing", fields[i].name);
	}
	if (e == 0)
		e = check(r, f);
	if (e != 0)
		agent_reg_fini(r);
	return e;
}

void
agent_reg_build(struct buf *out, const struct agent_reg *r)
{
	struct jsonw w;

	jw_init(&w, out);
	jw_open(&w, '{');
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const char *s = *field_of((struct agent_reg *)(uintptr_t)r, &fields[i]);

		if (fields[i].required || (s != NULL && *s != '\0'))
			jw_field_str(&w, fields[i].name, s);
	}
	jw_close(&w, '}');
	buf_add_str(out, "\n");
}

int
agent_reg_load(struct agent_reg *r, const char *dir, struct fault *f)
{
	struct fault why = { 0 };
	auto_buf b = { 0 };
	int e;

	*r = (struct agent_reg){ 0 };
	e = agent_file_read(&b, dir, FILE_REGISTRATION, &why);
	if (e == ERR_NOTFOUND)
		return fault_set(f, e,
		    "this node is not registered (no %s/" FILE_REGISTRATION
		    "); run sallyport-agent register",
		    dir);
	if (e != 0)
		return fault_set(f, e, "%s", why.text);
	if ((e = agent_reg_parse(r, buf_span(&b), &why)) != 0)
		return fault_set(f, e,
		    "%s/" FILE_REGISTRATION
		    " is damaged (%s); register again with --force",
		    dir, why.text);
	return 0;
}

int
agent_reg_save(const struct agent_reg *r, const char *dir, struct fault *f)
{
	auto_buf b = { 0 };
	int e;

	buf_init(&b, AGENT_FILE_MAX);
	agent_reg_build(&b, r);
	if ((e = buf_check(&b)) != 0)
		return fault_set(f, e, "the registration is too large");
	return agent_file_write(dir, FILE_REGISTRATION, buf_span(&b), true, f);
}
