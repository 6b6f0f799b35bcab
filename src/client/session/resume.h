/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What client_session asks for when its connection was lost: ResumeSession, with
 * credentials that may be newer than those at the start.  And TerminateSession.
 *
 * Owner: whoever embeds it; the texts it is given stay the caller's.
 */
#pragma once

#include "client/aws/aws.h"
#include "client/session/session.h"

struct resume {
	struct aws_api *api;
	struct aws_settings *settings;
	struct client_session *session;
	const char *session_id;
	/* The service refuses: trying goes on, but the person may be able to help. */
	void (*notice)(void *arg, const char *text);
	void *arg;
	struct aws_call *call; /* under way */
	char refusal[64];      /* the last code, so that it is told once */
};

/* The resume() of client_session_ops. */
void resume_ask(struct resume *r);
void resume_back(struct resume *r); /* the connection is there again */
/* Ends the session at the service; done() comes after wait_ms at the latest. */
void resume_terminate(struct resume *r, uint64_t wait_ms, aws_done *done, void *arg);
void resume_cancel(struct resume *r); /* no callbacks from here on */
