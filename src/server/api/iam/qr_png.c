/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The symbol comes from libqrencode, which also knows every rule about QR codes.  The picture is
 * the least PNG that there is (RFC 2083): one bit a pixel, one block of compressed rows.
 */
#include "server/api/iam/qr_png.h"

#include <qrencode.h>
#include <stdlib.h>
#include <zlib.h>

enum {
	SCALE = 5,  /* pixels a module */
	MARGIN = 4, /* modules, ISO/IEC 18004 */
};

static void
add_chunk(struct buf *out, const char type[4], struct span data)
{
	uLong sum = crc32(crc32(0, NULL, 0), (const Bytef *)type, 4);

	if (data.n > 0)
		sum = crc32(sum, data.p, (uInt)data.n);
	buf_add_be32(out, (uint32_t)data.n);
	buf_add(out, span_of(type, 4));
	buf_add(out, data);
	buf_add_be32(out, (uint32_t)sum);
}

static bool
is_black(const QRcode *qr, size_t x, size_t y)
{
	size_t width = (size_t)qr->width;

	if (x < MARGIN || y < MARGIN || x >= MARGIN + width || y >= MARGIN + width)
		return false;
	return qr->data[(y - MARGIN) * width + (x - MARGIN)] & 1;
}

/* Rows of pixels, each behind a byte that names its filter: none. */
static void
add_rows(struct buf *rows, const QRcode *qr, size_t side)
{
	for (size_t y = 0; y < side; y++) {
		uint8_t byte = 0;

		buf_add_u8(rows, 0);
		for (size_t x = 0; x < side; x++) {
			byte = (uint8_t)(byte << 1 | !is_black(qr, x / SCALE, y / SCALE));
			if (x % 8 == 7 || x + 1 == side)
				buf_add_u8(rows, (uint8_t)(byte << (7 - x % 8)));
		}
	}
}

static void
add_picture(struct buf *out, const QRcode *qr)
{
	size_t side = ((size_t)qr->width + (size_t)2 * MARGIN) * SCALE;
	uLongf n;
	auto_buf head, rows, packed;

	buf_init(&head, 13);
	buf_add_be32(&head, (uint32_t)side);
	buf_add_be32(&head, (uint32_t)side);
	buf_add(
	    &head, span_of("\x01\x00\x00\x00\x00", 5)); /* 1 bit grey, nothing special */
	buf_init(&rows, QR_PNG_MAX * 8UL);
	add_rows(&rows, qr, side);
	n = compressBound(rows.len);
	buf_init(&packed, n);
	if (compress(buf_grow(&packed, n), &n, rows.p, rows.len) != Z_OK)
		abort(); /* the room is enough: memory is out */
	buf_add(out, span_of("\x89PNG\r\n\x1a\n", 8));
	add_chunk(out, "IHDR", buf_span(&head));
	add_chunk(out, "IDAT", span_of(packed.p, n));
	add_chunk(out, "IEND", SPAN_NONE);
}

int
qr_png(struct buf *out, const char *text)
{
	QRcode *qr;

	if (strlen(text) > QR_TEXT_MAX)
		return ERR_LIMIT;
	qr = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
	if (qr == NULL)
		return ERR_INTERNAL;
	add_picture(out, qr);
	QRcode_free(qr);
	return buf_check(out);
}
