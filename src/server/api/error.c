/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON services answer 400 to everything that is the client's doing, a bad signature and
 * a missing permission included; 5xx is for real faults only, because clients retry it.
 */
#include "server/api/error.h"

struct words {
	const char *code;
	const char *text; /* NULL: the text of the refusal */
};

/* By enum authn_reason and enum api_protocol. */
static const struct words authn_words[][API_REST_XML + 1] = {
	[AUTHN_MISSING] = {
	    { "MissingAuthenticationTokenException", "Missing Authentication Token" },
	    { "MissingAuthenticationToken", "Request is missing Authentication Token" },
	    { "AuthFailure", "AWS was not able to validate the provided access credentials" },
	    { "AccessDenied", "Access Denied" },
	},
	[AUTHN_INCOMPLETE] = {
	    { "IncompleteSignatureException", NULL },
	    { "IncompleteSignature", NULL },
	    { "IncompleteSignature", NULL },
	    { "AuthorizationHeaderMalformed", NULL },
	},
	[AUTHN_UNKNOWN_KEY] = {
	    { "UnrecognizedClientException", NULL },
	    { "InvalidClientTokenId", NULL },
	    { "AuthFailure", "AWS was not able to validate the provided access credentials" },
	    { "InvalidAccessKeyId",
		"The AWS Access Key Id you provided does not exist in our records." },
	},
	[AUTHN_SIGNATURE] = {
	    { "InvalidSignatureException", NULL },
	    { "SignatureDoesNotMatch", NULL },
	    { "AuthFailure", "AWS was not able to validate the provided access credentials" },
	    { "SignatureDoesNotMatch",
		"The request signature we calculated does not match the signature you "
		"provided. Check your key and signing method." },
	},
	[AUTHN_TOKEN] = {
	    { "UnrecognizedClientException", NULL },
	    { "InvalidClientTokenId", NULL },
	    { "AuthFailure", "AWS was not able to validate the provided access credentials" },
	    { "InvalidToken", "The provided token is malformed or otherwise invalid." },
	},
	[AUTHN_EXPIRED_TOKEN] = {
	    { "ExpiredTokenException", NULL },
	    { "ExpiredToken", NULL },
	    { "RequestExpired", "Request has expired." },
	    { "ExpiredToken", "The provided token has expired." },
	},
	[AUTHN_CLOCK] = {
	    { "InvalidSignatureException", NULL },
	    { "SignatureDoesNotMatch", NULL },
	    { "RequestExpired", "Request has expired." },
	    { "RequestTimeTooSkewed",
		"The difference between the request time and the current time is too large." },
	},
	[AUTHN_SCOPE] = {
	    { "InvalidSignatureException", NULL },
	    { "SignatureDoesNotMatch", NULL },
	    { "AuthFailure", "AWS was not able to validate the provided access credentials" },
	    { "AuthorizationHeaderMalformed", NULL },
	},
	[AUTHN_FORM] = {
	    { "InvalidSignatureException", NULL },
	    { "SignatureDoesNotMatch", NULL },
	    { "AuthFailure", "AWS was not able to validate the provided access credentials" },
	    { "InvalidArgument", NULL },
	},
	[AUTHN_PAYLOAD] = {
	    { "InvalidSignatureException", NULL },
	    { "SignatureDoesNotMatch", NULL },
	    { "AuthFailure", "AWS was not able to validate the provided access credentials" },
	    { "XAmzContentSHA256Mismatch", NULL },
	},
	[AUTHN_THROTTLED] = {
	    { "ThrottlingException", NULL },
	    { "Throttling", NULL },
	    { "RequestLimitExceeded", "Request limit exceeded." },
	    { "SlowDown", "Please reduce your request rate." },
	},
	[AUTHN_FAILED] = {
	    { "InternalServerError", NULL },
	    { "InternalFailure", NULL },
	    { "InternalError", NULL },
	    { "InternalError", NULL },
	},
};

static enum api_protocol
protocol(const struct api_call *c)
{
	return api_services[c->service].protocol;
}

int
error_from_authn(struct api_call *c, const struct authn_result *a)
{
	const struct words *w = &authn_words[a->why][protocol(c)];

	return api_fail_text(c, w->code, w->text != NULL ? w->text : a->fault.text);
}

int
error_denied(struct api_call *c, const char *message)
{
	switch (protocol(c)) {
	case API_JSON:
		return api_fail_text(c, "AccessDeniedException", message);
	case API_EC2_QUERY:
		return api_fail_text(c, "UnauthorizedOperation",
		    arena_printf(&c->mem,
			"You are not authorized to perform this operation. %s", message));
	default:
		return api_fail_text(c, "AccessDenied", message);
	}
}

/* A name from the wire, fit to be shown. */
static const char *
shown(struct api_call *c, struct span name)
{
	char *s = arena_str(&c->mem, span_sub(name, 0, 100));

	for (char *p = s; *p != '\0'; p++) {
		if (*p < ' ' || *p > '~')
			*p = '?';
	}
	return s;
}

int
error_unknown_operation(struct api_call *c, struct span name)
{
	const struct api_service_info *s = &api_services[c->service];

	if (name.n == 0 && (s->protocol == API_QUERY || s->protocol == API_EC2_QUERY))
		return api_fail(
		    c, "MissingAction", "The request must contain the parameter Action.");
	switch (s->protocol) {
	case API_QUERY:
		return api_fail(c, "InvalidAction",
		    "Could not find operation %s for version %s", shown(c, name),
		    s->version);
	case API_EC2_QUERY:
		return api_fail(c, "InvalidAction",
		    "The action %s is not valid for this web service.", shown(c, name));
	case API_REST_XML:
		return api_fail(c, "InvalidRequest", "This server does not serve S3.");
	default:
		return api_fail(c, "UnknownOperationException",
		    "The operation %s is not supported by this server.", shown(c, name));
	}
}

int
error_unreadable(struct api_call *c, const char *text)
{
	switch (protocol(c)) {
	case API_JSON:
		return api_fail_text(c, "SerializationException", text);
	case API_EC2_QUERY:
		return api_fail_text(c, "InvalidParameterValue", text);
	default:
		return api_fail_text(c, "MalformedInput", text);
	}
}

int
error_invalid(struct api_call *c, const char *message)
{
	switch (protocol(c)) {
	case API_JSON:
		return api_fail_text(c,
		    c->service == API_LOGS ? "InvalidParameterException"
					   : "ValidationException",
		    message);
	case API_EC2_QUERY:
		return api_fail_text(c, "InvalidParameterValue", message);
	default:
		return api_fail_text(c, "ValidationError", message);
	}
}

int
error_status(enum api_protocol p, const char *code)
{
	static const struct {
		const char *code;
		int status;
	} known[] = {
		{ "InternalServerError", 500 },
		{ "InternalServerException", 500 },
		{ "InternalFailure", 500 },
		{ "InternalError", 500 },
		{ "RequestLimitExceeded", 503 },
		{ "SlowDown", 503 },
		{ "AuthFailure", 401 },
		{ "AccessDenied", 403 },
		{ "UnauthorizedOperation", 403 },
		{ "IDPRejectedClaim", 403 },
		{ "MissingAuthenticationToken", 403 },
		{ "InvalidClientTokenId", 403 },
		{ "SignatureDoesNotMatch", 403 },
		{ "ExpiredToken", 403 },
		{ "InvalidAccessKeyId", 403 },
		{ "RequestTimeTooSkewed", 403 },
		{ "InvalidAuthenticationCode", 403 },
		{ "NoSuchEntity", 404 },
		{ "EntityAlreadyExists", 409 },
		{ "EntityTemporarilyUnmodifiable", 409 },
		{ "DeleteConflict", 409 },
		{ "LimitExceeded", 409 },
		{ "DryRunOperation", 412 },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (strcmp(known[i].code, code) != 0)
			continue;
		if (p == API_REST_XML && strcmp(code, "ExpiredToken") == 0)
			return 400;
		return known[i].status;
	}
	return 400;
}

static void
query_body(const struct api_call *c, struct buf *out)
{
	int status = c->status != 0 ? c->status : error_status(API_QUERY, c->error);

	xw_open_ns(out, "ErrorResponse", api_services[c->service].xmlns);
	xw_open(out, "Error");
	xw_elem(out, "Type", status >= 500 ? "Receiver" : "Sender");
	xw_elem(out, "Code", c->error);
	xw_elem(out, "Message", c->message);
	xw_close(out, "Error");
	xw_elem(out, "RequestId", c->request_id);
	xw_close(out, "ErrorResponse");
}

static void
ec2_body(const struct api_call *c, struct buf *out)
{
	xw_open(out, "Response");
	xw_open(out, "Errors");
	xw_open(out, "Error");
	xw_elem(out, "Code", c->error);
	xw_elem(out, "Message", c->message);
	xw_close(out, "Error");
	xw_close(out, "Errors");
	xw_elem(out, "RequestID", c->request_id);
	xw_close(out, "Response");
}

static void
s3_body(const struct api_call *c, struct buf *out)
{
	xw_open(out, "Error");
	xw_elem(out, "Code", c->error);
	xw_elem(out, "Message", c->message);
	xw_elem(out, "RequestId", c->request_id);
	xw_close(out, "Error");
}

void
error_body(const struct api_call *c, struct buf *out)
{
	struct jsonw w;

	switch (protocol(c)) {
	case API_JSON:
		jw_init(&w, out);
		jw_open(&w, '{');
		jw_field_str(&w, "__type", c->error);
		if (c->message[0] != '\0')
			jw_field_str(&w, "message", c->message);
		jw_close(&w, '}');
		break;
	case API_QUERY:
		query_body(c, out);
		break;
	case API_EC2_QUERY:
		ec2_body(c, out);
		break;
	default:
		s3_body(c, out);
	}
}
