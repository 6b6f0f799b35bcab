/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS contexts.  TLS 1.2 or later, AEAD suites, no renegotiation, no compression.
 * A context may be shared by all streams of a loop; reload makes new connections use new
 * files while old ones keep what they have.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

struct tls_ctx;

int tls_server_new(struct tls_ctx **out, const char *cert_file, const char *key_file,
    struct fault *f) MUST_USE;
int tls_server_reload(struct tls_ctx *t, const char *cert_file, const char *key_file,
    struct fault *f) MUST_USE;
/*
 * Verifies the peer against ca_file; NULL means the system's roots (SSL_CERT_FILE and
 * SSL_CERT_DIR are honoured, the directory form is loaded on demand).
 */
int tls_client_new(struct tls_ctx **out, const char *ca_file, struct fault *f) MUST_USE;
void tls_ctx_free(struct tls_ctx *t);
