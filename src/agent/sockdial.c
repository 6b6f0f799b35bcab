/* SPDX-License-Identifier: Apache-2.0 */
/* See sockdial.h. */
#include "agent/sockdial.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/dial.h"
#include "agent/supervise.h"

int
sockdial_check(struct span path, struct fault *f)
{
	if (path.n == 0 || path.p[0] != '/' || span_find(path, '\0') != -1)
		return fault_set(f, ERR_INVALID,
		    "a socket is given by its absolute path; abstract names are refused");
	if (path.n > SOCKDIAL_PATH_MAX)
		return fault_set(f, ERR_LIMIT,
		    "the path of a socket has at most %d bytes", SOCKDIAL_PATH_MAX);
	return 0;
}

/* No descriptor of root's is left, and nobody of the user's can look into this process. */
static int
give_up(int *keep, const struct agent_user *u)
{
	sigset_t none;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || prctl(PR_SET_DUMPABLE, 0) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 || dup2(*keep, 0) == -1 ||
	    close_range(1, ~0U, 0) == -1)
		return SUPERVISE_FAILED;
	*keep = 0;
	(void)alarm(DIAL_TIMEOUT_MS / 1000); /* a full queue, a file system that hangs */
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	return supervise_become(u);
}

static int
explain(int e, const char *path, const struct agent_user *u, struct fault *f)
{
	int code = err_from_errno(e);

	switch (e) {
	case ENOENT:
	case ENOTDIR:
		return fault_set(f, ERR_NOTFOUND, "there is no socket %s", path);
	case EACCES:
	case EPERM:
		return fault_set(f, ERR_DENIED,
		    "user %s may not connect to the socket %s", u->name, path);
	case ECONNREFUSED:
		return fault_set(f, ERR_REFUSED, "nobody listens on the socket %s", path);
	case EPROTOTYPE:
		return fault_set(f, ERR_REFUSED, "%s is no stream socket", path);
	default:
		return fault_set(f, code != ERR_AGAIN ? code : ERR_REFUSED,
		    "cannot connect to the socket %s: %s", path, strerror(e));
	}
}

int
sockdial_child(
    int *out, int *keep, const struct agent_user *u, const char *path, struct fault *f)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t n = strlen(path);
	int fd;

	if (give_up(keep, u) != 0)
		return fault_set(
		    f, ERR_INTERNAL, "the agent could not change to user %s", u->name);
	assert(n < sizeof(sun.sun_path)); /* sockdial_check() */
	memcpy(sun.sun_path, path, n);
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return fault_set(f, ERR_LIMIT, "no socket: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == -1)
		return explain(errno, path, u, f);
	*out = fd;
	return 0;
}
