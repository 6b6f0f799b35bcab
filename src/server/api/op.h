/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One AWS operation is one row.  The dispatcher does the common work from it: which
 * service and protocol, who may call it and how it is signed, what the input must look
 * like, which permission on which resources is needed, whether it reads or writes.  A row
 * without an action or a resource fails the check at start-up (op_table_check).
 */
#pragma once

#include "server/api/shape.h"

struct api_call;

enum api_service {
	API_SSM,
	API_MDS, /* EC2WindowsMessageDeliveryService, for agents */
	API_STS,
	API_IAM,
	API_EC2,
	API_LOGS,
	API_CLOUDTRAIL,
	API_S3,
	API_SALLYPORT, /* what AWS has no operation for */
	API_SERVICES,
};

enum api_protocol { API_JSON, API_QUERY, API_EC2_QUERY, API_REST_XML };

struct api_service_info {
	const char *name;       /* in credential scopes and before the ':' of actions */
	const char *targets[2]; /* JSON: X-Amz-Target before the last dot */
	enum api_protocol protocol;
	const char *version; /* Query: Version */
	const char *xmlns;
};
extern const struct api_service_info api_services[API_SERVICES];

enum api_access { API_READ, API_WRITE };

enum api_auth {
	API_SIGNED,   /* SigV4 */
	API_NODE_KEY, /* SigV4 with the node's RSA key */
	API_UNSIGNED, /* the proof is in the input: an activation code, a token */
};

enum { API_LATER = 1 };

/*
 * Writes the answer into c->w (JSON) or c->out (XML) and returns 0; or returns what
 * api_fail(), api_write() or api_hold() returned.
 */
typedef int api_handler(struct api_call *c);

/* 0, or what error_denied() returned. */
typedef int api_permit(struct api_call *c);
struct jsonw;
typedef void api_recorder(struct api_call *c, struct jsonw *w);

/* Adds ARNs with resource_add(): for what a template cannot say. */
typedef int api_resource_finder(struct api_call *c);

struct api_op {
	enum api_service service;
	enum api_access access;
	enum api_auth auth;
	const char *name;
	const char *action; /* "ssm:StartSession" */
	/*
	 * Blank-separated: "*", "self" (the calling node), or kind:{Member} with kind
	 * node, document, session, setting, association, parameter or opsitem.  A list gives one
	 * ARN for each element.  {Member?} is left out when absent; nothing at all means
	 * "*".
	 */
	const char *resource;
	api_resource_finder *find; /* instead of a template */
	const char *input;
	bool no_result; /* Query: AWS's answer has no Result element */
	/*
	 * A change after which others may do more or less than before: policies are read
	 * again, open sessions judged again.  Every change of API_IAM is one.
	 */
	bool review;
	api_permit *permit; /* instead of asking for the action on the resources */
	api_handler *run;
	/*
	 * The audit trail has an event of each call.  response writes members of its
	 * responseElements, on the writer's thread as soon as the change succeeded: names
	 * and ids, never a secret.  A poll is what agents repeat all the time: theirs are
	 * recorded only when they are refused.
	 */
	api_recorder *response;
	bool poll;
};

/* The groups; each ends with a row without a name. */
extern const struct api_op api_access_ops[];
extern const struct api_op api_access_review_ops[];
extern const struct api_op api_activation_ops[];
extern const struct api_op api_agent_ops[];
extern const struct api_op api_association_ops[];
extern const struct api_op api_audit_ops[];
extern const struct api_op api_cloudtrail_ops[];
extern const struct api_op api_document_ops[];
extern const struct api_op api_ec2_ops[];
extern const struct api_op api_ec2_tag_ops[];
extern const struct api_op api_iam_account_ops[];
extern const struct api_op api_iam_attach_ops[];
extern const struct api_op api_iam_group_ops[];
extern const struct api_op api_iam_inline_ops[];
extern const struct api_op api_iam_key_ops[];
extern const struct api_op api_iam_alias_ops[];
extern const struct api_op api_iam_login_ops[];
extern const struct api_op api_iam_mfa_ops[];
extern const struct api_op api_iam_password_ops[];
extern const struct api_op api_iam_oidc_ops[];
extern const struct api_op api_iam_policy_ops[];
extern const struct api_op api_iam_profile_ops[];
extern const struct api_op api_iam_role_ops[];
extern const struct api_op api_iam_simulate_ops[];
extern const struct api_op api_iam_user_ops[];
extern const struct api_op api_iam_version_ops[];
extern const struct api_op api_lock_ops[];
extern const struct api_op api_mds_ops[];
extern const struct api_op api_node_ops[];
extern const struct api_op api_session_ops[];
extern const struct api_op api_setting_ops[];
extern const struct api_op api_sts_ops[];
extern const struct api_op api_sts_role_ops[];
extern const struct api_op api_sts_web_ops[];
extern const struct api_op api_tag_ops[];

/* All rows with their parsed inputs. */
struct op_table {
	struct op_entry {
		const struct api_op *op;
		struct shape *input;
		uint64_t ok, refused, failed; /* calls by outcome */
	} * entries;
	size_t n;
	struct arena mem;
};

int op_table_init(struct op_table *t, struct fault *f) MUST_USE;
void op_table_fini(struct op_table *t);
struct op_entry *op_find(
    const struct op_table *t, enum api_service service, struct span name);
