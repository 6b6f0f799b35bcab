/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a URL leads: scheme, host, port, and whether through the proxy.  NO_PROXY follows
 * the usual rules: names match themselves and what is below them, addresses match
 * addresses or CIDR ranges, "*" matches everything.  Loopback never goes to a proxy.
 */
#include <arpa/inet.h>

#include "base/text.h"
#include "net/http_client_priv.h"

int
http_addr_parse(struct http_addr *a, const char *url, struct fault *f)
{
	struct url u;
	bool plain;
	int r;

	*a = (struct http_addr){ 0 };
	if (url == NULL)
		return fault_set(f, ERR_INVALID, "no URL given");
	if ((r = url_parse(&u, span_str(url), f)) != 0)
		return r;
	a->tls = strcmp(u.scheme, "https") == 0 || strcmp(u.scheme, "wss") == 0;
	plain = strcmp(u.scheme, "http") == 0 || strcmp(u.scheme, "ws") == 0;
	if (!a->tls && !plain)
		return fault_set(
		    f, ERR_UNSUPPORTED, "URL scheme \"%s\" is not supported", u.scheme);
	if ((r = str_copy(a->host, sizeof(a->host), u.host)) != 0)
		return fault_set(f, r, "the host of the URL is too long");
	a->port = u.port != 0 ? u.port : a->tls ? 443 : 80;
	a->default_port = a->port == (a->tls ? 443 : 80);
	a->target = u.target.n > 0 ? u.target : SPAN("/");
	return 0;
}

int
http_addr_text(char *out, size_t size, const struct http_addr *a, bool with_port)
{
	bool v6 = strchr(a->host, ':') != NULL;
	int n;

	if (with_port)
		n = snprintf(out, size, v6 ? "[%s]:%u" : "%s:%u", a->host, a->port);
	else
		n = snprintf(out, size, v6 ? "[%s]" : "%s", a->host);
	return n < 0 || (size_t)n >= size ? ERR_LIMIT : 0;
}

int
http_host_of(char *out, size_t size, const char *url, struct fault *f)
{
	struct http_addr a;
	int r = http_addr_parse(&a, url, f);

	if (size > 0)
		*out = '\0';
	if (r == 0 && (r = http_addr_text(out, size, &a, !a.default_port)) != 0)
		r = fault_set(f, r, "the host of the URL is too long");
	return r;
}

/* --- proxy ----------------------------------------------------------------- */

static char *
proxy_auth(struct span userinfo)
{
	auto_buf plain = { 0 }, text = { 0 };

	buf_init(&plain, 1024);
	buf_init(&text, 2048);
	if (uri_decode(&plain, userinfo, false) != 0 || buf_check(&plain) != 0)
		return NULL;
	base64_encode(&text, buf_span(&plain));
	return xstrdup(buf_cstr(&text));
}

/* "http://[user:password@]host:port", or without the scheme. */
void
http_proxy_init(struct http_proxy *p, const char *url)
{
	const char *rest, *at;
	auto_free char *clean = NULL;

	*p = (struct http_proxy){ .set = url != NULL && *url != '\0' };
	if (!p->set)
		return;
	rest = strstr(url, "://");
	rest = rest != NULL ? rest + 3 : url;
	if (rest != url && strncmp(url, "http://", 7) != 0)
		return; /* https and socks proxies: calls will say that they are not
			   usable */
	if ((at = strrchr(rest, '@')) != NULL) {
		p->auth = proxy_auth(span_of(rest, (size_t)(at - rest)));
		rest = at + 1;
	}
	clean = xasprintf("http://%s", rest);
	p->usable = http_addr_parse(&p->at, clean, NULL) == 0;
	p->at.target = SPAN_NONE;
}

void
http_proxy_fini(struct http_proxy *p)
{
	free(p->auth);
	*p = (struct http_proxy){ 0 };
}

/* Address families and bytes of a textual address; 0 for a name. */
static size_t
address(uint8_t out[16], const char *s)
{
	if (inet_pton(AF_INET, s, out) == 1)
		return 4;
	return inet_pton(AF_INET6, s, out) == 1 ? 16 : 0;
}

static bool
in_cidr(const char *host, struct span net, struct span bits)
{
	uint8_t a[16], b[16];
	char text[64];
	size_t n = address(a, host);
	int64_t len;

	if (n == 0 || span_copy(text, sizeof(text), net) != 0 || address(b, text) != n ||
	    num_parse(bits, 0, (int64_t)n * 8, &len) != 0)
		return false;
	for (int64_t i = 0; i < len; i++) {
		if (((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1) != 0)
			return false;
	}
	return true;
}

static bool
entry_matches(struct span e, const struct http_addr *a)
{
	size_t hl = strlen(a->host);
	struct span rest = e, net;
	char port[8];

	if (span_eq_str(e, "*"))
		return true;
	if (span_find(e, '/') >= 0 && span_cut(&rest, '/', &net))
		return in_cidr(a->host, net, rest);
	(void)snprintf(port, sizeof(port), ":%u", a->port);
	if (span_ends(e, port) && span_find(e, ':') == (ptrdiff_t)(e.n - strlen(port)))
		e.n -= strlen(port);
	if (span_eq_ci(e, a->host))
		return true;
	if (span_starts(e, "*."))
		e = span_sub(e, 1, e.n);
	if (span_starts(e, "."))
		e = span_sub(e, 1, e.n);
	return e.n > 0 && hl > e.n && a->host[hl - e.n - 1] == '.' &&
	    span_eq_ci(e, a->host + hl - e.n);
}

static bool
is_local(const char *host)
{
	uint8_t ip[16];
	size_t n = address(ip, host);

	if (n == 4)
		return ip[0] == 127;
	return n == 16 ? strcmp(host, "::1") == 0 : strcmp(host, "localhost") == 0;
}

bool
http_proxy_applies(
    const struct http_proxy *p, const char *no_proxy, const struct http_addr *a)
{
	struct span rest = span_str(no_proxy), e;

	if (!p->set || !a->tls || is_local(a->host))
		return false;
	while (span_cut(&rest, ',', &e)) {
		e = span_trim(e);
		if (e.n > 0 && entry_matches(e, a))
			return false;
	}
	return true;
}
