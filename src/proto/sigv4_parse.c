/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SigV4: what a request claims about itself.  Form, date window and scope; the words of
 * every refusal are those AWS uses for its JSON services.
 */
#include "proto/sigv4_canon.h"

#include "base/text.h"
#include "codec/uri.h"
#include "proto/ids.h"

enum { PART_MAX = 16 * 1024 }; /* a session token is the longest */

/* The pieces of either form, as found; n counts how often each was there. */
enum part {
	PART_ALGORITHM,
	PART_CREDENTIAL,
	PART_SIGNATURE,
	PART_SIGNED_HEADERS,
	PART_DATE,
	PART_EXPIRES,
	PART_TOKEN,
	PART_PAYLOAD_HASH,
	PARTS,
};

struct parts {
	char *v[PARTS];
	bool twice;
	bool date_header; /* no X-Amz-Date, but Date */
};

static int
refuse(enum sigv4_reason *why, enum sigv4_reason reason, int code)
{
	*why = reason;
	return code;
}

/* At most 63 bytes of a stranger's text, made printable, for a message. */
struct shown {
	char s[64];
};

static struct shown
show(const char *s)
{
	struct shown out = { "" };

	for (size_t i = 0; s[i] != '\0' && i < sizeof(out.s) - 1; i++)
		out.s[i] = s[i] < ' ' || s[i] > '~' ? '?' : s[i];
	return out;
}

static void
part_set(struct parts *p, enum part which, char *value)
{
	p->twice = p->twice || p->v[which] != NULL;
	p->v[which] = value;
}

/* The parameters behind the algorithm; a base64 signature may hold '='. */
static int
parse_authorization(struct parts *p, struct span text, struct arena *mem, struct fault *f)
{
	static const struct {
		const char *name;
		enum part which;
	} names[] = {
		{ "Credential", PART_CREDENTIAL },
		{ "SignedHeaders", PART_SIGNED_HEADERS },
		{ "Signature", PART_SIGNATURE },
	};
	struct span rest = text, item;

	while (span_cut(&rest, ',', &item)) {
		ptrdiff_t eq;

		item = span_trim(item);
		if (item.n == 0)
			continue;
		if ((eq = span_find(item, '=')) < 0)
			return fault_set(f, ERR_INVALID,
			    "'%s' not a valid key=value pair (missing equal-sign) in "
			    "Authorization header.",
			    show(arena_str(mem, item)).s);
		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			if (span_eq_str(span_sub(item, 0, (size_t)eq), names[i].name))
				part_set(p, names[i].which,
				    arena_str(
					mem, span_sub(item, (size_t)eq + 1, item.n)));
		}
	}
	return 0;
}

static char *
decode_param(struct span value, struct arena *mem)
{
	auto_buf b;

	buf_init(&b, PART_MAX);
	if (uri_decode(&b, value, true) != 0 || buf_check(&b) != 0)
		return NULL;
	return arena_str(mem, buf_span(&b));
}

/* Every X-Amz-* parameter that concerns the signature. */
static int
parse_query(struct parts *p, struct span query, struct arena *mem, struct fault *f)
{
	static const char *const names[PARTS] = {
		[PART_ALGORITHM] = "X-Amz-Algorithm",
		[PART_CREDENTIAL] = "X-Amz-Credential",
		[PART_SIGNATURE] = "X-Amz-Signature",
		[PART_SIGNED_HEADERS] = "X-Amz-SignedHeaders",
		[PART_DATE] = "X-Amz-Date",
		[PART_EXPIRES] = "X-Amz-Expires",
		[PART_TOKEN] = "X-Amz-Security-Token",
		[PART_PAYLOAD_HASH] = "X-Amz-Content-Sha256",
	};
	struct span rest = query, item, name;

	while (span_cut(&rest, '&', &item)) {
		struct span value = item;
		char *text;

		if (!span_starts(item, "X-Amz-"))
			continue;
		if (!span_cut(&value, '=', &name))
			continue;
		for (size_t i = 0; i < PARTS; i++) {
			if (!span_eq_str(name, names[i]))
				continue;
			if ((text = decode_param(value, mem)) == NULL)
				return fault_set(f, ERR_INVALID,
				    "AWS query-string parameter '%s' is not well-formed.",
				    names[i]);
			part_set(p, (enum part)i, text);
		}
	}
	return 0;
}

/* Every missing piece is named, as AWS does. */
static int
check_header_parts(const struct parts *p, const char *header, struct fault *f)
{
	bool cred = p->v[PART_CREDENTIAL] != NULL, sig = p->v[PART_SIGNATURE] != NULL;
	bool names = p->v[PART_SIGNED_HEADERS] != NULL, date = p->v[PART_DATE] != NULL;

	if (cred && sig && names && date)
		return 0;
	return fault_set(f, ERR_INVALID, "%s%s%s%sAuthorization=%s",
	    cred ? "" : "Authorization header requires 'Credential' parameter. ",
	    sig ? "" : "Authorization header requires 'Signature' parameter. ",
	    names ? "" : "Authorization header requires 'SignedHeaders' parameter. ",
	    date
		? ""
		: "Authorization header requires existence of either a 'X-Amz-Date' or a "
		  "'Date' header. ",
	    show(header).s);
}

static int
check_query_parts(const struct parts *p, struct arena *mem, struct fault *f)
{
	static const struct {
		enum part which;
		const char *name;
	} need[] = {
		{ PART_ALGORITHM, "X-Amz-Algorithm" },
		{ PART_CREDENTIAL, "X-Amz-Credential" },
		{ PART_SIGNATURE, "X-Amz-Signature" },
		{ PART_SIGNED_HEADERS, "X-Amz-SignedHeaders" },
		{ PART_DATE, "X-Amz-Date" },
		{ PART_EXPIRES, "X-Amz-Expires" },
	};
	const char *text = "";

	for (size_t i = 0; i < ARRAY_LEN(need); i++) {
		if (p->v[need[i].which] == NULL)
			text = arena_printf(mem,
			    "%sAWS query-string parameters must include '%s'. ", text,
			    need[i].name);
	}
	if (text[0] == '\0')
		return 0;
	return fault_set(
	    f, ERR_INVALID, "%sRe-examine the query-string parameters.", text);
}

/* X-Amz-Date, or Date brought into the same form: it is a line of the string to sign. */
static int
parse_date(struct sigv4_auth *a, char *sent, struct arena *mem, struct fault *f)
{
	char amz[TIME_AMZ_LEN + 1];

	if (time_parse_amz(span_str(sent), &a->when_ms) == 0) {
		a->amz_date = sent;
		return 0;
	}
	if (!a->presigned && time_parse_http(span_str(sent), &a->when_ms) == 0) {
		time_amz(amz, a->when_ms);
		a->amz_date = arena_strdup(mem, amz);
		return 0;
	}
	return fault_set(f, ERR_INVALID,
	    "Date must be in ISO-8601 'basic format'. Got '%s'. See "
	    "http://en.wikipedia.org/wiki/ISO_8601",
	    show(sent).s);
}

static bool
header_name_ok(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || (s.p[i] >= 'A' && s.p[i] <= 'Z') ||
		    s.p[i] == ':' || s.p[i] == ',')
			return false;
	}
	return s.n > 0;
}

static int
parse_signed_headers(
    struct sigv4_auth *a, const char *list, struct arena *mem, struct fault *f)
{
	struct span rest = span_str(list), name, last = SPAN_NONE;

	while (span_cut(&rest, ';', &name)) {
		if (a->nsigned == SIGV4_SIGNED_HEADERS_MAX)
			return fault_set(f, ERR_LIMIT,
			    "'SignedHeaders' names more than %d headers.",
			    SIGV4_SIGNED_HEADERS_MAX);
		if (!header_name_ok(name) ||
		    (last.p != NULL && span_cmp(last, name) >= 0))
			return fault_set(f, ERR_INVALID,
			    "'SignedHeaders' must be lower-case header names in sorted "
			    "order.");
		a->signed_headers[a->nsigned++] = arena_str(mem, name);
		last = name;
	}
	return 0;
}

static bool
is_signed(const struct sigv4_auth *a, const char *lower_name)
{
	for (size_t i = 0; i < a->nsigned; i++) {
		if (strcmp(a->signed_headers[i], lower_name) == 0)
			return true;
	}
	return false;
}

static int
parse_credential(
    struct sigv4_auth *a, const char *text, struct arena *mem, struct fault *f)
{
	char **to[] = { &a->access_key, &a->date, &a->region, &a->service,
		&a->terminator };
	struct span rest = span_str(text), s;
	size_t n = 0;

	while (span_cut(&rest, '/', &s)) {
		if (n < ARRAY_LEN(to))
			*to[n] = arena_str(mem, s);
		n++;
	}
	if (n == ARRAY_LEN(to) && a->access_key[0] != '\0')
		return 0;
	return fault_set(f, ERR_INVALID,
	    "Credential must have exactly 5 slash-delimited elements, e.g. "
	    "keyid/date/region/service/term, got '%s'",
	    show(text).s);
}

static int
not_signed(enum sigv4_reason *why, struct fault *f, const char *name)
{
	return refuse(why, SIGV4_HEADER_NOT_SIGNED,
	    fault_set(f, ERR_DENIED,
		"'%s' must be a 'SignedHeader' in the AWS Authorization.", show(name).s));
}

/*
 * A header that changes what the request does must be signed.  S3 objects take metadata,
 * ACLs and copy sources from x-amz-*, so there it is all of them; the payload hash is
 * part of the canonical request in any case.
 */
static int
check_signed(const struct sigv4_auth *a, const struct sigv4_request *r,
    const struct parts *p, struct arena *mem, enum sigv4_reason *why, struct fault *f)
{
	static const struct {
		const char *shown, *lower;
	} must[] = {
		{ "X-Amz-Date", "x-amz-date" },
		{ "X-Amz-Target", "x-amz-target" },
		{ "X-Amz-Security-Token", "x-amz-security-token" },
	};

	if (!is_signed(a, "host"))
		return refuse(why, SIGV4_HOST_NOT_SIGNED,
		    fault_set(f, ERR_DENIED,
			"'Host' must be a 'SignedHeader' in the AWS Authorization."));
	for (size_t i = 0; i < ARRAY_LEN(must); i++) {
		if (canon_has_header(r, must[i].lower) && !is_signed(a, must[i].lower))
			return not_signed(why, f, must[i].shown);
	}
	if (p->date_header && !is_signed(a, "date"))
		return not_signed(why, f, "Date");
	for (size_t i = 0; i < r->nheaders && strcmp(a->service, "s3") == 0; i++) {
		struct span name = r->headers[i].name;

		if (span_eq_ci(span_sub(name, 0, 6), "x-amz-") &&
		    !span_eq_ci(name, "x-amz-content-sha256") &&
		    !is_signed(a, canon_lower(name, mem)))
			return not_signed(why, f, canon_lower(name, mem));
	}
	return 0;
}

/* Headers that may come once only: the first and the last would mean different things. */
static int
check_single(const struct sigv4_request *r, struct fault *f)
{
	static const char *const single[] = { "Authorization", "Host", "X-Amz-Date",
		"X-Amz-Target", "X-Amz-Security-Token", "X-Amz-Content-Sha256" };

	for (size_t i = 0; i < ARRAY_LEN(single); i++) {
		if (canon_header(r, single[i], 1).p != NULL)
			return fault_set(
			    f, ERR_INVALID, "The '%s' header was sent twice.", single[i]);
	}
	return 0;
}

static char *
header_text(const struct sigv4_request *r, const char *name, struct arena *mem)
{
	struct span v = canon_header(r, name, 0);

	return v.p != NULL ? arena_str(mem, span_trim(v)) : NULL;
}

static int
gather_header(
    struct parts *p, const struct sigv4_request *r, struct arena *mem, struct fault *f)
{
	struct span auth = span_trim(canon_header(r, "Authorization", 0)), algorithm;
	char *date = header_text(r, "X-Amz-Date", mem);
	struct span rest = auth;
	int err;

	(void)span_cut(&rest, ' ', &algorithm); /* not empty: gather() saw "AWS4-" */
	p->v[PART_ALGORITHM] = arena_str(mem, algorithm);
	if ((err = parse_authorization(p, rest, mem, f)) != 0)
		return err;
	p->date_header = date == NULL;
	p->v[PART_DATE] = date != NULL ? date : header_text(r, "Date", mem);
	p->v[PART_TOKEN] = header_text(r, "X-Amz-Security-Token", mem);
	p->v[PART_PAYLOAD_HASH] = header_text(r, "X-Amz-Content-Sha256", mem);
	if (p->twice)
		return fault_set(
		    f, ERR_INVALID, "Authorization header names a parameter twice.");
	return check_header_parts(p, arena_str(mem, auth), f);
}

static int
gather_query(
    struct parts *p, const struct sigv4_request *r, struct arena *mem, struct fault *f)
{
	int err;

	if (p->twice)
		return fault_set(f, ERR_INVALID,
		    "AWS query-string parameters must not be repeated. Re-examine the "
		    "query-string parameters.");
	if ((err = check_query_parts(p, mem, f)) != 0)
		return err;
	if (p->v[PART_TOKEN] == NULL)
		p->v[PART_TOKEN] = header_text(r, "X-Amz-Security-Token", mem);
	if (p->v[PART_PAYLOAD_HASH] == NULL)
		p->v[PART_PAYLOAD_HASH] = header_text(r, "X-Amz-Content-Sha256", mem);
	return 0;
}

static int
parse_expires(struct sigv4_auth *a, const char *text, struct fault *f)
{
	if (num_parse(span_str(text), 1, SIGV4_PRESIGN_MAX_S, &a->expires_s) == 0)
		return 0;
	return fault_set(f, ERR_INVALID,
	    "X-Amz-Expires must be a number of seconds from 1 to %d.",
	    SIGV4_PRESIGN_MAX_S);
}

/* Header or query?  Sets a->presigned and fills *p. */
static int
gather(struct sigv4_auth *a, struct parts *p, const struct sigv4_request *r,
    struct arena *mem, enum sigv4_reason *why, struct fault *f)
{
	struct span auth = span_trim(canon_header(r, "Authorization", 0));
	int err;

	if ((err = parse_query(p, r->query, mem, f)) != 0)
		return refuse(why, SIGV4_INCOMPLETE, err);
	a->presigned = p->v[PART_ALGORITHM] != NULL || p->v[PART_SIGNATURE] != NULL ||
	    p->v[PART_CREDENTIAL] != NULL;
	if (a->presigned && auth.p != NULL)
		return refuse(why, SIGV4_BOTH,
		    fault_set(f, ERR_INVALID,
			"Found both 'X-Amz-Algorithm' as a query-string param and "
			"'Authorization' as HTTP header."));
	if (!a->presigned && !span_starts(auth, "AWS4-")) /* Basic, Bearer: not for us */
		return refuse(why, SIGV4_MISSING,
		    fault_set(f, ERR_DENIED, "Missing Authentication Token"));
	if ((err = check_single(r, f)) != 0)
		return refuse(why, SIGV4_INCOMPLETE, err);
	if (a->presigned) {
		err = gather_query(p, r, mem, f);
	} else {
		*p = (struct parts){
			0
		}; /* an X-Amz-Date of the query means nothing here */
		err = gather_header(p, r, mem, f);
	}
	return err == 0 ? 0 : refuse(why, SIGV4_INCOMPLETE, err);
}

int
sigv4_parse(struct sigv4_auth *a, const struct sigv4_request *r, struct arena *mem,
    enum sigv4_reason *why, struct fault *f)
{
	struct parts p = { 0 };
	int err;

	*a = (struct sigv4_auth){ 0 };
	*why = SIGV4_OK;
	if ((err = gather(a, &p, r, mem, why, f)) != 0)
		return err;
	if ((err = parse_date(a, p.v[PART_DATE], mem, f)) != 0)
		return refuse(why, SIGV4_BAD_DATE, err);
	if ((err = parse_signed_headers(a, p.v[PART_SIGNED_HEADERS], mem, f)) != 0)
		return refuse(why, SIGV4_INCOMPLETE, err);
	if (strcmp(p.v[PART_ALGORITHM], SIGV4_ALGORITHM) != 0)
		return refuse(why, SIGV4_BAD_ALGORITHM,
		    fault_set(f, ERR_UNSUPPORTED, "Unsupported AWS 'algorithm': '%s'.",
			show(p.v[PART_ALGORITHM]).s));
	if ((err = parse_credential(a, p.v[PART_CREDENTIAL], mem, f)) != 0)
		return refuse(why, SIGV4_INCOMPLETE, err);
	if (a->presigned && (err = parse_expires(a, p.v[PART_EXPIRES], f)) != 0)
		return refuse(why, SIGV4_INCOMPLETE, err);
	if ((err = check_signed(a, r, &p, mem, why, f)) != 0)
		return err;
	a->signature = p.v[PART_SIGNATURE];
	a->security_token = p.v[PART_TOKEN];
	a->payload_hash = span_str(p.v[PART_PAYLOAD_HASH]);
	return 0;
}

int
sigv4_check_time(const struct sigv4_auth *a, int64_t now_ms, int64_t skew_ms,
    enum sigv4_reason *why, struct fault *f)
{
	char now[TIME_AMZ_LEN + 1], edge[TIME_AMZ_LEN + 1];
	int minutes = (int)(skew_ms / 60000);

	time_amz(now, now_ms);
	if (a->when_ms > now_ms + skew_ms) {
		time_amz(edge, now_ms + skew_ms);
		return refuse(why, SIGV4_NOT_YET,
		    fault_set(f, ERR_EXPIRED,
			"Signature not yet current: %s is still later than %s (%s + %d "
			"min.)",
			a->amz_date, edge, now, minutes));
	}
	if (a->presigned && now_ms > a->when_ms + a->expires_s * 1000)
		return refuse(
		    why, SIGV4_EXPIRED, fault_set(f, ERR_EXPIRED, "Request has expired"));
	if (!a->presigned && a->when_ms < now_ms - skew_ms) {
		time_amz(edge, now_ms - skew_ms);
		return refuse(why, SIGV4_EXPIRED,
		    fault_set(f, ERR_EXPIRED,
			"Signature expired: %s is now earlier than %s (%s - %d min.)",
			a->amz_date, edge, now, minutes));
	}
	return 0;
}

int
sigv4_check_scope(const struct sigv4_auth *a, const char *service, enum sigv4_reason *why,
    struct fault *f)
{
	auto_buf b;
	size_t n;

	buf_init(&b, 4096);
	if (strcmp(a->service, service) != 0)
		buf_addf(&b, "Credential should be scoped to correct service: '%s'. ",
		    service);
	if (!id_region_valid(span_str(a->region)))
		buf_addf(&b, "Credential should be scoped to a valid region. ");
	if (strcmp(a->terminator, SIGV4_TERMINATOR) != 0)
		buf_addf(&b,
		    "Credential should be scoped with a valid terminator: '%s', not "
		    "'%s'. ",
		    SIGV4_TERMINATOR, show(a->terminator).s);
	if (strlen(a->date) != 8 || strncmp(a->date, a->amz_date, 8) != 0)
		buf_addf(&b,
		    "Date in Credential scope does not match YYYYMMDD from ISO-8601 "
		    "version of "
		    "date from HTTP: '%s' != '%.8s', from '%s'. ",
		    show(a->date).s, a->amz_date, a->amz_date);
	if (b.len == 0)
		return 0;
	n = b.len - 1; /* no blank at the end */
	return refuse(
	    why, SIGV4_BAD_SCOPE, fault_set(f, ERR_DENIED, "%.*s", (int)n, buf_cstr(&b)));
}
