/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing XML for the Query, EC2 and REST-XML protocols and the message gateway.
 * Text is escaped; characters that XML 1.0 cannot carry are replaced by U+FFFD.
 */
#pragma once

#include "base/buf.h"

void xw_open(struct buf *out, const char *name);
void xw_open_ns(struct buf *out, const char *name, const char *xmlns);
void xw_close(struct buf *out, const char *name);
void xw_text(struct buf *out, struct span s);
void xw_elem(struct buf *out, const char *name, const char *text); /* "" gives <n></n> */
void xw_elem_opt(struct buf *out, const char *name, const char *text); /* NULL: nothing */
void xw_elem_int(struct buf *out, const char *name, int64_t v);
void xw_elem_bool(struct buf *out, const char *name, bool v);

/*
 * The text of the first element called name, entities decoded; for the flat answers of
 * CreateControlChannel and CreateDataChannel only.  ERR_NOTFOUND, ERR_INVALID or
 * ERR_LIMIT.
 */
int xml_find_text(char *out, size_t size, struct span xml, const char *name) MUST_USE;
