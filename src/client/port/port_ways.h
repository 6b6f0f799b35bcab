/* SPDX-License-Identifier: Apache-2.0 */
/* The two ways of a struct port, each with the functions of port.h; for port.c alone. */
#pragma once

#include "client/port/port.h"

struct port_mux;
struct port_mux *port_mux_new(struct ev_loop *l, const struct port_wish *w,
    struct port_wire wire, const struct port_ops *ops, void *arg);
void port_mux_free(struct port_mux *m);
int port_mux_take(struct port_mux *m, struct ev_stream *s) MUST_USE;
int port_mux_ask(struct port_mux *m, struct ev_stream *s, void *asker) MUST_USE;
int port_mux_data(struct port_mux *m, uint32_t payload_type, struct span data) MUST_USE;
void port_mux_go(struct port_mux *m);
size_t port_mux_connections(const struct port_mux *m);

struct port_basic;
struct port_basic *port_basic_new(struct ev_loop *l, struct port_wire wire);
void port_basic_free(struct port_basic *b);
int port_basic_take(struct port_basic *b, struct ev_stream *s) MUST_USE;
int port_basic_data(
    struct port_basic *b, uint32_t payload_type, struct span data) MUST_USE;
void port_basic_go(struct port_basic *b);
size_t port_basic_connections(const struct port_basic *b);
