/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_task_complete: how each session ended, told until the server has acknowledged it.
 * At most AGENT_TASKS_MAX wait; then the oldest is forgotten (the server finds out about
 * that session when nobody reconnects to it).
 *
 * Owner: the agent.
 */
#pragma once

#include "ev/ev.h"

enum { AGENT_TASKS_MAX = 1000, AGENT_TASK_OUTPUT_MAX = 1024 };

struct agent_tasks;

/* Sends one AgentMessage on the control channel; an error when there is none. */
typedef int agent_tasks_send(void *arg, struct span msg);

struct agent_tasks *agent_tasks_new(struct ev_loop *l, const char *node_id,
    agent_tasks_send *send, void *arg) __attribute__((returns_nonnull));
void agent_tasks_free(struct agent_tasks *t);

/* status: Success, Failed, Cancelled, TimedOut.  output: text for the person, or "". */
void agent_tasks_add(struct agent_tasks *t, const char *session_id, const char *status,
    const char *output);
void agent_tasks_acked(struct agent_tasks *t, const char *task_id);
void agent_tasks_connected(struct agent_tasks *t); /* tell all of them now */
size_t agent_tasks_len(const struct agent_tasks *t);
