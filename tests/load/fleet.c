/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many agents in one process: the agent itself, as sallyport-agent runs it, each with a node id
 * and connections of its own.  Only the machine under them is made up: shells are echoes.
 *
 *	load_fleet ENDPOINT CA_FILE REGION COUNT {ACTIVATION_ID ACTIVATION_CODE}...
 *
 * One activation for each thousand.  Prints a line
 *
 *	nodes ID ID ...     once, when all are online for the first time
 *	online N            whenever another number of control channels is open, and at most
 *	                    every LOOK_MS
 *
 * and runs until its input ends.  All nodes share one RSA key: making ten thousand would
 * measure something else.
 */
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/log.h"
#include "base/text.h"
#include "codec/json.h"
#include "codec/jsonw.h"
#include "crypto/crypto.h"
#include "echo_shell.h"

enum {
	AT_ONCE = 32, /* between their registration and their control channel */
	LOOK_MS = 100,
	START_MS = 10,
	REGISTRATIONS = 1000, /* of an activation */
	KEY_MAX = 8192,
	COUNT_MAX = 100000,
};

struct load {
	struct ev_loop *loop;
	struct tls_ctx *tls;
	struct agent_aws *aws; /* for the registrations */
	struct spawner *shells;
	const char *endpoint, *region;
	char **activations; /* id, code, id, code ... */
	struct buf private_key, public_key;
	struct node *nodes;
	size_t count, begun, started, online;
	bool told; /* of the ids */
	struct ev_timer look, more;
};

struct node {
	struct load *l;
	struct agent *agent; /* NULL: not registered yet */
	char id[24];
};

static _Noreturn void
die(const char *what, const char *why)
{
	fprintf(stderr, "load_fleet: %s: %s\n", what, why);
	exit(1);
}

/* --- the agents ------------------------------------------------------------------- */

static void
platform(struct agent_platform *p)
{
	*p = (struct agent_platform){ .name = "Load", .version = "1", .ip = "192.0.2.1" };
}

static void
run_agent(struct node *n)
{
	struct load *l = n->l;
	struct fault f = { 0 };

	if (agent_new(&n->agent, l->loop,
		&(struct agent_options){ .node_id = n->id,
		    .endpoint = l->endpoint,
		    .region = l->region,
		    .credentials = { .fingerprint = "load",
			.access_key = "",
			.secret_key = "",
			.key = buf_span(&l->private_key) },
		    .tls = l->tls,
		    .spawner = l->shells,
		    .policy = { .is_root = false, .session_user = "" },
		    .platform = platform },
		&f) != 0)
		die("agent", fault_text(&f));
	l->started++;
}

static void
on_registered(void *arg, const struct agent_answer *a)
{
	struct node *n = arg;
	auto_json *v = NULL;
	const char *id;

	if (a->err != 0 || a->status != 200 || json_read(&v, a->body, NULL) != 0 ||
	    (id = json_get_str(v, "InstanceId")) == NULL ||
	    str_copy(n->id, sizeof(n->id), id) != 0)
		die("RegisterManagedInstance", a->why);
	run_agent(n);
}

static void
register_node(struct load *l)
{
	char **activation = l->activations + l->begun / REGISTRATIONS * 2;
	struct node *n = &l->nodes[l->begun++];
	auto_buf body = { .max = KEY_MAX };
	struct jsonw w;

	n->l = l;
	jw_init(&w, &body);
	jw_open(&w, '{');
	jw_field_str(&w, "ActivationCode", activation[1]);
	jw_field_str(&w, "ActivationId", activation[0]);
	jw_field_str(&w, "Fingerprint", "load");
	jw_key(&w, "PublicKey");
	jw_span(&w, buf_span(&l->public_key));
	jw_field_str(&w, "PublicKeyType", "Rsa");
	jw_close(&w, '}');
	agent_aws_post(l->aws,
	    &(struct agent_request){ .service = "ssm",
		.path = "/",
		.target = "AmazonSSM.RegisterManagedInstance",
		.body = buf_span(&body),
		.auth = AGENT_AUTH_NONE },
	    on_registered, n);
}

/* --- what they are doing ---------------------------------------------------------- */

static size_t
count_online(const struct load *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->begun; i++) {
		struct agent_state st = { 0 };

		if (l->nodes[i].agent != NULL)
			agent_state_get(l->nodes[i].agent, &st);
		n += st.connected;
	}
	return n;
}

static void
on_more(void *arg)
{
	struct load *l = arg;
	size_t online = count_online(l);

	for (size_t room = AT_ONCE - MIN(l->begun - online, (size_t)AT_ONCE);
	     room > 0 && l->begun < l->count; room--)
		register_node(l);
	if (l->begun < l->count)
		ev_timer_set(l->loop, &l->more, START_MS, on_more, l);
}

static void
tell_nodes(struct load *l)
{
	l->told = true;
	printf("nodes");
	for (size_t i = 0; i < l->count; i++)
		printf(" %s", l->nodes[i].id);
	printf("\n");
}

static void
on_look(void *arg)
{
	struct load *l = arg;
	size_t online = count_online(l);

	if (online == l->count && !l->told)
		tell_nodes(l);
	if (online != l->online)
		printf("online %zu\n", online);
	fflush(stdout);
	l->online = online;
	ev_timer_set(l->loop, &l->look, LOOK_MS, on_look, l);
}

/* --- life --------------------------------------------------------------------------- */

static void
on_input(void *arg)
{
	struct ev_stream **in = arg;
	uint8_t byte;
	size_t n;

	if (ev_read(*in, &byte, 1, &n) == ERR_CLOSED)
		exit(0);
}

static void
run(struct load *l, const char *ca_file)
{
	static const struct ev_stream_ops input = { .readable = on_input };
	struct ev_stream *in;
	struct rsa_key *key;
	struct fault f = { 0 };

	if (tls_client_new(&l->tls, ca_file, &f) != 0 || rsa_generate(&key, &f) != 0)
		die("start", fault_text(&f));
	buf_init(&l->private_key, KEY_MAX);
	buf_init(&l->public_key, KEY_MAX);
	rsa_store_private(key, &l->private_key);
	rsa_store_public(key, &l->public_key);
	rsa_free(key);
	l->loop = ev_loop_new();
	l->shells = echo_shell_new(l->loop);
	l->aws = agent_aws_new(l->loop,
	    &(struct agent_aws_options){ .endpoint = l->endpoint,
		.region = l->region,
		.node_id = "",
		.tls = l->tls });
	l->nodes = xcalloc(l->count, sizeof(*l->nodes));
	in = ev_stream_adopt(l->loop, STDIN_FILENO);
	ev_stream_set(in, &input, &in);
	ev_stream_want(in, true, false);
	on_more(l);
	on_look(l);
	ev_run(l->loop);
}

int
main(int argc, char **argv)
{
	struct load l = { 0 };
	struct rlimit lim;
	int64_t count;

	if (argc < 7 || num_parse(span_str(argv[4]), 1, COUNT_MAX, &count) != 0 ||
	    count > (argc - 5) / 2 * REGISTRATIONS) {
		fprintf(stderr,
		    "usage: load_fleet ENDPOINT CA_FILE REGION COUNT "
		    "{ACTIVATION_ID ACTIVATION_CODE}...\n"
		    "one activation for each thousand\n");
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
	}
	signal(SIGPIPE, SIG_IGN);
	crypto_init();
	log_setup(LOG_ERROR, LOG_FORMAT_TEXT, "load_fleet");
	l.endpoint = argv[1];
	l.region = argv[3];
	l.count = (size_t)count;
	l.activations = argv + 5;
	run(&l, argv[2]);
	return 1;
}
