/* SPDX-License-Identifier: Apache-2.0 */
/* See access_request.h. */
#include "server/domain/access_request.h"

#include "base/text.h"
#include "codec/json.h"
#include "codec/jsonw.h"
#include "proto/arn.h"
#include "proto/ids.h"

enum { POLICY_JSON_MAX = 16 * 1024 };

void
access_request_id_format(char out[ACCESS_REQUEST_ID_LEN + 1], const uint8_t raw[6])
{
	memcpy(out, "oi-", 3);
	hex_encode(out + 3, raw, 6);
}

const char *
access_request_status(const struct store_access_request *r, int64_t now_ms)
{
	bool ends = strcmp(r->status, "Pending") == 0 || strcmp(r->status, "Approved") == 0;

	return ends && r->expires_ms <= now_ms ? "Expired" : r->status;
}

bool
access_request_open(const struct store_access_request *r, int64_t now_ms)
{
	return strcmp(access_request_status(r, now_ms), "Approved") == 0;
}

static int
write_nodes(struct jsonw *w, struct arena *mem, const char *account, const json_t *ids)
{
	const json_t *id;
	size_t i;

	json_array_foreach(ids, i, id)
	{
		if (!json_is_string(id) || !id_node_valid(span_str(json_string_value(id))))
			return ERR_INVALID;
		jw_str(w, arn_node(mem, "*", account, json_string_value(id)));
	}
	return json_array_size(ids) > 0 ? 0 : ERR_INVALID;
}

static void
open_statement(struct jsonw *w, const char *sid, const char *actions)
{
	jw_open(w, '{');
	jw_field_str(w, "Sid", sid);
	jw_field_str(w, "Effect", "Allow");
	jw_key(w, "Action");
	jw_raw(w, span_str(actions));
	jw_key(w, "Resource");
}

static int
write_statements(struct jsonw *w, struct arena *mem, const char *account, const json_t *ids)
{
	int err;

	open_statement(w, "Nodes", "[\"ssm:StartSession\",\"ssm:GetConnectionStatus\"]");
	jw_open(w, '[');
	err = write_nodes(w, mem, account, ids);
	jw_str(w, "arn:aws:ssm:*:*:document/*");
	jw_close(w, ']');
	jw_close(w, '}');
	open_statement(w, "OwnSessions", "[\"ssm:ResumeSession\",\"ssm:TerminateSession\"]");
	jw_str(w, "arn:aws:ssm:*:*:session/*");
	jw_key(w, "Condition");
	jw_raw(w,
	    SPAN("{\"StringEquals\":{\"ssm:resourceTag/aws:ssmmessages:session-id\":"
		 "\"${aws:userid}\"}}"));
	jw_close(w, '}');
	open_statement(w, "Lists",
	    "[\"ssm:DescribeSessions\",\"ssm:DescribeInstanceInformation\","
	    "\"ec2:DescribeInstances\"]"); /* names of nodes */
	jw_str(w, "*");
	jw_close(w, '}');
	return err;
}

int
access_request_policy(
    struct arena *mem, const char *account, const char *targets_json, char **policy)
{
	auto_json *ids = NULL;
	struct jsonw w;
	auto_buf out;
	int err;

	if ((err = json_read(&ids, span_str(targets_json), NULL)) != 0)
		return err;
	buf_init(&out, POLICY_JSON_MAX);
	jw_init(&w, &out);
	jw_open(&w, '{');
	jw_field_str(&w, "Version", "2012-10-17");
	jw_key(&w, "Statement");
	jw_open(&w, '[');
	err = write_statements(&w, mem, account, ids);
	jw_close(&w, ']');
	jw_close(&w, '}');
	if (err == 0 && (err = buf_check(&out)) == 0)
		*policy = arena_strdup(mem, buf_cstr(&out));
	return err;
}
