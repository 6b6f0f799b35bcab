/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building and parsing resource names.
 */
#include "proto/arn.h"

#include "proto/ids.h"

int
arn_parse(struct arn *a, struct span s)
{
	struct span rest = s, prefix;

	*a = (struct arn){ 0 };
	if (s.n > ARN_MAX)
		return ERR_INVALID;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] <= ' ' || s.p[i] == 0x7f)
			return ERR_INVALID;
	}
	if (!span_cut(&rest, ':', &prefix) || !span_eq_str(prefix, "arn") ||
	    !span_cut(&rest, ':', &a->partition) || !span_cut(&rest, ':', &a->service) ||
	    !span_cut(&rest, ':', &a->region) || !span_cut(&rest, ':', &a->account))
		return ERR_INVALID;
	a->resource = rest;
	if (a->partition.n == 0 || a->service.n == 0 || a->resource.n == 0)
		return ERR_INVALID;
	return 0;
}

bool
arn_resource_id(const struct arn *a, const char *type, struct span *id)
{
	size_t n = strlen(type);
	struct span r = a->resource;

	if (!span_starts(r, type) || r.n < n + 2 || (r.p[n] != '/' && r.p[n] != ':'))
		return false;
	*id = span_sub(r, n + 1, r.n);
	return true;
}

char *
arn_make(struct arena *mem, const char *service, const char *region, const char *account,
    const char *resource)
{
	return arena_printf(
	    mem, "arn:aws:%s:%s:%s:%s", service, region, account, resource);
}

char *
arn_node(struct arena *mem, const char *region, const char *account, const char *id)
{
	bool ec2 = strncmp(id, "i-", 2) == 0;

	return arena_printf(mem, "arn:aws:%s:%s:%s:%s/%s", ec2 ? "ec2" : "ssm", region,
	    account, ec2 ? "instance" : "managed-instance", id);
}

bool
arn_document_is_aws(struct span name)
{
	return span_starts(name, "AWS-");
}

char *
arn_document(struct arena *mem, const char *region, const char *account, const char *name)
{
	return arena_printf(mem, "arn:aws:ssm:%s:%s:document/%s", region,
	    arn_document_is_aws(span_str(name)) ? "" : account, name);
}

char *
arn_session(struct arena *mem, const char *region, const char *account, const char *id)
{
	return arena_printf(mem, "arn:aws:ssm:%s:%s:session/%s", region, account, id);
}

char *
arn_iam(struct arena *mem, const char *account, const char *kind, const char *path,
    const char *name)
{
	return arena_printf(mem, "arn:aws:iam::%s:%s%s%s", account, kind, path, name);
}

char *
arn_assumed_role(
    struct arena *mem, const char *account, const char *role, const char *session)
{
	return arena_printf(
	    mem, "arn:aws:sts::%s:assumed-role/%s/%s", account, role, session);
}

int
arn_node_id(struct span *id, struct span id_or_arn)
{
	struct arn a;

	*id = id_or_arn;
	if (span_starts(id_or_arn, "arn:")) {
		bool managed;

		if (arn_parse(&a, id_or_arn) != 0)
			return ERR_INVALID;
		managed = span_eq_str(a.service, "ssm");
		if (!managed && !span_eq_str(a.service, "ec2"))
			return ERR_INVALID;
		if (!arn_resource_id(&a, managed ? "managed-instance" : "instance", id) ||
		    id_node_is_managed(*id) != managed)
			return ERR_INVALID;
	}
	return id_node_valid(*id) ? 0 : ERR_INVALID;
}

int
arn_document_name(struct span *name, struct span name_or_arn)
{
	struct arn a;

	*name = name_or_arn;
	if (span_starts(name_or_arn, "arn:")) {
		if (arn_parse(&a, name_or_arn) != 0 || !span_eq_str(a.service, "ssm") ||
		    !arn_resource_id(&a, "document", name))
			return ERR_INVALID;
	}
	return id_document_valid(*name) ? 0 : ERR_INVALID;
}
