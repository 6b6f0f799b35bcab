/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What agents call about themselves: registration, credentials, key rotation, heartbeat.
 *
 * Registration is the one unsigned call; the activation code in it is the proof.  The
 * agent then signs with its RSA key and gets access keys for an hour.  The first
 * fingerprint a node shows is bound to it: a copied state folder on another machine is
 * told apart by it.
 */
#include "base/log.h"
#include "crypto/crypto.h"
#include "proto/arn.h"
#include "proto/ids.h"
#include "server/api/call.h"
#include "server/api/record.h"
#include "server/api/ssm/node_role.h"
#include "server/api/tags.h"
#include "server/domain/temp_key.h"

enum { TOKEN_LIFE_MS = 3600 * 1000 };

#define TEXT_ACTIVATION                                                               \
	"The activation isn't valid. The activation might have been deleted, or the " \
	"ActivationId and the ActivationCode don't match."
#define TEXT_INSTANCE "The instance %s isn't registered."

/* ---- RegisterManagedInstance ---- */

struct registration {
	struct store_node node;
	char code_sha256[2 * SHA256_LEN + 1];
	uint8_t id_raw[9];
};

/* Constant time whether the activation exists or not. */
static bool
code_matches(const struct registration *g, const struct store_activation *a, int found)
{
	static const char none[] =
	    "0000000000000000000000000000000000000000000000000000000000000000";
	bool same = secret_eq(
	    span_str(g->code_sha256), span_str(found == 0 ? a->code_sha256 : none));

	return found == 0 && same;
}

static int
check_activation(struct store_tx *tx, struct api_call *c, struct store_activation *a)
{
	int err = store_activation_get(tx, &c->mem, api_str(c, "ActivationId"), a);

	if (err != 0 && err != ERR_NOTFOUND)
		return err;
	if (!code_matches(c->user, a, err))
		return api_fail_text(c, "InvalidActivation", TEXT_ACTIVATION);
	return 0;
}

/* Only someone who knows the code learns why it does not help. */
static int
use_activation(struct store_tx *tx, struct api_call *c, const char *id)
{
	int err = store_activation_use(tx, id, c->now_ms);

	if (err == ERR_EXPIRED)
		return api_fail(
		    c, "InvalidActivation", "The activation %s has expired.", id);
	if (err == ERR_LIMIT)
		return api_fail(c, "InvalidActivation",
		    "The activation %s has no registrations left.", id);
	return err;
}

static int
copy_tags(struct store_tx *tx, struct api_call *c, const struct store_activation *a,
    const char *node_id)
{
	const char *resource = tags_resource(&c->mem, "ManagedInstance", node_id), *key;
	auto_json *tags = NULL;
	json_t *v;
	int err;

	if ((err = json_read(&tags, span_str(a->tags_json), NULL)) != 0)
		return err;
	json_object_foreach(tags, key, v)
	{
		if (strncmp(key, "sallyport:", 10) == 0)
			continue;
		if ((err = store_tag_put(tx, resource, key, json_string_value(v))) != 0)
			return err;
	}
	return 0;
}

static int
register_change(struct store_tx *tx, struct api_call *c)
{
	struct registration *g = c->user;
	struct store_activation a;
	struct store_node old;
	char id[ID_NODE_MAX + 1];
	int err;

	if ((err = check_activation(tx, c, &a)) != 0 ||
	    (err = use_activation(tx, c, a.id)) != 0)
		return err;
	id_node_format(id, strcmp(a.id_prefix, "i-") != 0, g->id_raw);
	if (store_node_get(tx, &c->mem, id, &old) != ERR_NOTFOUND)
		return ERR_EXISTS;
	g->node.id = arena_strdup(&c->mem, id);
	g->node.activation_id = a.id;
	g->node.iam_role = a.iam_role;
	g->node.name = a.instance_name;
	if ((err = store_node_put(tx, &g->node)) != 0 ||
	    (err = copy_tags(tx, c, &a, id)) != 0)
		return err;
	return resource_add(c, arn_node(&c->mem, c->region, c->env->account, id));
}

static void
register_response(struct api_call *c, struct jsonw *w)
{
	const struct registration *g = c->user;

	record_text(w, "InstanceId", g->node.id);
}

static int
register_done(struct api_call *c)
{
	struct registration *g = c->user;

	log_info("node registered", "node=%s activation=%s from=%s", g->node.id,
	    g->node.activation_id, c->source_ip);
	jw_field_str(&c->w, "InstanceId", g->node.id);
	return 0;
}

/* A row whose strings are all there. */
static void
node_blank(struct store_node *n)
{
	char *empty = (char *)(uintptr_t) "";

	*n = (struct store_node){
		.id = empty,
		.public_key = empty,
		.fingerprint = empty,
		.activation_id = empty,
		.iam_role = empty,
		.name = empty,
		.agent_name = empty,
		.agent_version = empty,
		.platform_type = empty,
		.platform_name = empty,
		.platform_version = empty,
		.ip = empty,
		.hostname = empty,
		.zone = empty,
		.leave_reason = empty,
	};
}

static int
check_public_key(struct api_call *c, const char *key)
{
	struct rsa_key *rsa = NULL;
	struct fault f = { 0 };

	if (rsa_load_public(&rsa, span_str(key), &f) != 0)
		return api_fail(c, "InvalidParameters", "The public key isn't valid: %s",
		    fault_text(&f));
	rsa_free(rsa);
	return 0;
}

static int
register_managed_instance(struct api_call *c)
{
	struct registration *g = arena_alloc(&c->mem, sizeof(*g));
	struct store_activation a;
	uint8_t sum[SHA256_LEN];
	int err;

	sha256(sum, span_str(api_str(c, "ActivationCode")));
	hex_encode(g->code_sha256, sum, sizeof(sum));
	c->user = g;
	/* A wrong code costs a read here and not a turn of the writer. */
	if ((err = check_activation(api_reader(c), c, &a)) != 0 ||
	    (err = check_public_key(c, api_str(c, "PublicKey"))) != 0)
		return err;
	node_blank(&g->node);
	g->node.public_key = arena_strdup(&c->mem, api_str(c, "PublicKey"));
	g->node.fingerprint = arena_strdup(&c->mem, api_str(c, "Fingerprint"));
	g->node.registered_ms = c->now_ms;
	ev_random(c->env->loop, g->id_raw, sizeof(g->id_raw));
	return api_write(c, register_change, register_done);
}

/* ---- RequestManagedInstanceRoleToken ---- */

static int
bind_fingerprint(struct store_tx *tx, struct api_call *c, struct store_node *n)
{
	const char *shown = api_str(c, "Fingerprint");

	if (n->fingerprint[0] == '\0') {
		n->fingerprint = arena_strdup(&c->mem, shown);
		return store_node_put(tx, n);
	}
	if (strcmp(n->fingerprint, shown) == 0)
		return 0;
	return api_fail(c, "MachineFingerprintDoesNotMatch",
	    "The machine fingerprint does not match the one %s registered with.", n->id);
}

static int
get_own_node(struct store_tx *tx, struct api_call *c, struct store_node *n)
{
	int err = store_node_get(tx, &c->mem, c->auth.who.name, n);

	if (err == ERR_NOTFOUND)
		return api_fail(c, "InvalidInstanceId", TEXT_INSTANCE, c->auth.who.name);
	return err;
}

static int
token_change(struct store_tx *tx, struct api_call *c)
{
	struct store_node n;
	int err;

	if ((err = get_own_node(tx, c, &n)) != 0 || (err = bind_fingerprint(tx, c, &n)) != 0)
		return err;
	return temp_key_put(tx, c->user, STORE_KEY_NODE, n.id, "");
}

/* All five members: the stock agent follows each of them without looking. */
static int
token_done(struct api_call *c)
{
	const struct temp_key *k = c->user;

	jw_field_str(&c->w, "AccessKeyId", k->access_key);
	jw_field_str(&c->w, "SecretAccessKey", k->secret);
	jw_field_str(&c->w, "SessionToken", k->token);
	jw_field_time(&c->w, "TokenExpirationDate", k->expires_ms);
	jw_field_bool(&c->w, "UpdateKeyPair", false);
	return 0;
}

static void
token_response(struct api_call *c, struct jsonw *w)
{
	record_temp_key(w, c->user, "TokenExpirationDate");
	record_bool(w, "UpdateKeyPair", false);
}

static int
check_role(struct api_call *c)
{
	const char *role = c->auth.who.role;
	int err = node_role_check(c, role);

	if (err != ERR_NOTFOUND && err != ERR_DENIED)
		return err;
	return api_fail(c, "AccessDeniedException",
	    "The role %s of %s %s.", role, c->auth.who.name,
	    err == ERR_NOTFOUND ? "does not exist"
				: "does not trust ssm.amazonaws.com");
}

static int
request_role_token(struct api_call *c)
{
	struct temp_key *k = arena_alloc(&c->mem, sizeof(*k));
	int err = check_role(c);

	if (err != 0)
		return err;
	temp_key_draw(k, c->env->loop, c->now_ms, TOKEN_LIFE_MS);
	c->user = k;
	return api_write(c, token_change, token_done);
}

/* ---- UpdateManagedInstancePublicKey ---- */

static int
public_key_change(struct store_tx *tx, struct api_call *c)
{
	struct store_node n;
	int err;

	if ((err = get_own_node(tx, c, &n)) != 0)
		return err;
	n.public_key = arena_strdup(&c->mem, api_str(c, "NewPublicKey"));
	return store_node_put(tx, &n);
}

static int
update_public_key(struct api_call *c)
{
	int err = check_public_key(c, api_str(c, "NewPublicKey"));

	return err != 0 ? err : api_write(c, public_key_change, NULL);
}

/* ---- UpdateInstanceInformation ---- */

/* An empty ping keeps what a full one said before. */
static void
take(struct api_call *c, char **field, const char *member)
{
	const char *s = api_str(c, member);

	if (s != NULL && s[0] != '\0')
		*field = arena_strdup(&c->mem, s);
}

/*
 * With the keys of a user or role an agent names itself; its first ping makes the node.  A
 * node's own keys cannot bring back what was deregistered.
 */
static int
information_change(struct store_tx *tx, struct api_call *c)
{
	const char *id = api_str(c, "InstanceId");
	struct store_node n;
	int err = store_node_get(tx, &c->mem, id, &n);

	if (err == ERR_NOTFOUND && c->auth.who.kind != PRINCIPAL_NODE) {
		node_blank(&n);
		n.id = arena_strdup(&c->mem, id);
		n.registered_ms = c->now_ms;
	} else if (err == ERR_NOTFOUND) {
		return api_fail(c, "InvalidInstanceId", TEXT_INSTANCE, id);
	} else if (err != 0) {
		return err;
	}
	take(c, &n.agent_name, "AgentName");
	take(c, &n.agent_version, "AgentVersion");
	take(c, &n.platform_type, "PlatformType");
	take(c, &n.platform_name, "PlatformName");
	take(c, &n.platform_version, "PlatformVersion");
	take(c, &n.ip, "IPAddress");
	take(c, &n.hostname, "ComputerName");
	take(c, &n.zone, "AvailabilityZone");
	n.ping_ms = c->now_ms;
	return store_node_put(tx, &n);
}

static int
update_information(struct api_call *c)
{
	const char *id = api_str(c, "InstanceId");

	if (!id_node_valid(span_str(id)))
		return api_fail(
		    c, "InvalidInstanceId", "The instance ID %s isn't valid.", id);
	return api_write(c, information_change, NULL);
}

#define NODE_ID "/(^i-(\\w{8}|\\w{17})$)|(^mi-\\w{17}$)/"
#define RSA_KEY "string{392..4096}"

const struct api_op ssm_agent_ops[] = {
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .auth = API_UNSIGNED,
	    .name = "RegisterManagedInstance",
	    .action = "ssm:RegisterManagedInstance",
	    .resource = "*",
	    .input =
		"{ ActivationCode*~: string{20..250}; ActivationId*: string{36..36}; "
		"Fingerprint*: string{1..256}; PublicKey*: " RSA_KEY
		"; PublicKeyType: string{Rsa} }",
	    .run = register_managed_instance,
	    .response = register_response,
	},
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .auth = API_NODE_KEY,
	    .name = "RequestManagedInstanceRoleToken",
	    .action = "ssm:RequestManagedInstanceRoleToken",
	    .resource = "self",
	    .input = "{ Fingerprint*: string{1..256} }",
	    .run = request_role_token,
	    .response = token_response,
	},
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .auth = API_NODE_KEY,
	    .name = "UpdateManagedInstancePublicKey",
	    .action = "ssm:UpdateManagedInstancePublicKey",
	    .resource = "self",
	    .input = "{ NewPublicKey*: " RSA_KEY "; NewPublicKeyType: string{Rsa} }",
	    .run = update_public_key,
	},
	{
	    .service = API_SSM,
	    .access = API_WRITE,
	    .name = "UpdateInstanceInformation",
	    .action = "ssm:UpdateInstanceInformation",
	    .resource = "node:{InstanceId}",
	    .input =
		"{ InstanceId*: string{" NODE_ID
		"}; AgentName: string{..128}; AgentVersion: string{..64}; AgentStatus: "
		"string{..32}; PlatformType: string{Linux|Windows|MacOS}; PlatformName: "
		"string{..256}; PlatformVersion: string{..256}; IPAddress: string{..46}; "
		"ComputerName: string{..255}; AvailabilityZone: string{..64}; "
		"AvailabilityZoneId: string{..64}; SSMConnectionChannel: string{..32} }",
	    .run = update_information,
	    .poll = true,
	},
	{ 0 },
};
