/* SPDX-License-Identifier: Apache-2.0 */
/* What data.c and data_client.c share: a data channel that has not shown its token yet. */
#pragma once

#include "proto/control.h"
#include "proto/ids.h"
#include "server/gateway/farewell.h"

/* Owned by gateway.opening until it is joined, refused or closed. */
struct data_open {
	struct list all;
	struct gateway *g;
	struct wsconn *ws;
	struct claim *claim; /* owned */
	bool own;   /* one of our programs */
	bool hears; /* a client that understands proto/own.h */
	enum principal_kind signer;
	char signer_name[65];  /* node id, or "" */
	char signer_arn[2048]; /* of a user, or "" */
	char session_id[ID_SESSION_MAX + 1];
};

/* Each of these is the last thing that happens to d. */
void data_open_client(struct data_open *d, const struct control_open_data *o);
void data_join(struct data_open *d, enum session_end end);
void data_refuse(struct data_open *d, const char *why);
void data_open_free(struct data_open *d);
