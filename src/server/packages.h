/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder with agent packages, read only: its files, and SHA256SUMS as sha256sum prints
 * it.  Nothing is read in one go: files are sent as fast as the peer takes them, digests
 * are made a share in each turn of the loop and kept until the file changes.
 *
 * A file name from the wire is matched against a fixed alphabet and opened below the
 * folder, links not followed.
 */
#pragma once

#include "ev/ev.h"

struct http_req;
struct packages;

struct packages *packages_new(struct ev_loop *l);
/* After the HTTP server: requests that wait for digests are its own. */
void packages_free(struct packages *p);

/* Answers a request for NAME or SHA256SUMS in folder ("": there is none). */
void packages_serve(
    struct packages *p, const char *folder, struct span name, struct http_req *r);
