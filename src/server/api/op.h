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
	 * responseElements (record.h), on the writer's thread as soon as the change succeeded:
	 * the answer without its secrets.  Every API_WRITE has one whose answer is not
	 * empty.  A poll is what agents repeat all the time: theirs are
	 * recorded only when they are refused.
	 */
	api_recorder *response;
	bool poll;
};

/*
 * The groups: <folder>_<file> is the array <folder>_<file>_ops of <folder>/<file>.c, which ends
 * with a row without a name.  What is not in this list is not served.
 */
#define API_GROUPS(X)								\
	X(audit_cloudtrail) X(audit_export)					\
	X(ec2_instance) X(ec2_tag)						\
	X(iam_account) X(iam_alias) X(iam_attach) X(iam_group) X(iam_inline)	\
	X(iam_key) X(iam_login) X(iam_mfa) X(iam_oidc) X(iam_password)		\
	X(iam_policy) X(iam_profile) X(iam_role) X(iam_simulate) X(iam_tags)	\
	X(iam_user) X(iam_version)						\
	X(own_access_review) X(own_lock)					\
	X(ssm_access) X(ssm_activation) X(ssm_agent) X(ssm_association)		\
	X(ssm_document) X(ssm_mds) X(ssm_node) X(ssm_session) X(ssm_setting)	\
	X(ssm_tag)								\
	X(sts_caller) X(sts_role) X(sts_web)

#define API_GROUP_DECLARE(group) extern const struct api_op group##_ops[];
API_GROUPS(API_GROUP_DECLARE)
#undef API_GROUP_DECLARE

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
