/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First start.  It may be cut short at any point (kill -9, a power cut) and run again:
 * files appear whole or not at all, and each step leaves what the next init goes on from.
 */
#include "server/init.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "crypto/crypto.h"
#include "ev/ev.h"
#include "server/audit_key.h"
#include "server/domain/identity.h"
#include "store/store_audit.h"

enum {
	PEM_MAX = 64 * 1024,
	CA_YEARS = 10,
	CERT_DAYS = 825, /* the longest that all TLS clients take */
	DAY_S = 24 * 3600,
	HOSTS_MAX = 64,
};

struct init {
	struct config *c;
	const struct init_options *o;
	struct ev_loop *loop;
	int folder; /* locked */
	struct fault f;
};

static bool
exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static int
cannot(struct init *in, const char *path)
{
	return fault_set(&in->f, ERR_IO, "%s: %s", path, strerror(errno));
}

static int
write_file(struct init *in, const char *path, struct span s, mode_t mode)
{
	return file_replace(path, s, mode, true, &in->f);
}

static int
read_file(struct init *in, const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;
	uint8_t *p;

	if (fd < 0)
		return cannot(in, path);
	if ((p = buf_grow(out, PEM_MAX - 1)) != NULL)
		n = read(fd, p, PEM_MAX - 1);
	close(fd);
	if (n < 0)
		return cannot(in, path);
	out->len = (size_t)n;
	return 0;
}

/*
 * The folder, for its owner alone and held against a second init until this process ends.
 * Keys that somebody else could replace are no keys, and what init makes must be readable
 * to the server that runs as the owner.
 */
static int
make_folder(struct init *in)
{
	const char *dir = in->c->state_dir;
	struct stat st;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return cannot(in, dir);
	in->folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in->folder == -1 || fstat(in->folder, &st) != 0)
		return cannot(in, dir);
	if (st.st_uid != geteuid())
		return fault_set(&in->f, ERR_DENIED,
		    "%s belongs to user %u, and this runs as %u: run init as its owner",
		    dir, (unsigned)st.st_uid, (unsigned)geteuid());
	if ((st.st_mode & 077) != 0)
		return fault_set(&in->f, ERR_DENIED,
		    "%s is open to others (mode %03o): chmod 700 it first", dir,
		    (unsigned)st.st_mode & 0777);
	if (flock(in->folder, LOCK_EX | LOCK_NB) != 0)
		return fault_set(
		    &in->f, ERR_EXISTS, "another init is running on %s", dir);
	return 0;
}

static int64_t
now_s(struct init *in)
{
	return ev_wall_ms(in->loop) / 1000;
}

static int
make_ca(struct init *in)
{
	const char *cert = config_path(in->c, "ca.pem"),
		   *key = config_path(in->c, "ca.key");
	char host[256] = "";
	auto_buf cert_pem, key_pem;
	int err;

	buf_init(&cert_pem, PEM_MAX);
	buf_init(&key_pem, PEM_MAX);
	if (exists(cert)) { /* written last; its key may be kept elsewhere */
		printf("kept     %s\n", cert);
		return 0;
	}
	(void)gethostname(host, sizeof(host) - 1);
	err = x509_make_ca(&cert_pem, &key_pem,
	    arena_printf(&in->c->mem, "Sallyport CA of %.40s", host), now_s(in) - DAY_S,
	    now_s(in) + (int64_t)CA_YEARS * 365 * DAY_S, &in->f);
	if (err != 0 || (err = write_file(in, key, buf_span(&key_pem), 0600)) != 0 ||
	    (err = write_file(in, cert, buf_span(&cert_pem), 0644)) != 0)
		return err;
	printf("created  %s (certificate authority, %d years)\n", cert, CA_YEARS);
	return 0;
}

/* Without names: this machine, and loopback in every spelling. */
static size_t
cert_names(struct init *in, const char *names[HOSTS_MAX])
{
	char host[256] = "";
	size_t n = 0;

	if (in->o->nhosts > 0) {
		while (n < in->o->nhosts && n < HOSTS_MAX) {
			names[n] = in->o->hosts[n];
			n++;
		}
		return n;
	}
	if (gethostname(host, sizeof(host) - 1) == 0 && host[0] != '\0' &&
	    strcmp(host, "localhost") != 0)
		names[n++] = arena_strdup(&in->c->mem, host);
	names[n++] = "localhost";
	names[n++] = "127.0.0.1";
	names[n++] = "::1";
	return n;
}

static int
sign_server(struct init *in, struct buf *cert_pem, struct buf *key_pem)
{
	const char *names[HOSTS_MAX];
	size_t n = cert_names(in, names);
	auto_buf ca_cert, ca_key;
	int err;

	buf_init(&ca_cert, PEM_MAX);
	buf_init(&ca_key, PEM_MAX);
	if ((err = read_file(in, config_path(in->c, "ca.pem"), &ca_cert)) != 0 ||
	    (err = read_file(in, config_path(in->c, "ca.key"), &ca_key)) != 0)
		return err;
	err = x509_make_server(cert_pem, key_pem, buf_span(&ca_cert), buf_span(&ca_key),
	    names, n, now_s(in) - DAY_S, now_s(in) + (int64_t)CERT_DAYS * DAY_S, &in->f);
	if (err != 0)
		return err;
	printf("created  %s (for", config_path(in->c, "server.pem"));
	for (size_t i = 0; i < n; i++)
		printf(" %s", names[i]);
	printf("; %d days)\n", CERT_DAYS);
	return 0;
}

static int
make_server_cert(struct init *in)
{
	const char *cert = config_path(in->c, "server.pem");
	const char *key = config_path(in->c, "server.key");
	auto_buf cert_pem, key_pem;
	int err;

	buf_init(&cert_pem, PEM_MAX);
	buf_init(&key_pem, PEM_MAX);
	if (exists(cert) && exists(key) && !in->o->force_new_cert) {
		printf("kept     %s\n", cert);
		return 0;
	}
	if ((err = sign_server(in, &cert_pem, &key_pem)) != 0)
		return err;
	/* Cut short between the two, there is no certificate, not one of another key. */
	if (unlink(cert) != 0 && errno != ENOENT)
		return cannot(in, cert);
	if ((err = write_file(in, key, buf_span(&key_pem), 0600)) != 0)
		return err;
	return write_file(in, cert, buf_span(&cert_pem), 0644);
}

/*
 * The secret exists only in the store and in this file.  It is written under another name
 * before the account is stored, and gets its own name after that: whenever init is cut
 * short, the next one finds either no account or the file that belongs to it.
 */
static int
write_credentials(struct init *in, const struct account_made *made, const char *path)
{
	auto_buf b;

	buf_init(&b, PEM_MAX);
	buf_addf(&b, "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
	    made->access_key, made->secret);
	return file_write_new(path, buf_span(&b), 0600, true, &in->f);
}

static int
make_account_in(struct init *in, struct store *st, struct account_made *made)
{
	const char *path = config_path(in->c, "admin-credentials");
	const char *pending = config_path(in->c, "admin-credentials.new");
	auto_arena mem = { 0 };
	char *id;
	int err = account_id(store_reader(st), &mem, &id);

	if (err == 0 && !exists(pending)) {
		printf("kept     account %s and its users\n", id);
		return 0;
	}
	if (err == ERR_NOTFOUND) {
		account_draw(in->loop, made);
		id = made->account;
		if ((err = write_credentials(in, made, pending)) != 0 ||
		    (err = account_init(st, in->loop, made, &in->f)) != 0) {
			(void)unlink(pending);
			return err;
		}
		printf(
		    "created  %s (account %s)\n", config_path(in->c, "sallyport.db"), id);
	}
	if (err != 0)
		return fault_set(&in->f, err, "the account cannot be read");
	if ((err = file_rename(pending, path, &in->f)) != 0)
		return err;
	printf("created  %s (access key of user admin)\n", path);
	return 0;
}

/* The trail begins with the account, so that its key is there to be copied elsewhere. */
static int
make_audit_key(struct init *in, struct store *st)
{
	struct store_audit_key k = { 0 };
	struct audit_key key = { 0 };
	auto_arena mem = { 0 };
	char damage[200], *id;
	int err;

	if (exists(in->c->audit_key)) {
		printf("kept     %s\n", in->c->audit_key);
		return 0;
	}
	if ((err = account_id(store_reader(st), &mem, &id)) != 0)
		return fault_set(&in->f, err, "the account cannot be read");
	if ((err = audit_key_open(&key, in->loop, in->c, &in->f)) != 0)
		return err;
	k = (struct store_audit_key){
		.key = key.key, .account = id, .is_new = key.is_new,
		.now_ms = ev_wall_ms(in->loop),
	};
	if ((err = store_audit_start(st, &k, damage, &in->f)) == 0 &&
	    (err = audit_key_settle(&key, in->c, &in->f)) == 0)
		printf("created  %s (signs the audit trail; %s verifies it)\n",
		    in->c->audit_key, in->c->audit_pub);
	ed25519_free(key.key);
	return err;
}

static int
make_account(struct init *in)
{
	struct account_made made;
	struct store *st;
	int err = store_open(&st, in->loop, config_path(in->c, "sallyport.db"), &in->f);

	if (err != 0)
		return err;
	if ((err = make_account_in(in, st, &made)) == 0)
		err = make_audit_key(in, st);
	store_close(st);
	secret_wipe(&made, sizeof(made));
	return err;
}

int
init_main(struct config *c, const struct init_options *o)
{
	struct init in = { .c = c, .o = o, .folder = -1 };
	int err;

	config_state_files(c);
	in.loop = ev_loop_new();
	if ((err = make_folder(&in)) == 0 && (err = make_ca(&in)) == 0 &&
	    (err = make_server_cert(&in)) == 0)
		err = make_account(&in);
	ev_loop_free(in.loop);
	if (in.folder != -1)
		close(in.folder);
	if (err != 0) {
		fprintf(stderr, "sallyportd: init: %s\n", fault_text(&in.f));
		return 1;
	}
	return 0;
}
