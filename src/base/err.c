/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of the result codes, their relation to errno, and struct fault.
 * Pure and thread-safe.
 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>

const char *
err_text(int code)
{
	switch (code) {
	case 0:
		return "success";
#define X(name, val, text) \
	case name:         \
		return text;
		ERR_LIST(X)
#undef X
	default:
		return "unknown error";
	}
}

int
err_from_errno(int e)
{
	switch (e) {
	case 0:
		return 0;
	case EAGAIN:
	case EINPROGRESS:
	case EINTR:
		return ERR_AGAIN;
	case ECONNREFUSED:
		return ERR_REFUSED;
	case ETIMEDOUT:
		return ERR_TIMEOUT;
	case ECONNRESET:
	case ECONNABORTED:
	case EPIPE:
	case ENOTCONN:
	case ESHUTDOWN:
		return ERR_CLOSED;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_DENIED;
	case ENOENT:
	case ESRCH:
	case ENXIO:
		return ERR_NOTFOUND;
	case EEXIST:
	case EADDRINUSE:
	case ENOTEMPTY:
		return ERR_EXISTS;
	case EMFILE:
	case ENFILE:
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case ENAMETOOLONG:
	case E2BIG:
	case EMSGSIZE:
		return ERR_LIMIT;
	case EINVAL:
	case ENOTDIR:
	case EISDIR:
		return ERR_INVALID;
	case ECANCELED:
		return ERR_CANCELLED;
	case ENOSYS:
	case EOPNOTSUPP:
	case EAFNOSUPPORT:
	case EPROTONOSUPPORT:
		return ERR_UNSUPPORTED;
	case EPROTO:
		return ERR_PROTOCOL;
	default:
		return ERR_IO;
	}
}

/* One line, whatever came in through %s. */
static void
flatten(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = ' ';
}

int
fault_set(struct fault *f, int code, const char *fmt, ...)
{
	va_list ap;

	if (f == NULL)
		return code;
	f->code = code;
	va_start(ap, fmt);
	if (vsnprintf(f->text, sizeof(f->text), fmt, ap) < 0)
		f->text[0] = '\0';
	va_end(ap);
	flatten(f->text);
	return code;
}

const char *
fault_text(const struct fault *f)
{
	return f->text[0] != '\0' ? f->text : err_text(f->code);
}
