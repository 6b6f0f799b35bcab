/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS failures in words that say what to do about them.
 */
#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>

#include "net/tls_priv.h"

static void
put(char *out, size_t size, const char *text)
{
	(void)snprintf(out, size, "%s", text);
}

static void
explain_certificate(long v, const char *name, char *out, size_t size)
{
	switch (v) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_CERT_UNTRUSTED:
		put(out, size,
		    "certificate signed by unknown authority: set SSL_CERT_FILE or "
		    "--ca-file");
		break;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		put(out, size,
		    "certificate has expired (or this machine's clock is wrong)");
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		put(out, size,
		    "certificate is not valid yet (or this machine's clock is wrong)");
		break;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		(void)snprintf(out, size,
		    "certificate is not for %s: connect by a name that it"
		    " holds",
		    name != NULL ? name : "this host");
		break;
	default:
		(void)snprintf(out, size, "certificate is not acceptable: %s",
		    X509_verify_cert_error_string(v));
	}
}

static const char *
reason_text(int reason)
{
	switch (reason) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
	case SSL_R_RECORD_LENGTH_MISMATCH:
		return "the peer does not speak TLS on this port";
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
		return "no common TLS version (1.2 or later is required)";
	case SSL_R_NO_SHARED_CIPHER:
		return "no common cipher suite";
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
		return "the peer does not trust our certificate's authority";
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
		return "the peer does not accept our certificate";
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
		return "the peer refused the handshake (no common cipher suite?)";
	default:
		return NULL;
	}
}

void
tls_explain(SSL *ssl, const char *name, char *out, size_t size)
{
	unsigned long e = ERR_peek_error();
	long v = SSL_get_verify_result(ssl);
	const char *text;

	if (v != X509_V_OK && !SSL_is_server(ssl)) {
		explain_certificate(v, name, out, size);
		return;
	}
	if ((text = reason_text(ERR_GET_REASON(e))) == NULL)
		text = ERR_reason_error_string(e);
	put(out, size, text != NULL ? text : "TLS failed");
}
