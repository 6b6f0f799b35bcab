/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A registration's prefixes, a host, and an address, each on a line of its own.
 *
 * Properties: prefixes that are read are read the same without one of them (more rules allow
 * less); an IPv4 address and its mapped form are judged alike; a host that is forbidden names
 * an address that no policy allows.
 */
#include "proto/dial_policy.h"

#include <arpa/inet.h>

#include "base/text.h"
#include "fuzz/fuzz.h"

static struct span
take_line(struct span *in)
{
	size_t n = 0;
	struct span line;

	while (n < in->n && in->p[n] != '\n')
		n++;
	line = span_sub(*in, 0, n);
	*in = span_sub(*in, MIN(n + 1, in->n), in->n);
	return line;
}

static void
check_disguise(const struct dial_policy *p, const char *ip)
{
	char mapped[DIAL_IP_TEXT + 8];
	struct in_addr v4;

	if (inet_pton(AF_INET, ip, &v4) != 1)
		return;
	(void)snprintf(mapped, sizeof(mapped), "::ffff:%s", ip);
	if (dial_policy_allows(p, ip) != dial_policy_allows(p, mapped))
		__builtin_trap();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	char cidrs[512], host[300], ip[DIAL_IP_TEXT], found[DIAL_IP_TEXT];
	struct dial_policy all, fewer;
	struct fault f = { 0 };

	if (span_copy(cidrs, sizeof(cidrs), take_line(&in)) != 0 ||
	    span_copy(host, sizeof(host), take_line(&in)) != 0 ||
	    span_copy(ip, sizeof(ip), take_line(&in)) != 0 ||
	    dial_policy_parse(&all, cidrs, &f) != 0)
		return 0;
	fewer = all;
	fewer.n -= all.n > 0;
	if (dial_policy_allows(&all, ip) && !dial_policy_allows(&fewer, ip))
		__builtin_trap();
	check_disguise(&all, ip);
	if (dial_host_is_forbidden(found, host) && dial_policy_allows(&all, found))
		__builtin_trap();
	return 0;
}
