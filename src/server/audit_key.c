/* SPDX-License-Identifier: Apache-2.0 */
/* See audit_key.h. */
#include "server/audit_key.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "ev/ev.h"

enum { KEY_PEM_MAX = 4096, KEY_PATH_MAX = 4096 };

static int
side_path(char out[KEY_PATH_MAX], const char *path, const char *suffix)
{
	int n = snprintf(out, KEY_PATH_MAX, "%s%s", path, suffix);

	return n > 0 && n < KEY_PATH_MAX ? 0 : ERR_LIMIT;
}

static int
read_key(struct ed25519_key **out, int fd, const char *path, struct fault *f)
{
	uint8_t pem[KEY_PEM_MAX];
	struct fault inner = { 0 };
	struct stat st;
	ssize_t n = read(fd, pem, sizeof(pem));
	int r;

	if (n < 0)
		return fault_set(f, ERR_IO, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) == 0 && (st.st_mode & 077) != 0)
		log_warn("key is open to others", "path=%s mode=%o", log_q(path),
		    (unsigned)st.st_mode & 0777);
	r = ed25519_load_private(out, span_of(pem, (size_t)n), &inner);
	secret_wipe(pem, sizeof(pem));
	return r == 0 ? 0 : fault_set(f, r, "%s: %s", path, fault_text(&inner));
}

static int
make_key(struct ed25519_key **out, struct ev_loop *l, const char *path, struct fault *f)
{
	uint8_t seed[ED25519_SEED_LEN];
	char pending[KEY_PATH_MAX];
	auto_buf pem = { .max = KEY_PEM_MAX };
	int r;

	ev_random(l, seed, sizeof(seed));
	r = ed25519_from_seed(out, seed);
	secret_wipe(seed, sizeof(seed));
	if (r != 0 || (r = side_path(pending, path, ".new")) != 0)
		return fault_set(f, r, "no key for the audit trail");
	ed25519_store_private(*out, &pem);
	return file_write_new(pending, buf_span(&pem), 0600, true, f);
}

int
audit_key_open(
    struct audit_key *k, struct ev_loop *l, const struct config *c, struct fault *f)
{
	static const uint8_t known[ED25519_SEED_LEN];
	int fd, r;

	*k = (struct audit_key){ .is_new = true };
	if (c->audit_key == NULL)
		return ed25519_from_seed(&k->key, known);
	if ((fd = open(c->audit_key, O_RDONLY | O_CLOEXEC)) >= 0) {
		k->is_new = false;
		r = read_key(&k->key, fd, c->audit_key, f);
		close(fd);
	} else if (errno == ENOENT) {
		r = make_key(&k->key, l, c->audit_key, f);
	} else {
		r = fault_set(f, ERR_IO, "%s: %s", c->audit_key, strerror(errno));
	}
	if (r != 0) {
		ed25519_free(k->key);
		k->key = NULL;
	}
	return r;
}

/* Kept as it is when it is there: somebody may have pinned it. */
static int
write_public(const struct audit_key *k, const struct config *c, struct fault *f)
{
	auto_buf pem = { .max = KEY_PEM_MAX };
	struct stat st;

	if (!k->is_new && stat(c->audit_pub, &st) == 0)
		return 0;
	ed25519_store_public(k->key, &pem);
	return file_replace(c->audit_pub, buf_span(&pem), 0644, true, f);
}

int
audit_key_settle(const struct audit_key *k, const struct config *c, struct fault *f)
{
	char pending[KEY_PATH_MAX];
	int r;

	if (c->audit_key == NULL)
		return 0;
	if ((r = write_public(k, c, f)) != 0 || !k->is_new)
		return r;
	if ((r = side_path(pending, c->audit_key, ".new")) != 0)
		return fault_set(f, r, "%s: the path is too long", c->audit_key);
	return file_rename(pending, c->audit_key, f);
}
