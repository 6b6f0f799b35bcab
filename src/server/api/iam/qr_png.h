/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A QR code as a PNG picture: black and white, with the margin that readers want.
 */
#pragma once

#include "base/buf.h"

/* Bytes: an otpauth URI has some hundred; a picture of the longest text fits. */
enum { QR_TEXT_MAX = 1024, QR_PNG_MAX = 64 * 1024 };

/* Appends the picture.  ERR_LIMIT: the text is too long. */
int qr_png(struct buf *out, const char *text) MUST_USE;
