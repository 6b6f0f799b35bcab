/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small answers and small files.  A file name from the wire is matched against a fixed
 * alphabet and opened below the folder, links not followed.
 */
#include "server/own.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "codec/jsonw.h"
#include "crypto/crypto.h"
#include "ev/ev.h"
#include "net/http_server.h"
#include "server/config.h"
#include "server/domain/session.h"

enum {
	OWN_FILE_MAX = 64 * 1024 * 1024,
	OWN_FILES_MAX = 100,
	OWN_NAME_MAX = 128,
	OWN_TEXT_MAX = 1024 * 1024,
};

#define SUMS "SHA256SUMS"

bool
own_handles(struct span path)
{
	return span_starts(path, "/_");
}

static void
say(struct http_req *r, int status, const char *text)
{
	http_reply(r, status, "text/plain; charset=utf-8", span_str(text));
}

/* ---- files ---- */

/* Letters, digits and "._+-~", not beginning with a dot. */
static bool
name_ok(struct span s)
{
	static const char alphabet[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-~";

	if (s.n == 0 || s.n > OWN_NAME_MAX || s.p[0] == '.')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (memchr(alphabet, s.p[i], sizeof(alphabet) - 1) == NULL)
			return false;
	}
	return true;
}

/* Reads a regular file whole; ERR_NOTFOUND for anything else. */
static int
read_file(int dir, const char *name, struct buf *out)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	int err = ERR_NOTFOUND;

	if (fd < 0)
		return ERR_NOTFOUND;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= OWN_FILE_MAX) {
		size_t n = (size_t)st.st_size;
		uint8_t *p = n > 0 ? buf_grow(out, n) : NULL;

		err = n == 0 || (p != NULL && read(fd, p, n) == (ssize_t)n) ? 0 : ERR_IO;
	}
	close(fd);
	return err;
}

static void
serve_ca(const struct own *o, struct http_req *r)
{
	auto_buf b;

	buf_init(&b, OWN_TEXT_MAX);
	if (read_file(AT_FDCWD, o->env->config->ca_file, &b) != 0)
		say(r, 404, "There is no CA of our own here.\n");
	else
		http_reply(r, 200, "application/x-pem-file", buf_span(&b));
}

static int
name_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted names of what may be served. */
static size_t
list_names(struct arena *mem, int dir, char *names[OWN_FILES_MAX])
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	size_t n = 0;

	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while (n < OWN_FILES_MAX && (e = readdir(d)) != NULL) {
		if (name_ok(span_str(e->d_name)) && strcmp(e->d_name, SUMS) != 0)
			names[n++] = arena_strdup(mem, e->d_name);
	}
	closedir(d);
	qsort(names, n, sizeof(*names), name_cmp);
	return n;
}

static void
serve_sums(struct http_req *r, int dir)
{
	char *names[OWN_FILES_MAX], hex[2 * SHA256_LEN + 1];
	size_t n = list_names(&r->mem, dir, names);
	uint8_t sum[SHA256_LEN];
	auto_buf text;

	buf_init(&text, OWN_TEXT_MAX);
	for (size_t i = 0; i < n; i++) {
		auto_buf b;

		buf_init(&b, OWN_FILE_MAX);
		if (read_file(dir, names[i], &b) != 0)
			continue;
		sha256(sum, buf_span(&b));
		hex_encode(hex, sum, sizeof(sum));
		buf_addf(&text, "%s  %s\n", hex, names[i]);
	}
	http_reply(r, 200, "text/plain; charset=utf-8", buf_span(&text));
}

static void
serve_agent(const struct own *o, struct http_req *r)
{
	struct span name = span_sub(r->path, sizeof("/_agent/") - 1, r->path.n);
	const char *folder = o->env->config->agent_dir;
	int dir =
	    folder[0] != '\0' ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	auto_buf b;

	buf_init(&b, OWN_FILE_MAX);
	if (dir < 0)
		say(r, 404, "No agent packages are served here (agent_dir).\n");
	else if (span_eq_str(name, SUMS))
		serve_sums(r, dir);
	else if (!name_ok(name) || read_file(dir, arena_str(&r->mem, name), &b) != 0)
		say(r, 404, "There is no such file.\n");
	else
		http_reply(r, 200, "application/octet-stream", buf_span(&b));
	if (dir >= 0)
		close(dir);
}

/* ---- numbers ---- */

static int64_t
uptime_s(const struct own *o)
{
	return (ev_wall_ms(o->env->loop) - o->started_ms) / 1000;
}

static void
serve_health(const struct own *o, struct http_req *r)
{
	struct jsonw w;
	auto_buf b;

	buf_init(&b, OWN_TEXT_MAX);
	jw_init(&w, &b);
	jw_open(&w, '{');
	jw_field_str(&w, "status", "ok");
	jw_field_str(&w, "version", SALLYPORT_VERSION);
	jw_field_int(&w, "uptimeSeconds", uptime_s(o));
	jw_field_int(&w, "nodesOnline", (int64_t)nodes_online(o->env->nodes));
	jw_field_int(&w, "sessionsLive", (int64_t)sessions_live(o->env->sessions));
	jw_close(&w, '}');
	buf_add_str(&b, "\n");
	http_reply(r, 200, "application/json", buf_span(&b));
}

static bool
may_read_metrics(const struct own *o, const struct http_req *r)
{
	struct span ip = span_str(r->peer_ip);

	if (o->env->config->metrics == CONFIG_METRICS_LOOPBACK)
		return span_starts(ip, "127.") || span_eq_str(ip, "::1") ||
		    span_starts(ip, "::ffff:127.");
	return o->env->config->metrics == CONFIG_METRICS_ANY;
}

static void
serve_metrics(const struct own *o, struct http_req *r)
{
	auto_buf b;

	buf_init(&b, OWN_TEXT_MAX);
	if (!may_read_metrics(o, r)) {
		say(r, 403,
		    "Metrics are not served to this address (setting: metrics).\n");
		return;
	}
	buf_addf(&b,
	    "# HELP sallyport_build_info What is running.\n"
	    "# TYPE sallyport_build_info gauge\n"
	    "sallyport_build_info{version=\"%s\"} 1\n"
	    "# HELP sallyport_uptime_seconds Time since the start.\n"
	    "# TYPE sallyport_uptime_seconds gauge\n"
	    "sallyport_uptime_seconds %lld\n",
	    SALLYPORT_VERSION, (long long)uptime_s(o));
	if (o->metrics != NULL)
		o->metrics(o->arg, &b);
	http_reply(r, 200, "text/plain; version=0.0.4; charset=utf-8", buf_span(&b));
}

void
own_handle(const struct own *o, struct http_req *r)
{
	if (strcmp(r->head->method, "GET") != 0 && strcmp(r->head->method, "HEAD") != 0)
		say(r, 405, "Only GET is served here.\n");
	else if (span_eq_str(r->path, "/_health"))
		serve_health(o, r);
	else if (span_eq_str(r->path, "/_metrics"))
		serve_metrics(o, r);
	else if (span_eq_str(r->path, "/_ca.pem"))
		serve_ca(o, r);
	else if (span_starts(r->path, "/_agent/"))
		serve_agent(o, r);
	else
		say(r, 404, "There is nothing here.\n");
}
