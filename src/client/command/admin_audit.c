/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sallyport admin audit: the trail as lines to be kept elsewhere, and the proof that nobody
 * changed it.  What is proven is said in docs/audit.md.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/file.h"
#include "client/command/admin.h"
#include "client/command/audit_source.h"
#include "client/terminal/slurp.h"
#include "ev/ev.h"
#include "proto/audit_check.h"

enum { KEY_MAX = 16 * 1024, KEPT_MAX = 100 * 1000 };

#define TEXT_NO_HEAD "the trail ends there without a signature: events may be missing"

/* --- export --------------------------------------------------------------------------- */

struct exported {
	struct buf line;
	bool full; /* the output cannot be written */
};

static int
put_line(struct exported *x)
{
	size_t n = x->line.len;

	if (buf_check(&x->line) != 0 || fwrite(x->line.p, 1, n, stdout) != n)
		x->full = true;
	buf_reset(&x->line);
	return x->full ? ERR_IO : 0;
}

static int
export_begin(
    void *arg, const struct audit_chain *at, const char *account, const char *public_key)
{
	struct exported *x = arg;

	audit_line_begin(&x->line, at, account, public_key);
	return put_line(x);
}

static int
export_event(void *arg, const struct audit_chain *at, struct span event, bool hidden)
{
	struct exported *x = arg;

	(void)hidden;
	audit_line_event(&x->line, at, event);
	return put_line(x);
}

static int
export_mark(void *arg, const struct audit_mark *m)
{
	struct exported *x = arg;

	if (m->at.seq < 0)
		return 0; /* no head: verifying the file says so */
	audit_line_mark(&x->line, m);
	return put_line(x);
}

static int
audit_export(struct cli *c, int argc, char **argv)
{
	const char *since = NULL;
	const struct cli_option options[] = {
		{ "since", 0, "WHEN", "2h, 7d, or a time in ISO 8601; else all events",
		    .text = &since },
	};
	const struct cli_usage u = {
		.command = "admin audit export",
		.synopsis = "[--since WHEN] > FILE",
		.what = "Prints the audit trail as JSON lines: events with their hashes, "
			"checkpoints, and\nthe signed head.  admin audit verify --file "
			"checks such a file.",
		.examples = "  sallyport admin audit export > trail.jsonl\n"
			    "  sallyport admin audit export --since 1d | jq -c .event\n",
		.exits = CLI_EXITS_AFTER("printed"),
		CLI_OPTIONS(options),
		.wordless = true,
	};
	struct exported x = { .line = { .max = 2 * AUDIT_LINE_MAX } };
	const struct audit_sink sink = { export_begin, export_event, export_mark, &x };
	struct fault f = { 0 };
	int64_t since_ms = -1;
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (cli_open(c) != 0)
		return CLI_FAILED;
	if (cli_moment(c, "since", since, &since_ms) != 0)
		return CLI_USAGE;
	r = audit_from_server(c, since_ms, &sink, &f);
	buf_fini(&x.line);
	if (r == 0 && fflush(stdout) != 0)
		x.full = true;
	if (x.full)
		(void)fault_set(&f, ERR_IO, "standard output: %s", strerror(errno));
	return r != 0 || x.full ? cli_fail(&f) : CLI_OK;
}

/* --- verify --------------------------------------------------------------------------- */

/* Checkpoints that were kept elsewhere. */
struct kept {
	struct audit_mark *v;
	size_t n, cap, next;
	size_t met; /* compared with the trail */
};

struct verifying {
	struct audit_check check;
	struct ed25519_key *key;
	bool key_given;
	struct kept kept;
	struct audit_mark head; /* the last one that was right */
	struct fault *f;
};

static int
read_key(struct verifying *v, const char *path)
{
	auto_buf pem = { .max = KEY_MAX };
	struct fault inner = { 0 };
	int r;

	if ((r = slurp_path(&pem, path, v->f)) != 0)
		return r;
	if ((r = ed25519_load_public(&v->key, buf_span(&pem), &inner)) != 0)
		return fault_set(v->f, r, "%s: %s", path, fault_text(&inner));
	v->key_given = true;
	return 0;
}

static void
keep(struct kept *k, const struct audit_mark *m)
{
	if (k->n == k->cap) {
		k->cap = k->cap == 0 ? 16 : 2 * k->cap;
		k->v = xrealloc(k->v, k->cap * sizeof(*k->v));
	}
	k->v[k->n++] = *m;
}

static int
by_seq(const void *a, const void *b)
{
	const struct audit_mark *x = a, *y = b;

	return x->at.seq < y->at.seq ? -1 : x->at.seq > y->at.seq;
}

/* Lines with a mark; all others of an export are passed over. */
static int
read_kept(struct verifying *v, const char *path)
{
	auto_buf text = { .max = 256 * 1024 * 1024 };
	struct span rest, line;
	int r;

	if ((r = slurp_path(&text, path, v->f)) != 0)
		return r;
	rest = buf_span(&text);
	while (span_cut(&rest, '\n', &line) && v->kept.n < KEPT_MAX) {
		auto_arena mem = { 0 };
		struct audit_line l;

		if (line.n > 0 && audit_line_parse(&l, &mem, line) != 0)
			return fault_set(v->f, ERR_INVALID,
			    "%s: there is a line without a mark", path);
		if (line.n > 0 && l.kind == AUDIT_LINE_MARK && l.mark.kind != AUDIT_BASE)
			keep(&v->kept, &l.mark);
	}
	if (v->kept.n == 0)
		return fault_set(v->f, ERR_INVALID, "%s: there is no checkpoint", path);
	qsort(v->kept.v, v->kept.n, sizeof(*v->kept.v), by_seq);
	return 0;
}

/* Those that belong to the place where the check stands. */
static int
check_kept(struct verifying *v)
{
	struct kept *k = &v->kept;
	int r = 0;

	for (; r == 0 && k->next < k->n && k->v[k->next].at.seq <= v->check.at.seq;
	     k->next++)
		if (k->v[k->next].at.seq == v->check.at.seq) {
			r = audit_check_mark(&v->check, &k->v[k->next]);
			k->met++;
		}
	return r;
}

static int
verify_begin(
    void *arg, const struct audit_chain *at, const char *account, const char *public_key)
{
	struct verifying *v = arg;
	int r;

	if (v->key == NULL &&
	    (r = ed25519_load_public(&v->key, span_str(public_key), v->f)) != 0)
		return r;
	audit_check_begin(&v->check, v->key, account, at);
	return 0;
}

static int
verify_event(void *arg, const struct audit_chain *at, struct span event, bool hidden)
{
	struct verifying *v = arg;
	int r;

	if ((r = audit_check_event(&v->check, at, event)) != 0)
		return r;
	if (hidden)
		return audit_check_fail(&v->check, at->seq,
		    "it is not found by what it says: the columns beside it were "
		    "changed");
	return check_kept(v);
}

static int
verify_mark(void *arg, const struct audit_mark *m)
{
	struct verifying *v = arg;
	int r;

	if (m->at.seq < 0)
		return audit_check_fail(&v->check, v->check.at.seq + 1,
		    "the signed head of the trail is gone");
	if (m->kind == AUDIT_BASE)
		return (r = audit_check_base(&v->check, m)) != 0 ? r : check_kept(v);
	r = m->kind == AUDIT_HEAD ? audit_check_head(&v->check, m)
				  : audit_check_mark(&v->check, m);
	if (r == 0)
		v->head = *m;
	return r;
}

/* What only the end can tell. */
static int
verify_end(struct verifying *v)
{
	struct audit_check *c = &v->check;

	if (c->broken)
		return ERR_CONFLICT;
	if (v->key == NULL)
		return fault_set(v->f, ERR_INVALID, "there is no trail");
	if (c->signed_seq != c->at.seq)
		return audit_check_fail(c, c->at.seq, TEXT_NO_HEAD);
	if (v->kept.next < v->kept.n)
		return audit_check_fail(c, c->at.seq + 1,
		    "a checkpoint that was kept is of a later event: the trail was put "
		    "back to an older state");
	return 0;
}

/* --- what came of it ------------------------------------------------------------------ */

static void
say_broken(const struct cli *c, const struct audit_check *k)
{
	auto_json *o = NULL;

	if (c->json) {
		o = json_pack("{s:b, s:{s:I, s:s, s:s, s:s}}", "Verified", 0, "Broken",
		    "Seq", (json_int_t)k->broken_seq, "EventId", k->broken_id, "Time",
		    k->broken_time, "Why", k->why);
		cli_print_json(o);
	} else if (k->broken_id[0] != '\0') {
		printf("broken at event %" PRId64 " (%s, %s): %s\n", k->broken_seq,
		    k->broken_id, k->broken_time, k->why);
	} else {
		printf("broken at event %" PRId64 ": %s\n", k->broken_seq, k->why);
	}
}

static void
say_good(const struct cli *c, const struct verifying *v)
{
	const struct audit_check *k = &v->check;
	auto_json *o = NULL;

	if (c->json) {
		o = json_pack("{s:b, s:I, s:I, s:I, s:I, s:b, s:b, s:I}", "Verified", 1,
		    "Events", (json_int_t)k->events, "First",
		    (json_int_t)(k->from.seq + 1), "Last", (json_int_t)k->at.seq,
		    "Signatures", (json_int_t)k->marks, "Whole", k->whole, "KeyGiven",
		    v->key_given, "CheckpointsMet", (json_int_t)v->kept.met);
		cli_print_json(o);
		return;
	}
	if (k->events == 0)
		printf("verified: 0 events after number %" PRId64 ", %" PRId64
		       " signatures\n",
		    k->at.seq, k->marks);
	else
		printf("verified: %" PRId64 " events, %" PRId64 " to %" PRId64
		       "%s%s, %" PRId64 " signatures\n",
		    k->events, k->from.seq + 1, k->at.seq,
		    k->time[0] != '\0' ? " of " : "", k->time, k->marks);
	if (!k->whole)
		printf(
		    "what came before event %" PRId64 " is not in it\n", k->from.seq + 1);
	if (v->kept.n > 0 && v->kept.met == 0)
		printf("the checkpoint is of an event that retention has removed: it proves "
		       "nothing\n");
	if (!v->key_given)
		printf("the key is the one that came with it; --key names one that you "
		       "trust\n");
}

static int
save(const struct verifying *v, const char *path, struct fault *f)
{
	auto_buf line = { .max = 4096 };

	audit_line_mark(&line, &v->head);
	return file_replace(path, buf_span(&line), 0644, true, f);
}

struct verify_options {
	const char *file, *key, *checkpoint, *save;
};

static int
verify(struct cli *c, const struct verify_options *o)
{
	struct fault f = { 0 };
	struct verifying v = { .f = &f };
	const struct audit_sink sink = { verify_begin, verify_event, verify_mark, &v };
	int r = 0;

	if (o->key != NULL)
		r = read_key(&v, o->key);
	if (r == 0 && o->checkpoint != NULL)
		r = read_kept(&v, o->checkpoint);
	if (r == 0)
		r = o->file != NULL ? audit_from_file(o->file, &sink, &f)
				    : audit_from_server(c, -1, &sink, &f);
	if (r == 0 || v.check.broken)
		r = verify_end(&v);
	if (v.check.broken)
		say_broken(c, &v.check);
	else if (r == 0)
		say_good(c, &v);
	if (r == 0 && o->save != NULL)
		r = save(&v, o->save, &f);
	if (r != 0 && !v.check.broken)
		cli_fail(&f);
	ed25519_free(v.key);
	free(v.kept.v);
	return r == 0 ? CLI_OK : CLI_FAILED;
}

static int
audit_verify(struct cli *c, int argc, char **argv)
{
	struct verify_options o = { 0 };
	const struct cli_option options[] = {
		{ "file", 0, "FILE",
		    "an export instead of the server; - is standard input",
		    .text = &o.file },
		{ "key", 0, "FILE", "the public key, a copy of audit.pub",
		    .text = &o.key },
		{ "checkpoint", 0, "FILE", "the trail must hold the signed marks in it",
		    .text = &o.checkpoint },
		{ "save-checkpoint", 0, "FILE", "keep the signed head for later",
		    .text = &o.save },
	};
	const struct cli_usage u = {
		.command = "admin audit verify",
		.synopsis = "[--file FILE] [--key FILE] [--checkpoint FILE]",
		.what =
		    "Checks here that no event of the audit trail was removed, added, "
		    "moved or changed,\nand names the first one that was.",
		.examples =
		    "  sallyport admin audit verify --key audit.pub --save-checkpoint "
		    "head\n"
		    "  sallyport admin audit verify --key audit.pub --checkpoint head\n"
		    "  sallyport admin audit verify --file trail.jsonl --key audit.pub\n",
		.exits = "  0  the trail is whole\n"
			 "  1  it is not, or cannot be read\n"
			 "  2  the command line is wrong\n",
		CLI_OPTIONS(options),
		.wordless = true,
	};
	int r;

	if ((r = cli_parse(c, &u, argc, argv)) != CLI_GO)
		return r;
	if (o.file == NULL && cli_open(c) != 0)
		return CLI_FAILED;
	return verify(c, &o);
}

const struct cli_action admin_audits[] = {
	{ "export", audit_export, NULL },
	{ "verify", audit_verify, NULL },
	{ NULL, NULL, NULL },
};
