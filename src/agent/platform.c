/* SPDX-License-Identifier: Apache-2.0 */
/* See platform.h. */
#include "agent/platform.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/files.h"

void
agent_os_release_get(char *out, size_t size, struct span text, const char *name)
{
	struct span line;
	size_t n = strlen(name), len = 0;

	out[0] = '\0';
	while (span_cut(&text, '\n', &line)) {
		char quote = 0;

		line = span_trim(line);
		if (!span_starts(line, name) || line.n <= n || line.p[n] != '=')
			continue;
		line = span_sub(line, n + 1, line.n);
		if (line.n >= 2 && (line.p[0] == '"' || line.p[0] == '\''))
			quote = (char)line.p[0];
		for (size_t i = quote != 0; i < line.n && len + 1 < size; i++) {
			char c = (char)line.p[i];

			if (c == quote && quote != 0)
				break;
			if (c == '\\' && quote == '"' && i + 1 < line.n)
				c = (char)line.p[++i];
			out[len++] = c;
		}
		out[len] = '\0';
		return;
	}
}

static void
read_os(struct agent_platform *p)
{
	struct utsname un;
	auto_buf b = { 0 };

	if (agent_file_read(&b, "/etc", "os-release", NULL) != 0) {
		buf_fini(&b);
		if (agent_file_read(&b, "/usr/lib", "os-release", NULL) != 0)
			buf_reset(&b);
	}
	agent_os_release_get(p->name, sizeof(p->name), buf_span(&b), "NAME");
	agent_os_release_get(p->version, sizeof(p->version), buf_span(&b), "VERSION_ID");
	if (uname(&un) == -1)
		return;
	if (p->name[0] == '\0')
		(void)snprintf(p->name, sizeof(p->name), "%s", un.sysname);
	if (p->version[0] == '\0')
		(void)snprintf(p->version, sizeof(p->version), "%.63s", un.release);
}

/* Lower is better; -1: not an address to show. */
static int
rank(const struct ifaddrs *ia)
{
	const struct sockaddr_in6 *s6 = (const void *)ia->ifa_addr;

	if (ia->ifa_addr == NULL || (ia->ifa_flags & IFF_UP) == 0 ||
	    (ia->ifa_flags & IFF_LOOPBACK) != 0)
		return -1;
	if (ia->ifa_addr->sa_family == AF_INET)
		return (ia->ifa_flags & IFF_POINTOPOINT) != 0 ? 1 : 0;
	if (ia->ifa_addr->sa_family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&s6->sin6_addr))
		return 2;
	return -1;
}

static void
read_ip(struct agent_platform *p)
{
	struct ifaddrs *all = NULL;
	int best = 99;

	if (getifaddrs(&all) == -1)
		return;
	for (const struct ifaddrs *ia = all; ia != NULL; ia = ia->ifa_next) {
		const struct sockaddr_in *s4 = (const void *)ia->ifa_addr;
		const struct sockaddr_in6 *s6 = (const void *)ia->ifa_addr;
		int r = rank(ia);

		if (r < 0 || r >= best)
			continue;
		best = r;
		(void)inet_ntop(ia->ifa_addr->sa_family,
		    r == 2 ? (const void *)&s6->sin6_addr : (const void *)&s4->sin_addr,
		    p->ip, sizeof(p->ip));
	}
	freeifaddrs(all);
}

void
agent_platform_read(struct agent_platform *p)
{
	*p = (struct agent_platform){ 0 };
	read_os(p);
	read_ip(p);
	if (gethostname(p->computer, sizeof(p->computer) - 1) == -1)
		p->computer[0] = '\0';
}
