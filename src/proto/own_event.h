/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What our agent reports of a session for the audit trail, see own.h for the rest:
 *
 *	sallyport_recorded  server  {"SessionId":..,"Number":n}
 *	sallyport_event     agent   {"SessionId":..,"Number":n,"Events":[{..},..]}
 *
 * The server says the first one as soon as an agent that announced itself (OWN_HEADER of
 * own.h) has opened its data channel, and after each commit: the events up to n are in the
 * trail.  The agent speaks only to a server that has said so.  Number is that of the first of
 * Events; each next one is one more, and a session begins with 1.  Members that are "" or 0
 * are left out:
 *
 *	{"Type":"PortOpened","Host":..,"Address":..,"Port":n,"Socket":..}
 *	{"Type":"FileCopied","Path":..,"ToNode":true,"Bytes":n,"Sha256":..}
 *
 * and, of what did not work, "Error" and "Message".  Path may hold any character but NUL: what
 * is no UTF-8 in the file's name becomes U+FFFD.
 */
#pragma once

#include "proto/control.h"

#define MSG_OWN_EVENT    "sallyport_event"
#define MSG_OWN_RECORDED "sallyport_recorded"

enum {
	OWN_EVENTS_MAX = 256,          /* in one message */
	OWN_EVENTS_BYTES = 192 * 1024, /* payload of one message */
	OWN_EVENT_BYTES = 64 * 1024,   /* one of them as it is written */
	OWN_EVENT_PATH_MAX = 4095,     /* bytes of a path as it is on the node */
	OWN_EVENT_MESSAGE_MAX = 1024,  /* the same of a message */
	OWN_EVENT_CODE_MAX = 40,       /* letters of Error */
	OWN_RECORDED_MAX = 1024,
};

enum own_event_kind { OWN_EVENT_OTHER, OWN_EVENT_PORT, OWN_EVENT_FILE };

/* Strings are "" when absent. */
struct own_event {
	enum own_event_kind kind; /* OTHER: of a newer agent, nothing is known about it */
	/* PORT */
	const char *host, *address, *socket; /* host "": the node itself */
	int64_t port;
	/* FILE */
	const char *path, *sha256; /* sha256: hex */
	bool to_node;
	int64_t bytes;
	/* Both: "" when it worked. */
	const char *error, *message;
};

struct own_events {
	const char *session_id;
	int64_t number; /* of the first */
	const struct own_event *events;
	size_t n;
};

/* The word for an ERR_* that a connection ended with. */
const char *own_event_error(int err);

/* Adds one event as JSON; longer texts than may be are cut.  NULL counts as "". */
void own_event_write(struct buf *out, const struct own_event *e);
/* events: what own_event_write() wrote, with commas in between. */
void own_events_build(struct buf *out, const struct control_head *h,
    const char *session_id, int64_t number, struct span events);
/*
 * Checks whatever an agent may say: lengths, UTF-8, and the letters of what is no free text.
 * In mem.  ERR_INVALID, ERR_LIMIT.
 */
int own_events_parse(
    struct own_events *out, struct arena *mem, struct span payload) MUST_USE;

void own_recorded_build(struct buf *out, const struct control_head *h,
    const char *session_id, int64_t number);
/* ERR_INVALID also when it is about another session. */
int own_recorded_parse(
    int64_t *number, struct span payload, const char *session_id) MUST_USE;
