/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message delivery, the older of the agents' two ways to work.  Everything goes over the
 * control channel here; the stock agent polls this one only until that is open.  A poll
 * is held, so that an agent without a control channel asks four times a minute and not
 * without pause.
 */
#include "server/api/call.h"

enum { POLL_MS = 15 * 1000 };

static int
no_messages(struct api_call *c)
{
	const char *id = api_str(c, "MessagesRequestId");

	jw_field_str(&c->w, "Destination", api_str(c, "Destination"));
	jw_field_opt(&c->w, "MessagesRequestId", id);
	jw_key(&c->w, "Messages");
	jw_open(&c->w, '[');
	jw_close(&c->w, ']');
	return 0;
}

static int
get_messages(struct api_call *c)
{
	return api_hold(c, POLL_MS, no_messages);
}

/* Nothing was delivered, so there is nothing to acknowledge. */
static int
accept(struct api_call *c)
{
	(void)c;
	return 0;
}

#define MESSAGE_ID "MessageId*: string{1..512}"
#define MDS_ROW(op, in, handler)                                           \
	{                                                                  \
		.service = API_MDS, .access = API_WRITE, .name = op,       \
		.action = "ec2messages:" op, .resource = "*", .input = in, \
		.run = handler, .poll = true                               \
	}

const struct api_op ssm_mds_ops[] = {
	{
	    .service = API_MDS,
	    .access = API_READ,
	    .name = "GetMessages",
	    .action = "ec2messages:GetMessages",
	    .resource = "node:{Destination}",
	    .input = "{ Destination*: string{10..64}; MessagesRequestId: string{1..64}; "
		     "VisibilityTimeoutInSeconds: integer{0..} }",
	    .run = get_messages,
	    .poll = true,
	},
	MDS_ROW("AcknowledgeMessage", "{ " MESSAGE_ID " }", accept),
	MDS_ROW("DeleteMessage", "{ " MESSAGE_ID " }", accept),
	MDS_ROW("FailMessage", "{ " MESSAGE_ID "; FailureType: string }", accept),
	MDS_ROW(
	    "SendReply", "{ " MESSAGE_ID "; Payload: string; ReplyId: string }", accept),
	{ 0 },
};
