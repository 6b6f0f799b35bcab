/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smux by itself: bytes written to streams, pulled as payloads, pushed into the other end.
 *
 *	load_smux [SECONDS]
 *
 * Prints MB/s for one, eight and a thousand streams, in both modes, beside memcpy of the
 * same payloads in the same run.
 */
#include <time.h>

#include "proto/smux.h"

enum { PAYLOAD = 65536, STREAMS_MAX = 1000 };

static uint8_t data[32768], wire[PAYLOAD], copy[PAYLOAD];

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
on_open(void *arg, uint32_t id)
{
	(void)arg, (void)id;
	return 0;
}

static int
on_data(void *arg, uint32_t id, struct span in)
{
	(void)id;
	*(uint64_t *)arg += in.n;
	return (int)in.n;
}

static void
on_close(void *arg, uint32_t id, int why)
{
	(void)arg, (void)id, (void)why;
}

static bool
carry(struct smux *from, struct smux *to)
{
	size_t n = smux_pull(from, wire, sizeof(wire));

	if (n > 0 && smux_push(to, span_of(wire, n)) != 0)
		abort();
	return n > 0;
}

/* MB/s through one session. */
static double
run(bool own, uint32_t nstreams, double seconds)
{
	const struct smux_ops ops = {
		.on_open = on_open, .on_data = on_data, .on_close = on_close
	};
	uint64_t got = 0;
	struct smux *a =
	    smux_new(&(struct smux_config){ .is_client = true, .own = own }, &ops, &got);
	struct smux *b = smux_new(&(struct smux_config){ .own = own }, &ops, &got);
	uint32_t ids[STREAMS_MAX];
	double start = now_s(), end;

	for (uint32_t i = 0; i < nstreams; i++)
		if (smux_open(a, &ids[i]) != 0)
			abort();
	do {
		for (uint32_t i = 0; i < nstreams; i++)
			(void)!smux_write(a, ids[i], span_of(data, sizeof(data)));
		while (carry(a, b))
			carry(b, a);
		end = now_s();
	} while (end - start < seconds);
	smux_free(a);
	smux_free(b);
	return (double)got / (end - start) / 1e6;
}

static double
run_memcpy(double seconds)
{
	double start = now_s(), end, got = 0;

	do {
		for (int i = 0; i < 1000; i++) {
			memcpy(copy, wire, sizeof(copy));
			__asm__ volatile("" ::"r"(copy) : "memory");
		}
		got += 1000.0 * sizeof(copy);
		end = now_s();
	} while (end - start < seconds);
	return got / (end - start) / 1e6;
}

int
main(int argc, char **argv)
{
	static const uint32_t streams[] = { 1, 8, STREAMS_MAX };
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
	double base = run_memcpy(seconds);

	printf("memcpy of %d bytes: %.0f MB/s\n", PAYLOAD, base);
	for (int own = 0; own < 2; own++)
		for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
			double v = run(own, streams[i], seconds);

			printf("smux %s, %u streams: %.0f MB/s, %.2f of memcpy\n",
			    own ? "own" : "stock", streams[i], v, v / base);
		}
	return 0;
}
