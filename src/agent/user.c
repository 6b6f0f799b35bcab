/* SPDX-License-Identifier: Apache-2.0 */
/* See user.h. */
#include "agent/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "agent/registration.h"
#include "proto/ids.h"

enum { PASSWD_BUF = 16 * 1024 };

static int
fill(struct agent_user *u, const struct passwd *pw, struct fault *f)
{
	const char *shell = pw->pw_shell;

	if (shell == NULL || *shell != '/')
		shell = "/bin/sh"; /* passwd(5): empty means that one */
	if (str_copy(u->name, sizeof(u->name), pw->pw_name) != 0 ||
	    str_copy(u->home, sizeof(u->home), pw->pw_dir) != 0 ||
	    str_copy(u->shell, sizeof(u->shell), shell) != 0)
		return fault_set(
		    f, ERR_LIMIT, "the passwd entry of %.64s is too long", pw->pw_name);
	u->uid = pw->pw_uid;
	u->gid = pw->pw_gid;
	u->ngroups = AGENT_USER_GROUPS_MAX;
	if (getgrouplist(pw->pw_name, pw->pw_gid, u->groups, &u->ngroups) == -1)
		return fault_set(f, ERR_LIMIT, "user %s is in more than %d groups",
		    u->name, AGENT_USER_GROUPS_MAX);
	return 0;
}

int
agent_user_find(struct agent_user *u, const char *name, struct fault *f)
{
	auto_free char *mem = xmalloc(PASSWD_BUF);
	struct passwd pw, *found = NULL;
	int e = getpwnam_r(name, &pw, mem, PASSWD_BUF, &found);

	if (found != NULL)
		return fill(u, found, f);
	if (e != 0 && e != ENOENT && e != ESRCH)
		return fault_set(
		    f, ERR_IO, "cannot look up user %s: %s", name, strerror(e));
	return fault_set(f, ERR_NOTFOUND, "there is no user %s on this node", name);
}

int
agent_user_self(struct agent_user *u, struct fault *f)
{
	auto_free char *mem = xmalloc(PASSWD_BUF);
	struct passwd pw, *found = NULL;
	const char *home = getenv("HOME");

	(void)getpwuid_r(geteuid(), &pw, mem, PASSWD_BUF, &found);
	if (found != NULL)
		return fill(u, found, f);
	/* A container with a user that has a number only. */
	*u = (struct agent_user){ .uid = geteuid(), .gid = getegid(), .ngroups = 1 };
	u->groups[0] = u->gid;
	(void)snprintf(u->name, sizeof(u->name), "%u", (unsigned)u->uid);
	if (home == NULL || *home != '/' || str_copy(u->home, sizeof(u->home), home) != 0)
		(void)snprintf(u->home, sizeof(u->home), "/");
	(void)snprintf(u->shell, sizeof(u->shell), "/bin/sh");
	return 0;
}

static bool
is_self(const char *name)
{
	struct agent_user self;

	return agent_user_self(&self, NULL) == 0 && strcmp(self.name, name) == 0;
}

static const char *
session_user(const struct agent_user_policy *p)
{
	return *p->session_user != '\0' ? p->session_user : AGENT_SESSION_USER_DEFAULT;
}

int
agent_user_choose(char *name, size_t size, const struct agent_user_policy *p,
    const struct session_document *doc, const char *run_as, struct fault *f)
{
	const char *who = "";

	if (doc->run_as_enabled) {
		who = *run_as != '\0' ? run_as : doc->run_as_default_user;
		if (*who == '\0')
			return fault_set(f, ERR_INVALID,
			    "run-as is on but no user is named; set the run-as default "
			    "user in the session preferences, or the tag "
			    "SSMSessionRunAs");
		if (!id_user_valid(span_str(who)))
			return fault_set(
			    f, ERR_INVALID, "the run-as user is not a valid user name");
	}
	if (doc->run_as_elevated && p->is_root && strcmp(session_user(p), "root") != 0)
		return fault_set(f, ERR_DENIED,
		    "this document asks for root; the node allows that only when it is "
		    "registered with --session-user root");
	if (!p->is_root) {
		if (*who != '\0' && !is_self(who))
			return fault_set(f, ERR_DENIED,
			    "the agent on this node does not run as root, so a session "
			    "cannot run as user %s",
			    who);
		who = "";
	} else if (doc->run_as_elevated) {
		who = "root";
	} else if (*who == '\0') {
		who = session_user(p);
	}
	return str_copy(name, size, who) == 0
	    ? 0
	    : fault_set(f, ERR_LIMIT, "the user's name is too long");
}

int
agent_user_allowed(const struct agent_user_policy *p, const char *name,
    struct agent_user *u, struct fault *f)
{
	struct fault why = { 0 };
	int r;

	if (!p->is_root) {
		if (*name != '\0' && !is_self(name))
			return fault_set(
			    f, ERR_DENIED, "the agent cannot change to user %s", name);
		return agent_user_self(u, f);
	}
	if (!id_user_valid(span_str(name)))
		return fault_set(f, ERR_INVALID, "not a valid user name");
	r = agent_user_find(u, name, &why);
	if (r == ERR_NOTFOUND)
		return fault_set(f, r,
		    "%s; create it (useradd --create-home --shell /bin/bash %s), or "
		    "register again with --session-user NAME --force",
		    why.text, name);
	if (r != 0)
		return fault_set(f, r, "%s", why.text);
	if ((u->uid == 0 || u->gid == 0) && strcmp(session_user(p), "root") != 0)
		return fault_set(f, ERR_DENIED,
		    "sessions as user %s (uid or gid 0) are refused; the node allows "
		    "them "
		    "only when it is registered with --session-user root",
		    name);
	return 0;
}
