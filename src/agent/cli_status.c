/* SPDX-License-Identifier: Apache-2.0 */
/* `sallyport-agent status`: the registration, and what the running agent last wrote. */
#include "agent/cli.h"

#include "agent/files.h"
#include "base/text.h"
#include "codec/json.h"
#include "codec/jsonw.h"

/* The number may belong to another program by now. */
static bool
is_agent(int64_t pid)
{
	char path[64];
	auto_buf comm = { 0 };

	(void)snprintf(path, sizeof(path), "/proc/%lld", (long long)pid);
	return agent_file_read(&comm, path, "comm", NULL) == 0 &&
	    span_starts(buf_span(&comm), "sallyport-agent");
}

void
cli_state_read(struct cli_state *s, const char *dir)
{
	const char *trouble;
	auto_json *v = NULL;
	auto_buf b = { 0 };

	*s = (struct cli_state){ 0 };
	if (agent_file_read(&b, dir, FILE_STATUS, NULL) != 0 ||
	    json_read(&v, buf_span(&b), NULL) != 0)
		return;
	s->pid = json_get_int(v, "Pid", 0);
	s->running = s->pid > 1 && is_agent(s->pid);
	s->connected = s->running && json_get_bool(v, "Connected", false);
	s->since_ms = json_get_int(v, "SinceMs", 0);
	s->heartbeat_ms = json_get_int(v, "HeartbeatMs", 0);
	s->expire_ms = json_get_int(v, "CredentialsExpireMs", 0);
	s->sessions = s->running ? json_get_int(v, "Sessions", 0) : 0;
	trouble = json_get_str(v, "Trouble");
	(void)snprintf(
	    s->trouble, sizeof(s->trouble), "%s", trouble != NULL ? trouble : "");
}

static void
show_time(const char *what, int64_t ms)
{
	char text[TIME_ISO_LEN + 1];

	if (ms == 0)
		return;
	time_iso(text, ms);
	(void)printf("%-13s %.19sZ\n", what, text);
}

static void
show_text(const struct agent_reg *r, const struct cli_state *s)
{
	(void)printf("%-13s %s\n", "node", r->node_id);
	(void)printf("%-13s %s\n", "server", r->endpoint);
	(void)printf("%-13s %s\n", "region", r->region);
	if (!s->running) {
		(void)printf("%-13s not running\n", "agent");
		return;
	}
	(void)printf("%-13s running (pid %lld)\n", "agent", (long long)s->pid);
	(void)printf("%-13s %s\n", "connection", s->connected ? "online" : "offline");
	show_time("since", s->since_ms);
	show_time("heartbeat", s->heartbeat_ms);
	show_time("credentials", s->expire_ms);
	(void)printf("%-13s %lld\n", "sessions", (long long)s->sessions);
	if (s->trouble[0] != '\0')
		(void)printf("%-13s %s\n", "trouble", s->trouble);
}

static void
show_json(const struct agent_reg *r, const struct cli_state *s)
{
	auto_buf b = { 0 };
	struct jsonw w;

	buf_init(&b, AGENT_FILE_MAX);
	jw_init(&w, &b);
	jw_open(&w, '{');
	jw_field_bool(&w, "Registered", true);
	jw_field_str(&w, "NodeId", r->node_id);
	jw_field_str(&w, "Endpoint", r->endpoint);
	jw_field_str(&w, "Region", r->region);
	jw_field_bool(&w, "Running", s->running);
	jw_field_bool(&w, "Connected", s->connected);
	jw_field_int(&w, "Sessions", s->sessions);
	if (s->since_ms != 0)
		jw_field_time(&w, "Since", s->since_ms);
	if (s->heartbeat_ms != 0)
		jw_field_time(&w, "LastHeartbeat", s->heartbeat_ms);
	if (s->expire_ms != 0)
		jw_field_time(&w, "CredentialsExpire", s->expire_ms);
	jw_field_str(&w, "Trouble", s->trouble);
	jw_close(&w, '}');
	(void)printf("%s\n", buf_cstr(&b));
}

int
cli_status(const struct cli_options *o)
{
	struct cli_state s;
	struct fault f = { 0 };
	struct agent_reg reg;

	if (agent_reg_load(&reg, o->dir, &f) != 0) {
		if (o->json && f.code == ERR_NOTFOUND)
			(void)printf("{\"Registered\":false}\n");
		else
			cli_complain("%s", fault_text(&f));
		return CLI_FAILED;
	}
	cli_state_read(&s, o->dir);
	if (o->json)
		show_json(&reg, &s);
	else
		show_text(&reg, &s);
	agent_reg_fini(&reg);
	return s.connected ? CLI_OK : CLI_FAILED;
}
