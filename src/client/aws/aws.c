/* SPDX-License-Identifier: Apache-2.0 */
/* Signed calls; see aws.h. */
#include "client/aws/aws.h"

#include "base/text.h"
#include "codec/json.h"
#include "codec/uri.h"
#include "codec/xmlw.h"
#include "proto/sigv4.h"

enum {
	CALL_TIMEOUT_MS = 30 * 1000,
	CALL_HEADERS_MAX = 8,
	CALL_TRIES = 3,
	CALL_AGAIN_MS = 200, /* and up to as much again */
	CALL_ANSWER_MAX = 16 * 1024 * 1024,
};

struct aws_api {
	struct ev_loop *loop;
	struct aws_settings *settings; /* borrowed */
	struct tls_ctx *tls;
	struct http_client *http;
	struct list calls; /* struct aws_call, owned */
};

struct aws_call {
	struct list link;
	struct aws_api *api;
	struct http_call *http;
	aws_done *done;
	void *arg;
	struct ev_timer timer;
	char why[240];
	bool json;
	/* what is asked; owned */
	char *service, *target; /* target NULL: a Query service */
	struct buf body;
	uint64_t timeout_ms;
	unsigned tries;
};

/* A request while it is put together. */
struct draft {
	struct arena mem;
	struct sigv4_header to_sign[CALL_HEADERS_MAX];
	struct http_header headers[CALL_HEADERS_MAX];
	size_t nsign, n;
};

int
aws_api_new(
    struct aws_api **out, struct ev_loop *l, struct aws_settings *s, struct fault *f)
{
	const char *proxy = getenv("HTTPS_PROXY");
	const char *no_proxy = getenv("NO_PROXY");
	struct aws_api *a;
	struct tls_ctx *tls = NULL;
	int r;

	if ((r = tls_client_new(&tls, s->ca_file[0] != '\0' ? s->ca_file : NULL, f)) != 0)
		return r;
	a = xcalloc(1, sizeof(*a));
	a->loop = l;
	a->settings = s;
	a->tls = tls;
	a->http = http_client_new(l, tls, proxy != NULL ? proxy : getenv("https_proxy"),
	    no_proxy != NULL ? no_proxy : getenv("no_proxy"));
	list_init(&a->calls);
	*out = a;
	return 0;
}

static void
call_free(struct aws_call *c)
{
	ev_timer_clear(&c->timer);
	list_del(&c->link);
	buf_fini(&c->body);
	free(c->service);
	free(c->target);
	free(c);
}

void
aws_api_free(struct aws_api *a)
{
	if (a == NULL)
		return;
	http_client_free(a->http); /* cancels what is under way */
	LIST_EACH(c, &a->calls, struct aws_call, link)
	call_free(c);
	tls_ctx_free(a->tls);
	free(a);
}

struct http_client *
aws_api_http(struct aws_api *a)
{
	return a->http;
}

void
aws_call_cancel(struct aws_call *c)
{
	if (c->http != NULL)
		http_call_cancel(c->http);
	call_free(c);
}

/* --- answers ----------------------------------------------------------------------- */

/* "com.amazon.x#Code:http://..." is Code. */
static const char *
error_code(struct arena *mem, const char *type)
{
	const char *hash = strchr(type, '#');
	struct span s = span_str(hash != NULL ? hash + 1 : type), code;

	return span_cut(&s, ':', &code) ? arena_str(mem, code) : type;
}

static void
read_json_error(struct aws_answer *a, struct arena *mem)
{
	const char *type = json_get_str(a->out, "__type");
	const char *message = json_get_str(a->out, "message");

	if (message == NULL)
		message = json_get_str(a->out, "Message");
	if (type != NULL)
		a->code = error_code(mem, type);
	if (message != NULL)
		a->message = message;
}

static void
read_xml_error(struct aws_answer *a, struct arena *mem)
{
	char text[1024];

	if (xml_find_text(text, sizeof(text), a->body, "Code") == 0)
		a->code = arena_strdup(mem, text);
	if (xml_find_text(text, sizeof(text), a->body, "Message") == 0)
		a->message = arena_strdup(mem, text);
}

/*
 * Whether the same once more does no harm where it may have been done.  A session that
 * nobody opens ends by itself.
 */
static bool
may_repeat(const struct aws_call *c)
{
	static const char *const harmless[] = { "Describe", "List", "Get", "Lookup",
		"StartSession" };
	const char *operation = c->target != NULL ? strchr(c->target, '.') : NULL;

	for (size_t i = 0; operation != NULL && i < ARRAY_LEN(harmless); i++)
		if (strncmp(operation + 1, harmless[i], strlen(harmless[i])) == 0)
			return true;
	return false;
}

static void post(void *arg);

/* A connection that was cut says nothing about the next one.  Returns whether it waits. */
static bool
again(struct aws_call *c, int err)
{
	bool cut = err == ERR_IO || err == ERR_CLOSED;

	if (!cut || ++c->tries >= CALL_TRIES || !may_repeat(c))
		return false;
	ev_timer_set(c->api->loop, &c->timer,
	    CALL_AGAIN_MS + ev_random_below(c->api->loop, CALL_AGAIN_MS), post, c);
	return true;
}

static void
on_answer(void *arg, const struct http_response *r, int err, const char *why)
{
	struct aws_call *c = arg;
	struct aws_answer a = { .err = err, .code = "", .message = err != 0 ? why : "" };
	auto_arena mem = { 0 };
	auto_json *out = NULL;
	aws_done *done = c->done;
	void *done_arg = c->arg;

	c->http = NULL;
	if (again(c, err))
		return;
	if (err == 0) {
		a.status = r->status;
		a.body = r->body;
		if (c->json && json_read(&out, r->body, NULL) == 0)
			a.out = out;
		if (r->status != 200 && a.out != NULL)
			read_json_error(&a, &mem);
		else if (r->status != 200)
			read_xml_error(&a, &mem);
		else if (c->json && a.out == NULL)
			a = (struct aws_answer){ .err = ERR_PROTOCOL,
				.code = "",
				.message = "the answer is no JSON; is this endpoint a "
					   "sallyportd?" };
	}
	call_free(c);
	done(done_arg, &a);
}

static void
on_unmade(void *arg)
{
	struct aws_call *c = arg;
	struct aws_answer a = { .err = ERR_INVALID, .code = "" };
	auto_arena mem = { 0 };
	aws_done *done = c->done;
	void *done_arg = c->arg;

	a.message = arena_strdup(&mem, c->why);
	call_free(c);
	done(done_arg, &a);
}

/* --- requests ---------------------------------------------------------------------- */

static void
add_header(struct draft *d, const char *name, const char *value, bool to_sign)
{
	assert(d->n < CALL_HEADERS_MAX && d->nsign < CALL_HEADERS_MAX);
	if (to_sign)
		d->to_sign[d->nsign++] =
		    (struct sigv4_header){ span_str(name), span_str(value) };
	if (strcmp(name, "Host") != 0) /* the HTTP client writes that one */
		d->headers[d->n++] = (struct http_header){ name, value };
}

static int
sign(const struct aws_call *c, struct draft *d, struct fault *f)
{
	struct aws_api *a = c->api;
	char host[300], date[TIME_AMZ_LEN + 1];
	char *authorization;
	struct sigv4_credentials keys = {
		.access_key = a->settings->access_key,
		.secret = a->settings->secret,
		.token = a->settings->token[0] != '\0' ? a->settings->token : NULL,
	};
	struct sigv4_request r = {
		.method = "POST", .path = SPAN("/"), .body = buf_span(&c->body)
	};
	int err;

	if ((err = http_host_of(host, sizeof(host), a->settings->endpoint, f)) != 0)
		return err;
	time_amz(date, ev_wall_ms(a->loop));
	add_header(d, "Host", arena_strdup(&d->mem, host), true);
	if (c->target != NULL)
		add_header(d, "Content-Type", "application/x-amz-json-1.1", true);
	else
		add_header(d, "Content-Type",
		    "application/x-www-form-urlencoded; charset=utf-8", true);
	if (c->target != NULL)
		add_header(d, "X-Amz-Target", c->target, true);
	r.headers = d->to_sign;
	r.nheaders = d->nsign;
	if ((err = sigv4_sign(&authorization, &r, &keys, a->settings->region, c->service,
		 date, &d->mem)) != 0)
		return fault_set(f, err, "the request could not be signed");
	add_header(d, "X-Amz-Date", arena_strdup(&d->mem, date), false);
	if (keys.token != NULL)
		add_header(d, "X-Amz-Security-Token", keys.token, false);
	add_header(d, "Authorization", authorization, false);
	return 0;
}

static void
post(void *arg)
{
	struct aws_call *c = arg;
	struct aws_api *a = c->api;
	struct draft d = { 0 };
	auto_free char *url = xasprintf("%s/", a->settings->endpoint);
	struct fault f = { 0 };

	arena_init(&d.mem);
	if (sign(c, &d, &f) == 0) {
		c->http = http_call(a->http,
		    &(struct http_request){
			.method = "POST",
			.url = url,
			.headers = d.headers,
			.nheaders = d.n,
			.body = buf_span(&c->body),
			.timeout_ms =
			    c->timeout_ms != 0 ? c->timeout_ms : CALL_TIMEOUT_MS,
			.response_max = CALL_ANSWER_MAX,
		    },
		    on_answer, c);
	} else {
		snprintf(c->why, sizeof(c->why), "%s", fault_text(&f));
		ev_timer_set(a->loop, &c->timer, 0, on_unmade, c);
	}
	arena_fini(&d.mem);
}

static struct aws_call *
call_new(struct aws_api *a, const char *service, struct span body)
{
	struct aws_call *c = xcalloc(1, sizeof(*c));

	c->api = a;
	list_init(&c->link);
	list_add_tail(&a->calls, &c->link);
	c->service = xstrdup(service);
	buf_init(&c->body, MAX(body.n, (size_t)1));
	buf_add(&c->body, body);
	return c;
}

struct aws_call *
aws_json(struct aws_api *a, enum aws_service service, const char *operation,
    struct span body, uint64_t timeout_ms, aws_done *done, void *arg)
{
	static const struct {
		const char *scope, *target;
	} services[] = {
		[AWS_SSM] = { "ssm", "AmazonSSM" },
		[AWS_CLOUDTRAIL] = { "cloudtrail", "CloudTrail_20131101" },
		[AWS_SALLYPORT] = { "sallyport", "Sallyport" },
	};
	struct aws_call *c = call_new(a, services[service].scope, body);

	c->target = xasprintf("%s.%s", services[service].target, operation);
	c->timeout_ms = timeout_ms;
	c->json = true;
	c->done = done;
	c->arg = arg;
	post(c);
	return c;
}

struct aws_call *
aws_ssm(struct aws_api *a, const char *operation, struct span body, uint64_t timeout_ms,
    aws_done *done, void *arg)
{
	return aws_json(a, AWS_SSM, operation, body, timeout_ms, done, arg);
}

struct aws_call *
aws_query(
    struct aws_api *a, const char *service, const char *form, aws_done *done, void *arg)
{
	struct aws_call *c = call_new(a, service, span_str(form));

	c->done = done;
	c->arg = arg;
	post(c);
	return c;
}
