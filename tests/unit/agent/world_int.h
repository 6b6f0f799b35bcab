/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the simulated node's world share. */
#pragma once

#include "world.h"

extern const struct sim_program world_toy;
extern const struct wsconn_options world_ws;

/* An agent opens the data channel of session id. */
void world_data_upgrade(struct world *w, struct http_req *r, const char *id);
