/* SPDX-License-Identifier: Apache-2.0 */
/* See audit_event.h. */
#include "proto/audit_event.h"

#include <ctype.h>

#include "base/text.h"
#include "codec/jsonw.h"
#include "proto/arn.h"

#define RECORD_VERSION "1.11"

enum { TIME_S_LEN = 19 }; /* 2026-11-21T01:47:37 */

static void
field_span(struct jsonw *w, const char *name, struct span s)
{
	jw_key(w, name);
	jw_span(w, s);
}

static void
field_known(struct jsonw *w, const char *name, const char *text)
{
	jw_field_opt(w, name, text != NULL && text[0] != '\0' ? text : NULL);
}

/* At most max bytes, cut between characters. */
static void
field_cut(struct jsonw *w, const char *name, const char *text, size_t max)
{
	struct span s = span_str(text);

	if (s.n > max) {
		s.n = max;
		s.n -= utf8_incomplete_tail(s);
	}
	field_span(w, name, s);
}

/* CloudTrail's times have no fraction. */
static void
field_time(struct jsonw *w, const char *name, int64_t ms)
{
	char text[TIME_ISO_LEN + 1];

	time_iso(text, ms);
	text[TIME_S_LEN] = 'Z';
	text[TIME_S_LEN + 1] = '\0';
	jw_field_str(w, name, text);
}

static struct span
after_last(struct span s, uint8_t c)
{
	for (ptrdiff_t at; (at = span_find(s, c)) >= 0;)
		s = span_sub(s, (size_t)at + 1, s.n);
	return s;
}

/* --- who ---------------------------------------------------------------------------- */

/* The role behind a session: of "role/session", and the first half of "AROA...:session". */
static void
write_issuer(struct jsonw *w, const struct audit_identity *who, const struct arn *a,
    struct span role_and_session)
{
	struct span rest = role_and_session, role, id = span_str(who->user_id);
	ptrdiff_t colon = span_find(id, ':');
	auto_arena mem = { 0 };

	if (!span_cut(&rest, '/', &role))
		return;
	jw_key(w, "sessionContext");
	jw_open(w, '{');
	jw_key(w, "sessionIssuer");
	jw_open(w, '{');
	jw_field_str(w, "type", "Role");
	if (colon >= 0)
		field_span(w, "principalId", span_sub(id, 0, (size_t)colon));
	jw_field_str(w, "arn",
	    who->role_arn != NULL && who->role_arn[0] != '\0'
		? who->role_arn
		: arn_iam(&mem, arena_str(&mem, a->account), "role", "/",
		      arena_str(&mem, role)));
	field_span(w, "accountId", a->account);
	field_span(w, "userName", role);
	jw_close(w, '}');
	jw_key(w, "attributes");
	jw_open(w, '{');
	if (who->created_ms != 0)
		field_time(w, "creationDate", who->created_ms);
	jw_field_str(w, "mfaAuthenticated", who->mfa ? "true" : "false");
	jw_close(w, '}');
	jw_close(w, '}');
}

/* Temporary keys of a user. */
static void
write_session(struct jsonw *w, const struct audit_identity *who)
{
	if (who->created_ms == 0)
		return;
	jw_key(w, "sessionContext");
	jw_open(w, '{');
	jw_key(w, "attributes");
	jw_open(w, '{');
	field_time(w, "creationDate", who->created_ms);
	jw_field_str(w, "mfaAuthenticated", who->mfa ? "true" : "false");
	jw_close(w, '}');
	jw_close(w, '}');
}

static void
write_known(struct jsonw *w, const struct audit_identity *who, const struct arn *a)
{
	struct span id;
	bool user = arn_resource_id(a, "user", &id);
	bool role = !user && arn_resource_id(a, "assumed-role", &id);

	jw_field_str(w, "type",
	    user                                            ? "IAMUser"
		: role                                      ? "AssumedRole"
		: span_eq_str(a->resource, "root")          ? "Root"
		: arn_resource_id(a, "federated-user", &id) ? "FederatedUser"
							    : "Unknown");
	field_known(w, "principalId", who->user_id);
	jw_field_str(w, "arn", who->arn);
	field_span(w, "accountId", a->account);
	field_known(w, "accessKeyId", who->access_key);
	if (user) {
		field_span(w, "userName", after_last(id, '/'));
		write_session(w, who);
	} else if (role) {
		write_issuer(w, who, a, id);
	}
}

static void
write_identity(struct jsonw *w, const struct audit_event *e)
{
	const struct audit_identity *who = &e->who;
	struct arn a;

	jw_key(w, "userIdentity");
	jw_open(w, '{');
	if (who->arn != NULL && arn_parse(&a, span_str(who->arn)) == 0) {
		write_known(w, who, &a);
	} else if (e->service) {
		jw_field_str(w, "type", "AWSService");
		jw_field_str(w, "invokedBy", e->source);
	} else { /* what it claims to be was not proven */
		jw_field_str(w, "type", "Unknown");
		field_known(w, "accessKeyId", who->access_key);
	}
	jw_close(w, '}');
}

/* --- resources ---------------------------------------------------------------------- */

/* "managed-instance" in ssm: AWS::SSM::ManagedInstance. */
static const char *
type_name(struct arena *mem, struct span service, struct span kind)
{
	auto_buf b = { .max = 256 };
	bool up = true;

	if (span_eq_str(service, "iam") && span_eq_str(kind, "policy"))
		return "AWS::IAM::ManagedPolicy";
	if (span_eq_str(service, "ec2") && span_eq_str(kind, "instance"))
		return "AWS::EC2::Instance";
	buf_add_str(&b, "AWS::");
	for (size_t i = 0; i < service.n; i++)
		buf_add_u8(&b, (uint8_t)toupper(service.p[i]));
	buf_add_str(&b, "::");
	for (size_t i = 0; i < kind.n; i++) {
		if (kind.p[i] == '-') {
			up = true;
			continue;
		}
		buf_add_u8(&b, up ? (uint8_t)toupper(kind.p[i]) : kind.p[i]);
		up = false;
	}
	return buf_check(&b) == 0 ? arena_strdup(mem, buf_cstr(&b)) : "";
}

void
audit_resource_of(struct audit_resource *out, struct arena *mem, const char *arn)
{
	struct span kind, rest;
	struct arn a;

	*out = (struct audit_resource){ .type = "", .name = arn };
	if (arn_parse(&a, span_str(arn)) != 0)
		return;
	rest = a.resource;
	if (span_find(rest, '/') < 0) { /* log-group:name, or a bare name */
		out->name = arena_str(mem, rest);
		return;
	}
	(void)span_cut(&rest, '/', &kind);
	/* The path of a user, role or policy is no part of its name. */
	out->name =
	    arena_str(mem, span_eq_str(a.service, "iam") ? after_last(rest, '/') : rest);
	out->type = type_name(mem, a.service, kind);
}

bool
audit_resource_is_any(const char *arn)
{
	size_t n = strlen(arn);

	return n == 0 || arn[n - 1] == '*';
}

static void
write_resources(struct jsonw *w, const struct audit_event *e)
{
	auto_arena mem = { 0 };
	bool open = false;

	for (size_t i = 0, n = 0; i < e->nresources && n < AUDIT_RESOURCES_MAX; i++) {
		struct audit_resource r;

		if (audit_resource_is_any(e->resources[i]))
			continue;
		if (!open) {
			jw_key(w, "resources");
			jw_open(w, '[');
			open = true;
		}
		audit_resource_of(&r, &mem, e->resources[i]);
		jw_open(w, '{');
		jw_field_str(w, "ARN", e->resources[i]);
		jw_field_str(w, "accountId", e->account);
		jw_field_opt(w, "type", r.type[0] != '\0' ? r.type : NULL);
		jw_close(w, '}');
		n++;
	}
	if (open)
		jw_close(w, ']');
}

/* --- the record --------------------------------------------------------------------- */

static void
field_json(struct jsonw *w, const char *name, struct span json)
{
	jw_key(w, name);
	if (json.n == 0)
		jw_null(w);
	else
		jw_raw(w, json);
}

static void
write_call(struct jsonw *w, const struct audit_event *e)
{
	if (e->error != NULL) {
		jw_field_str(w, "errorCode", e->error);
		if (e->message != NULL && e->message[0] != '\0')
			field_cut(w, "errorMessage", e->message, AUDIT_MESSAGE_MAX);
	}
	field_json(w, "requestParameters", e->request);
	field_json(w, "responseElements", e->response);
	if (e->left_out > 0) {
		jw_key(w, "additionalEventData");
		jw_open(w, '{');
		jw_field_int(w, "eventsLeftOut", (int64_t)e->left_out);
		jw_close(w, '}');
	}
	jw_field_opt(w, "requestID", e->request_id);
}

static void
write_tls(struct jsonw *w, const struct audit_tls *t)
{
	if (t->version == NULL)
		return;
	jw_key(w, "tlsDetails");
	jw_open(w, '{');
	jw_field_str(w, "tlsVersion", t->version);
	field_known(w, "cipherSuite", t->cipher);
	field_known(w, "clientProvidedHostHeader", t->host);
	jw_close(w, '}');
}

void
audit_event_write(struct buf *out, const struct audit_event *e)
{
	struct jsonw w;

	jw_init(&w, out);
	jw_open(&w, '{');
	jw_field_str(&w, "eventVersion", RECORD_VERSION);
	write_identity(&w, e);
	field_time(&w, "eventTime", e->time_ms);
	jw_field_str(&w, "eventSource", e->source);
	jw_field_str(&w, "eventName", e->name);
	jw_field_str(&w, "awsRegion", e->region);
	jw_field_str(
	    &w, "sourceIPAddress", e->source_ip != NULL ? e->source_ip : e->source);
	field_cut(&w, "userAgent", e->user_agent != NULL ? e->user_agent : e->source,
	    AUDIT_AGENT_MAX);
	write_call(&w, e);
	jw_field_str(&w, "eventID", e->id);
	jw_field_bool(&w, "readOnly", e->read_only);
	write_resources(&w, e);
	jw_field_str(&w, "eventType", e->service ? "AwsServiceEvent" : "AwsApiCall");
	jw_field_bool(&w, "managementEvent", true);
	jw_field_str(&w, "recipientAccountId", e->account);
	if (e->service && e->details.n > 0)
		field_json(&w, "serviceEventDetails", e->details);
	jw_field_str(&w, "eventCategory", "Management");
	write_tls(&w, &e->tls);
	jw_close(&w, '}');
}
