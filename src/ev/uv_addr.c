/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The libuv backend: socket addresses as text, and sockets with the options that every
 * one of ours has.
 */
#include "ev/backend.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>

#include "ev/uv_backend.h"

void
evu_addr_ip(char *out, size_t size, sa_family_t family, const void *ip)
{
	struct in6_addr a6;

	out[0] = '\0';
	if (family == AF_INET) {
		inet_ntop(AF_INET, ip, out, (socklen_t)size);
	} else if (family == AF_INET6) {
		memcpy(&a6, ip, sizeof(a6));
		inet_ntop(AF_INET6, &a6, out, (socklen_t)size);
	}
}

void
evu_addr_text(char *out, size_t size, const struct sockaddr *sa, socklen_t len)
{
	const struct sockaddr_un *sun = (const void *)sa;
	const struct sockaddr_in *sin = (const void *)sa;
	const struct sockaddr_in6 *sin6 = (const void *)sa;
	char ip[64];

	switch (sa->sa_family) {
	case AF_INET:
		evu_addr_ip(ip, sizeof(ip), AF_INET, (const void *)&sin->sin_addr);
		snprintf(out, size, "%s:%u", ip, ntohs(sin->sin_port));
		break;
	case AF_INET6:
		evu_addr_ip(ip, sizeof(ip), AF_INET6, sin6->sin6_addr.s6_addr);
		snprintf(out, size, "[%s]:%u", ip, ntohs(sin6->sin6_port));
		break;
	case AF_UNIX:
		if (len > offsetof(struct sockaddr_un, sun_path) &&
		    sun->sun_path[0] != '\0') {
			snprintf(out, size, "%s", sun->sun_path);
			break;
		}
		/* fall through */
	default:
		snprintf(out, size, "local");
		break;
	}
}

int
evu_addr_unix(struct sockaddr_un *sun, const char *path)
{
	*sun = (struct sockaddr_un){ .sun_family = AF_UNIX };
	return str_copy(sun->sun_path, sizeof(sun->sun_path), path);
}

void
evu_tcp_options(int fd)
{
	int on = 1;

	/* Best effort: none of these is needed for the bytes to arrive. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

int
evu_socket(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd != -1 && family != AF_UNIX)
		evu_tcp_options(fd);
	return fd;
}
