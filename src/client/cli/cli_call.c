/* SPDX-License-Identifier: Apache-2.0 */
/* Settings and blocking calls of the command line; see cli.h. */
#include "base/text.h"
#include "client/cli/cli.h"
#include "client/terminal/when.h"
#include "codec/http1.h"
#include "codec/json.h"

/* --- settings ---------------------------------------------------------------------- */

int
cli_open_place(struct cli *c, struct fault *f)
{
	int r;

	if ((r = aws_settings_load(&c->settings, &c->over, f)) != 0)
		return r;
	c->loop = ev_loop_new();
	return aws_api_new(&c->api, c->loop, &c->settings, f);
}

int
cli_open(struct cli *c)
{
	struct fault f = { 0 };
	int r;

	if ((r = cli_open_place(c, &f)) != 0 ||
	    (r = aws_settings_keys(&c->settings, &f)) != 0)
		cli_fail(&f);
	return r;
}

void
cli_close(struct cli *c)
{
	aws_api_free(STEAL(c->api));
	aws_settings_fini(&c->settings);
	if (c->loop != NULL)
		ev_loop_free(STEAL(c->loop));
}

/* --- calls ------------------------------------------------------------------------- */

/* A server that never stops saying "more" is left after so many pages. */
enum { PAGES_MAX = 10000, PAGE_BODY_MAX = 512 * 1024 };

/* One call under way; the loop runs until it is over. */
struct waiting {
	struct cli *c;
	struct fault *f;
	json_t *out;
	struct buf *body;
	struct cli_page *page;
	int err;
};

/* What to do about an error that has nothing to do with the operation. */
static const char *
advice(const char *code)
{
	static const struct {
		const char *code, *text;
	} list[] = {
		{ "UnrecognizedClientException", "check AWS_ACCESS_KEY_ID" },
		{ "InvalidClientTokenId", "check AWS_ACCESS_KEY_ID" },
		{ "InvalidSignatureException",
		    "check AWS_SECRET_ACCESS_KEY and the clock" },
		{ "SignatureDoesNotMatch", "check AWS_SECRET_ACCESS_KEY and the clock" },
		{ "ExpiredTokenException", "get new credentials" },
		{ "ExpiredToken", "get new credentials" },
		{ "RequestExpired", "set this machine's clock" },
		{ "InvalidFilterKey", "the filter for a tag is tag:NAME=VALUE" },
	};

	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		if (strcmp(list[i].code, code) == 0)
			return list[i].text;
	return NULL;
}

static int
service_fault(struct fault *f, const struct aws_answer *a)
{
	const char *next = advice(a->code);

	if (a->code[0] == '\0')
		return fault_set(f, ERR_PROTOCOL,
		    "the server answered with status %d: is this endpoint a sallyportd?",
		    a->status);
	/* "Signature expired: ..." and "Signature not yet current: ..." name the culprit. */
	if (next != NULL && strncmp(a->message, "Signature ", 10) == 0)
		next = "set this machine's clock";
	return fault_set(f, ERR_DENIED, "%s: %s%s%s%s", a->code, a->message,
	    next != NULL ? " (" : "", next != NULL ? next : "", next != NULL ? ")" : "");
}

bool
cli_is_error(const struct fault *f, const char *code)
{
	size_t n = strlen(code);

	return strncmp(f->text, code, n) == 0 && f->text[n] == ':';
}

/* A server for HTTPS hangs up on plain HTTP without a word. */
static int
way_fault(struct fault *f, const char *endpoint, const struct aws_answer *a)
{
	bool plain = strncmp(endpoint, "http://", 7) == 0;

	return fault_set(f, a->err, "%s: %s%s", endpoint, a->message,
	    plain && a->err == ERR_CLOSED ? ": should it be https://?" : "");
}

static void
on_answer(void *arg, const struct aws_answer *a)
{
	struct waiting *w = arg;

	if (a->err != 0)
		w->err = way_fault(w->f, w->c->settings.endpoint, a);
	else if (a->status != 200)
		w->err = service_fault(w->f, a);
	else if (w->body != NULL)
		buf_add(w->body, a->body);
	else
		w->out = json_incref(a->out);
	ev_stop(w->c->loop);
}

int
cli_json(struct cli *c, enum aws_service service, const char *operation, struct span body,
    json_t **out, struct fault *f)
{
	struct waiting w = { .c = c, .f = f };

	aws_json(c->api, service, operation, body, 0, on_answer, &w);
	ev_run(c->loop);
	*out = w.out;
	return w.err;
}

int
cli_json_fields(struct cli *c, enum aws_service service, const char *operation,
    const struct cli_field *fields, size_t n, json_t **out, struct fault *f)
{
	auto_buf body = { .max = PAGE_BODY_MAX };
	struct jsonw w;
	int r;

	jw_init(&w, &body);
	jw_open(&w, '{');
	for (size_t i = 0; i < n; i++)
		jw_field_opt(&w, fields[i].name, fields[i].value);
	jw_close(&w, '}');
	if ((r = buf_check(&body)) != 0)
		return fault_set(f, r, "what is to be sent is too long");
	return cli_json(c, service, operation, buf_span(&body), out, f);
}

int
cli_ssm(
    struct cli *c, const char *operation, struct span body, json_t **out, struct fault *f)
{
	return cli_json(c, AWS_SSM, operation, body, out, f);
}

static int
page_body(struct buf *out, const struct cli_pages *p, const char *token)
{
	struct jsonw w;

	jw_init(&w, out);
	jw_open(&w, '{');
	if (p->input != NULL)
		p->input(&w, p->arg);
	jw_field_opt(&w, "NextToken", token);
	jw_close(&w, '}');
	return buf_check(out);
}

int
cli_json_pages(struct cli *c, const struct cli_pages *p, json_t *out, struct fault *f)
{
	auto_free char *token = NULL;

	for (int page = 0; page < PAGES_MAX; page++) {
		auto_buf body = { .max = PAGE_BODY_MAX };
		auto_json *answer = NULL;
		const char *next;
		int r;

		if ((r = page_body(&body, p, token)) != 0)
			return fault_set(f, r, "what is to be sent is too long");
		r = cli_json(c, p->service, p->operation, buf_span(&body), &answer, f);
		if (r != 0)
			return r;
		json_array_extend(out, json_get_arr(answer, p->list));
		next = json_get_str(answer, "NextToken");
		if (next == NULL || next[0] == '\0' ||
		    (p->enough > 0 && json_array_size(out) >= p->enough))
			break;
		free(token);
		token = xstrdup(next);
	}
	return 0;
}

int
cli_print_pages(struct cli *c, const struct cli_pages *p, const struct cli_columns *k)
{
	auto_json *list = json_array();
	struct fault f = { 0 };

	if (cli_open(c) != 0)
		return CLI_FAILED;
	if (cli_json_pages(c, p, list, &f) != 0)
		return cli_fail(&f);
	cli_print_rows(c, list, k);
	return CLI_OK;
}

int
cli_query(struct cli *c, const char *service, const char *form, struct buf *out,
    struct fault *f)
{
	struct waiting w = { .c = c, .f = f, .body = out };

	aws_query(c->api, service, form, on_answer, &w);
	ev_run(c->loop);
	return w.err != 0 ? w.err : buf_check(out);
}

static void
on_page(void *arg, const struct http_response *r, int err, const char *why)
{
	struct waiting *w = arg;

	if (err != 0) {
		w->err = fault_set(w->f, err, "%s: %s", w->c->settings.endpoint, why);
	} else {
		w->page->status = r->status;
		buf_add(&w->page->body, r->body);
		if (time_parse_http(http1_get(r->head, "Date"), &w->page->date_ms) != 0)
			w->page->date_ms = 0;
	}
	ev_stop(w->c->loop);
}

int
cli_get(struct cli *c, const char *path, struct cli_page *out, struct fault *f)
{
	auto_free char *url = xasprintf("%s%s", c->settings.endpoint, path);
	struct waiting w = { .c = c, .f = f, .page = out };

	http_call(aws_api_http(c->api),
	    &(struct http_request){
		.method = "GET", .url = url, .timeout_ms = 15 * 1000 },
	    on_page, &w);
	ev_run(c->loop);
	return w.err != 0 ? w.err : buf_check(&out->body);
}

int
cli_moment(struct cli *c, const char *option, const char *text, int64_t *ms)
{
	if (text == NULL || when_moment(ms, text, ev_wall_ms(c->loop)) == 0)
		return 0;
	cli_say("--%s %s is neither a time in ISO 8601 nor a duration such as 2h", option,
	    text);
	return ERR_INVALID;
}
