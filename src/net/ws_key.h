/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sec-WebSocket-Accept, RFC 6455 4.2.2: both sides of a handshake need it.
 */
#pragma once

#include "codec/ws.h"

void ws_accept_key(char out[WS_ACCEPT_LEN + 1], struct span key);
