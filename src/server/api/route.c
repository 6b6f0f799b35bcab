/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routing, see route.h.
 */
#include "server/api/route.h"

#include "net/http_server.h"
#include "server/api/error.h"

enum { ROUTE_FORM_MAX = 1024 * 1024 };

/* Older SDKs name older EC2 versions. */
static bool
is_ec2_version(const char *version)
{
	static const char *const years[] = { "2013-", "2014-", "2015-", "2016-" };

	for (size_t i = 0; i < ARRAY_LEN(years); i++) {
		if (strncmp(version, years[i], strlen(years[i])) == 0)
			return true;
	}
	return false;
}

static bool
service_by_target(struct span prefix, enum api_service *out)
{
	for (int s = 0; s < API_SERVICES; s++) {
		for (size_t i = 0; i < ARRAY_LEN(api_services[s].targets); i++) {
			const char *target = api_services[s].targets[i];

			if (target != NULL && span_eq_str(prefix, target)) {
				*out = (enum api_service)s;
				return true;
			}
		}
	}
	return false;
}

static bool
service_by_name(struct span name, enum api_service *out)
{
	for (int s = 0; s < API_SERVICES; s++) {
		if (span_eq_str(name, api_services[s].name)) {
			*out = (enum api_service)s;
			return true;
		}
	}
	return false;
}

static bool
service_by_version(const char *version, enum api_service *out)
{
	for (int s = 0; version != NULL && s < API_SERVICES; s++) {
		if (api_services[s].version != NULL &&
		    strcmp(version, api_services[s].version) == 0) {
			*out = (enum api_service)s;
			return true;
		}
	}
	if (version == NULL || !is_ec2_version(version))
		return false;
	*out = API_EC2;
	return true;
}

/* "ssm.eu-north-1.example" */
static bool
service_by_host(const struct api_call *c, enum api_service *out)
{
	struct span rest = span_str(c->host), label;

	return span_cut(&rest, '.', &label) && rest.n > 0 && service_by_name(label, out);
}

static bool
is_post(const struct api_call *c)
{
	return strcmp(c->req->head->method, "POST") == 0;
}

static bool
content_is(const struct api_call *c, const char *prefix)
{
	struct span type = http1_get(c->req->head, "Content-Type");

	return span_eq_ci(span_sub(type, 0, strlen(prefix)), prefix);
}

static int
find_operation(struct api_call *c, struct op_table *t, struct span name)
{
	if ((c->entry = op_find(t, c->service, name)) == NULL)
		return error_unknown_operation(c, name);
	c->op = c->entry->op;
	return 0;
}

/* X-Amz-Target: Service.Operation */
static int
route_target(struct api_call *c, struct op_table *t, struct span target)
{
	size_t dot = target.n;

	while (dot > 0 && target.p[dot - 1] != '.')
		dot--;
	c->service = API_SSM; /* whose envelope an unknown target gets */
	if (dot == 0 || !service_by_target(span_sub(target, 0, dot - 1), &c->service) ||
	    !is_post(c))
		return error_unknown_operation(c, target);
	if (!content_is(c, "application/x-amz-json-1.") &&
	    !content_is(c, "application/json")) {
		c->status = 404;
		return error_unknown_operation(c, span_sub(target, dot, target.n));
	}
	return find_operation(c, t, span_sub(target, dot, target.n));
}

static int
read_form(struct api_call *c)
{
	struct span s = c->req->query;

	if (is_post(c) && content_is(c, "application/x-www-form-urlencoded"))
		s = c->req->body;
	if (s.n > ROUTE_FORM_MAX) /* nobody has signed it yet */
		return ERR_LIMIT;
	return query_parse(&c->form, &c->mem, s);
}

static bool
find_service(struct api_call *c)
{
	if (service_by_name(authn_scope_service(c->req), &c->service))
		return true;
	if (query_get(&c->form, "Action") != NULL &&
	    service_by_version(query_get(&c->form, "Version"), &c->service))
		return true;
	return service_by_host(c, &c->service);
}

/* The form of an object in S3 may be anything; only a Query service minds it. */
static int
route_form(struct api_call *c, struct op_table *t)
{
	const struct api_service_info *s;
	int err = read_form(c);

	c->service = API_S3;
	(void)find_service(c);
	s = &api_services[c->service];
	if (s->protocol == API_REST_XML)
		return authn_is_signed(c->req) ? error_unknown_operation(c, SPAN_NONE)
					       : error_denied(c, "Access Denied");
	if (s->protocol == API_JSON) {
		c->status = 404; /* a JSON service without a target */
		return error_unknown_operation(c, SPAN_NONE);
	}
	if (err != 0)
		return error_unreadable(c, "The form in the request cannot be read.");
	return find_operation(c, t, span_str(query_get(&c->form, "Action")));
}

int
route_call(struct api_call *c, struct op_table *t)
{
	struct span target = http1_get(c->req->head, "X-Amz-Target");

	return target.p != NULL ? route_target(c, t, target) : route_form(c, t);
}
