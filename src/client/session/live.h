/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session of ours from StartSession to its end, on a loop that has others as well:
 * client_session with the calls to the service around it.
 *
 * Owner: whoever made it.  on_end is the last callback; live_free() may be called there.
 */
#pragma once

#include "client/aws/aws.h"
#include "client/session/session.h"

struct live;

struct live_ops {
	void (*on_ready)(void *arg, const struct session_info *info);
	int (*on_data)(void *arg, uint32_t payload_type, struct span data);
	void (*on_writable)(void *arg);
	void (*on_lost)(void *arg, bool lost, const char *why);
	void (*on_notice)(void *arg, const char *text);
	/* text: why, for the person; "" when it ended without a reason. */
	void (*on_end)(void *arg, const char *text);
};

enum { LIVE_TERMINATE_MS = 3000 };

/* body: of StartSession, copied. */
struct live *live_start(struct ev_loop *l, struct aws_api *api,
    struct aws_settings *settings, struct span body, const struct live_ops *ops,
    void *arg);
void live_free(struct live *l); /* NULL is fine; the session itself is left alone */
/* Ends it at the service; on_end comes, after LIVE_TERMINATE_MS also without an answer. */
void live_terminate(struct live *l);
/* NULL before the service has answered. */
struct client_session *live_session(const struct live *l);
