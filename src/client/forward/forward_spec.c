/* SPDX-License-Identifier: Apache-2.0 */
/* "127.0.0.1:8080:db.internal:5432" and its like; see forward.h. */
#include "client/forward/forward.h"

#include <limits.h>
#include <unistd.h>

#include "base/text.h"

enum { FIELDS_MAX = 4 };

/* Cuts at colons that are not inside brackets; the brackets go. */
static size_t
cut_fields(char *text, char *field[FIELDS_MAX])
{
	size_t n = 0;

	for (char *p = text; p != NULL;) {
		char *end;

		if (n == FIELDS_MAX)
			return 0;
		if (p[0] == '[' && (end = strchr(p, ']')) != NULL &&
		    (end[1] == ':' || end[1] == '\0')) {
			field[n++] = p + 1;
			p = end[1] == ':' ? end + 2 : NULL;
			*end = '\0';
			continue;
		}
		field[n++] = p;
		if ((p = strchr(p, ':')) != NULL)
			*p++ = '\0';
	}
	return n;
}

static int
read_port(uint16_t *out, const char *text, int64_t min)
{
	int64_t v;

	if (num_parse(span_str(text), min, 65535, &v) != 0)
		return ERR_INVALID;
	*out = (uint16_t)v;
	return 0;
}

static char *
bind_address(const char *text)
{
	if (text == NULL || strcmp(text, "localhost") == 0)
		return xstrdup("127.0.0.1");
	return xstrdup(strcmp(text, "*") == 0 ? "" : text);
}

static bool
is_path(const char *text)
{
	return strchr(text, '/') != NULL;
}

/* Relative paths are taken from where we are. */
static char *
path_here(const char *path)
{
	char dir[PATH_MAX];

	if (path[0] == '/')
		return xstrdup(path);
	return getcwd(dir, sizeof(dir)) != NULL ? xasprintf("%s/%s", dir, path) : NULL;
}

/* What is before the far end: n fields. */
static int
read_local(struct forward_spec *s, char **field, size_t n)
{
	uint16_t unused;

	if (n == 1 && is_path(field[0])) {
		s->bind = path_here(field[0]);
		return s->bind != NULL ? 0 : ERR_INVALID;
	}
	if (n < 1 || n > 2)
		return ERR_INVALID;
	if (n == 2 && (is_path(field[0]) || read_port(&unused, field[0], 0) == 0))
		return ERR_INVALID; /* no address */
	s->bind = bind_address(n == 2 ? field[0] : NULL);
	return read_port(&s->port, field[n - 1], 0);
}

/* How many of n fields are before the far end; 0: none of them is one. */
static size_t
split_fields(struct forward_spec *s, char **field, size_t n)
{
	uint16_t unused;

	if (n < 2)
		return 0;
	if (field[n - 1][0] == '/') /* a socket there */
		return n - 1;
	if (read_port(&s->remote, field[n - 1], 1) != 0)
		return 0;
	if (n != 3)
		return n == 4 ? 2 : 1;
	/* "a:b:c" begins with a port or a path, or with an address to bind to. */
	return is_path(field[0]) || read_port(&unused, field[0], 0) == 0 ? 1 : 2;
}

int
forward_spec_parse(struct forward_spec *s, const char *text, bool socks)
{
	auto_free char *copy = xstrdup(text);
	char *field[FIELDS_MAX];
	size_t n = cut_fields(copy, field), local;

	*s = (struct forward_spec){ .socks = socks };
	if (socks)
		return n == 1 || n == 2 ? read_local(s, field, n) : ERR_INVALID;
	if ((local = split_fields(s, field, n)) == 0)
		return ERR_INVALID;
	if (s->remote == 0)
		s->host = xstrdup(field[n - 1]);
	else if (n - local == 2)
		s->host = xstrdup(field[n - 2]);
	if (s->host != NULL &&
	    (s->host[0] == '\0' || (s->remote != 0 && is_path(s->host))))
		return ERR_INVALID;
	return read_local(s, field, local);
}

void
forward_spec_fini(struct forward_spec *s)
{
	free(s->bind);
	free(s->host);
}
