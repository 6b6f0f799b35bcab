/* SPDX-License-Identifier: Apache-2.0 */
/* See dial.h. */
#include "agent/dial.h"

#include <arpa/inet.h>

#include "base/text.h"

enum { IP_TEXT = 64 };

/* --- rules ----------------------------------------------------------------- */

/* Metadata services live among the link-local addresses, and at fd00:ec2::. */
static const char always[] = "0.0.0.0/8 169.254.0.0/16 224.0.0.0/4 255.255.255.255/32 "
			     "::/128 fe80::/10 fec0::/10 ff00::/8 fd00:ec2::/32 "
			     "fd20:ce::/32";

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

/* Forms of IPv6 that carry an IPv4 address: mapped, compatible, translated, 6to4. */
static void
unveil(uint8_t ip[16])
{
	static const uint8_t zero[12], nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
	static const uint8_t siit[12] = { [8] = 0xff, [9] = 0xff };
	uint8_t v4[4];

	if (memcmp(ip, zero, 12) == 0) {
		memcpy(v4, ip + 12, 4);
		if (v4[0] == 0 && v4[1] == 0 && v4[2] == 0) /* "::" and "::1" are IPv6 */
			return;
	} else if (memcmp(ip, nat64, 12) == 0 || memcmp(ip, siit, 12) == 0) {
		memcpy(v4, ip + 12, 4);
	} else if (ip[0] == 0x20 && ip[1] == 0x02) {
		memcpy(v4, ip + 2, 4);
	} else {
		return;
	}
	memcpy(ip, mapped, 12);
	memcpy(ip + 12, v4, 4);
}

/* Canonical form of an address in *bits meaningful bits, 32 or 128. */
static int
read_ip(uint8_t ip[16], uint8_t *bits, const char *text)
{
	*bits = 128;
	if (inet_pton(AF_INET, text, ip + 12) == 1) {
		memcpy(ip, mapped, 12);
		*bits = 32;
		return 0;
	}
	return inet_pton(AF_INET6, text, ip) == 1 ? 0 : ERR_INVALID;
}

static bool
covers(const struct dial_prefix *x, const uint8_t ip[16])
{
	size_t whole = x->bits / 8, rest = x->bits % 8;

	if (memcmp(x->ip, ip, whole) != 0)
		return false;
	return rest == 0 || ((x->ip[whole] ^ ip[whole]) >> (8 - rest)) == 0;
}

static int
read_prefix(struct dial_prefix *x, struct span word)
{
	size_t slash = 0;
	int64_t bits;
	char text[IP_TEXT];
	uint8_t all;

	while (slash < word.n && word.p[slash] != '/')
		slash++;
	if (span_copy(text, sizeof(text), span_sub(word, 0, slash)) != 0 ||
	    read_ip(x->ip, &all, text) != 0)
		return ERR_INVALID;
	bits = all;
	if (slash < word.n &&
	    num_parse(span_sub(word, slash + 1, word.n), 0, all, &bits) != 0)
		return ERR_INVALID;
	x->bits = (uint8_t)(128 - all + bits);
	return 0;
}

int
dial_policy_parse(struct dial_policy *p, const char *cidrs, struct fault *f)
{
	*p = (struct dial_policy){ 0 };
	for (const char *s = cidrs + strspn(cidrs, " "); *s != '\0';
	     s += strspn(s, " ")) {
		struct span word = { (const uint8_t *)s, strcspn(s, " ") };

		if (p->n == DIAL_DENY_MAX)
			return fault_set(f, ERR_LIMIT,
			    "more than %d address prefixes are denied", DIAL_DENY_MAX);
		if (read_prefix(&p->deny[p->n++], word) != 0)
			return fault_set(f, ERR_INVALID,
			    "\"%.*s\" is no address prefix; it looks like 10.0.0.0/8",
			    (int)MIN(word.n, (size_t)60), s);
		s += word.n;
	}
	return 0;
}

static bool
listed(const struct dial_policy *p, const uint8_t ip[16])
{
	for (size_t i = 0; i < p->n; i++)
		if (covers(&p->deny[i], ip))
			return true;
	return false;
}

bool
dial_policy_allows(const struct dial_policy *p, const char *text)
{
	struct dial_policy fixed;
	uint8_t ip[16], bits;

	if (read_ip(ip, &bits, text) != 0 || dial_policy_parse(&fixed, always, NULL) != 0)
		return false;
	if (listed(&fixed, ip) || listed(p, ip))
		return false;
	unveil(ip);
	return !listed(&fixed, ip) && !listed(p, ip);
}

/* --- connecting -------------------------------------------------------------- */

struct agent_dial {
	struct ev_loop *loop;
	struct ev_connect *connect;
	const struct dial_policy *policy;
	uint16_t port;
	bool probing, second; /* the second of this node's own addresses */
	bool found;           /* probing: one that is allowed */
	char denied[IP_TEXT];
	dial_cb *cb;
	void *arg;
};

static bool
may_dial(void *arg, const char *ip)
{
	struct agent_dial *d = arg;

	if (dial_policy_allows(d->policy, ip)) {
		d->found = true;
		return !d->probing;
	}
	(void)snprintf(d->denied, sizeof(d->denied), "%s", ip);
	return false;
}

static void
deliver(struct agent_dial *d, struct ev_stream *s, int err, const char *why)
{
	dial_cb *cb = d->cb;
	void *arg = d->arg;
	char text[300];

	if (err == ERR_DENIED && *d->denied != '\0')
		(void)snprintf(text, sizeof(text),
		    "Forwarding to IP address %s is forbidden.", d->denied);
	else
		(void)snprintf(text, sizeof(text), "%s", why);
	free(d);
	cb(arg, s, err, text);
}

static void
on_connected(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct agent_dial *d = arg;

	d->connect = NULL;
	if (d->probing && err == ERR_DENIED && d->found)
		err = 0;
	deliver(d, s, err, why);
}

static void
on_own(void *arg, struct ev_stream *s, int err, const char *why)
{
	struct agent_dial *d = arg;

	d->connect = NULL;
	if (err == 0 || d->second) {
		deliver(d, s, err, why);
		return;
	}
	d->second = true;
	d->connect =
	    ev_connect(d->loop, "127.0.0.1", d->port, DIAL_TIMEOUT_MS, on_own, d);
}

static struct agent_dial *
start(
    struct ev_loop *l, const struct dial_target *t, bool probing, dial_cb *cb, void *arg)
{
	struct agent_dial *d = xcalloc(1, sizeof(*d));

	d->loop = l;
	d->policy = t->policy;
	d->port = t->port;
	d->probing = probing;
	d->cb = cb;
	d->arg = arg;
	if (*t->host == '\0')
		d->connect = ev_connect(l, "::1", t->port, DIAL_TIMEOUT_MS, on_own, d);
	else
		d->connect = ev_connect_if(
		    l, t->host, t->port, DIAL_TIMEOUT_MS, may_dial, on_connected, d);
	return d;
}

struct agent_dial *
agent_dial_start(struct ev_loop *l, const struct dial_target *t, dial_cb *cb, void *arg)
{
	return start(l, t, false, cb, arg);
}

struct agent_dial *
agent_dial_probe(struct ev_loop *l, const struct dial_target *t, dial_cb *cb, void *arg)
{
	assert(*t->host != '\0');
	return start(l, t, true, cb, arg);
}

void
agent_dial_cancel(struct agent_dial *d)
{
	if (d == NULL)
		return;
	ev_connect_cancel(d->connect);
	free(d);
}
