/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs fleets.
 *
 *	t_sim_fleet                  as many seeds as SALLYPORT_SIM_SECONDS (20) allow
 *	t_sim_fleet --seed N         this one
 *	t_sim_fleet --seeds N        seeds 1..N
 *	t_sim_fleet --from M --seeds N   N seeds from M on, none twice (./bench sim)
 *	t_sim_fleet --seed N -v      with the log
 *
 * The first seed runs twice and must give the same digest.  A seed that fails is printed
 * with the command that repeats it.
 */
#include "fleet.h"

#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

enum { SECONDS_DEFAULT = 20 };

struct plan {
	int64_t first, count; /* count 0: until the time is over */
	int64_t seconds;
	bool once; /* the first one is not repeated */
	char dir[64];
	struct buf key_private, key_public;
};

static double
seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int
usage(void)
{
	fprintf(stderr, "usage: t_sim_fleet [--seed N | [--from N] --seeds N] [-v]\n");
	return 2;
}

static bool
run_seed(const struct plan *p, uint64_t seed, struct outcome *out)
{
	double began = seconds_now();

	fleet_run(&(struct fleet_options){ .seed = seed,
		      .dir = p->dir,
		      .key_private = &p->key_private,
		      .key_public = &p->key_public },
	    out);
	printf(
	    "seed %llu: %s, %u sessions (%u to their own end, %u Terminated, %u Failed), "
	    "%u forwarded connections, %llu bytes, %u losses, %u cuts, %u crashes of "
	    "agents, "
	    "%u of the server, digest %016llx, %.1f s\n",
	    (unsigned long long)seed, out->ok ? "ok" : "FAILED", out->started,
	    out->completed, out->terminated, out->failed, out->flows,
	    (unsigned long long)out->bytes, out->losses, out->cuts, out->node_crashes,
	    out->server_crashes, (unsigned long long)out->digest, seconds_now() - began);
	fflush(stdout);
	if (!out->ok)
		fprintf(stderr, "repeat it with: t_sim_fleet --seed %llu\n",
		    (unsigned long long)seed);
	return out->ok;
}

static int
run(const struct plan *p)
{
	double until = seconds_now() + (double)p->seconds;
	struct outcome first, out;
	uint64_t seed = (uint64_t)p->first;
	int64_t n = 0, failed = 0;

	failed += !run_seed(p, seed, &first);
	if (!p->once)
		failed += !run_seed(p, seed, &out);
	if (!p->once && memcmp(&first, &out, sizeof(out)) != 0) {
		fprintf(stderr, "seed %llu does not replay\n", (unsigned long long)seed);
		failed++;
	}
	for (n = 1; p->count != 0 ? n < p->count : seconds_now() < until; n++)
		failed += !run_seed(p, seed + (uint64_t)n, &out);
	printf("%lld seeds, %lld failures\n", (long long)n, (long long)failed);
	return failed == 0 ? 0 : 1;
}

static int
make_key(struct plan *p)
{
	struct rsa_key *key;
	struct fault f = { 0 };

	if (rsa_generate(&key, &f) != 0)
		return -1;
	buf_init(&p->key_private, 8192);
	buf_init(&p->key_public, 8192);
	rsa_store_private(key, &p->key_private);
	rsa_store_public(key, &p->key_public);
	rsa_free(key);
	return 0;
}

/* The store's file wants a disk that forgets: every commit is synced. */
static int
make_dir(struct plan *p)
{
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	(void)snprintf(p->dir, sizeof(p->dir), "%s/sallyport-sim-XXXXXX", base);
	return mkdtemp(p->dir) != NULL ? 0 : -1;
}

static void
remove_dir(const struct plan *p)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/fleet.db", p->dir);
	(void)unlink(path);
	(void)rmdir(p->dir);
}

int
main(int argc, char **argv)
{
	const char *env = getenv("SALLYPORT_SIM_SECONDS");
	struct plan p = { .first = 1, .seconds = SECONDS_DEFAULT };
	bool verbose = false;
	int r;

	if (env != NULL && num_parse(span_str(env), 0, 86400, &p.seconds) != 0)
		return usage();
	for (int i = 1; i < argc; i++) {
		bool one = strcmp(argv[i], "--seed") == 0;
		bool many = strcmp(argv[i], "--seeds") == 0;
		bool from = strcmp(argv[i], "--from") == 0;

		if (strcmp(argv[i], "-v") == 0)
			verbose = true;
		else if ((!one && !many && !from) || i + 1 == argc ||
		    num_parse(span_str(argv[++i]), 1, INT64_MAX,
			many ? &p.count : &p.first) != 0)
			return usage();
		if (one)
			p.count = 1;
		p.once |= from;
	}
	crypto_init();
	log_setup(verbose ? LOG_DEBUG : LOG_ERROR, LOG_FORMAT_TEXT, "sim");
	if (make_key(&p) != 0 || make_dir(&p) != 0) {
		perror("t_sim_fleet");
		return 1;
	}
	r = run(&p);
	remove_dir(&p);
	buf_fini(&p.key_private);
	buf_fini(&p.key_public);
	return r;
}
