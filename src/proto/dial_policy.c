/* SPDX-License-Identifier: Apache-2.0 */
/* See dial_policy.h. */
#include "proto/dial_policy.h"

#include <arpa/inet.h>

#include "base/text.h"

/* Metadata services live among the link-local addresses, and at the last four. */
static const char always[] = "0.0.0.0/8 169.254.0.0/16 224.0.0.0/4 255.255.255.255/32 "
			     "::/128 fe80::/10 fec0::/10 ff00::/8 fd00:ec2::/32 "
			     "fd20:ce::/32 100.100.100.200/32 168.63.129.16/32";

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
	char text[DIAL_IP_TEXT];
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

		if (span_eq(word, SPAN(DIAL_SOCKETS))) {
			p->no_sockets = true;
			s += word.n;
			continue;
		}
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

/* What getaddrinfo() takes for an address without asking anybody. */
static int
read_literal(char *ip, size_t size, const char *host)
{
	struct in_addr v4;
	uint8_t unused[16], bits;
	size_t zone = strcspn(host, "%");

	if (inet_aton(host, &v4) != 0)
		return inet_ntop(AF_INET, &v4, ip, (socklen_t)size) != NULL ? 0
									    : ERR_LIMIT;
	if (zone >= size)
		return ERR_LIMIT;
	memcpy(ip, host, zone);
	ip[zone] = '\0';
	return read_ip(unused, &bits, ip);
}

bool
dial_host_is_forbidden(char ip[DIAL_IP_TEXT], const char *host)
{
	static const struct dial_policy nothing_more = { .n = 0 };

	return read_literal(ip, DIAL_IP_TEXT, host) == 0 &&
	    !dial_policy_allows(&nothing_more, ip);
}
