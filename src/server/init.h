/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sallyportd init`: everything a first start needs in a state folder.
 *
 *	ca.pem ca.key          a private CA (ECDSA P-256)
 *	server.pem server.key  a certificate from it for the given names
 *	sallyport.db           account id, user admin, its access key
 *	admin-credentials      that key, as an AWS credentials file (0600)
 *	audit.key audit.pub    what signs the audit trail, and what verifies it
 *
 * What exists is kept and said so; only the server certificate can be made anew.
 */
#pragma once

#include "server/config.h"

struct init_options {
	const char *const
	    *hosts; /* names and addresses of the certificate; none: guessed */
	size_t nhosts;
	bool force_new_cert;
};

/* Prints what it did on stdout; returns the exit status. */
int init_main(struct config *c, const struct init_options *o);
