/* SPDX-License-Identifier: Apache-2.0 */
/* The reasons of failures, with what to do about them. */
#include <errno.h>
#include <pwd.h>
#include <unistd.h>

#include "copy/copy.h"

static const char *
user_name(void)
{
	static _Thread_local char name[64];
	char mem[4096];
	struct passwd pw, *found = NULL;

	(void)getpwuid_r(geteuid(), &pw, mem, sizeof(mem), &found);
	if (found == NULL || str_copy(name, sizeof(name), found->pw_name) != 0)
		(void)snprintf(name, sizeof(name), "%u", (unsigned)geteuid());
	return name;
}

const char *
copy_words(int errnum)
{
	static _Thread_local char text[160];

	switch (errnum) {
	case EACCES:
	case EPERM:
		(void)snprintf(
		    text, sizeof(text), "permission denied (as user %s)", user_name());
		return text;
	case ENOENT:
		return "no such file or directory";
	case EISDIR:
		return "is a directory: to copy it use -r";
	case ENOTDIR:
		return "not a directory";
	case ENOSPC:
		return "no space left there: make room and repeat the command";
	case EDQUOT:
		return "the disk quota is used up: make room and repeat the command";
	case EROFS:
		return "the file system is read-only";
	case EFBIG:
		return "the file is too large for that file system";
	case ELOOP:
		return "is a symbolic link there, which is not followed";
	default:
		(void)snprintf(text, sizeof(text), "%s", strerror(errnum));
		return text;
	}
}
