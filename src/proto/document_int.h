/* SPDX-License-Identifier: Apache-2.0 */
/* What document.c and document_params.c share. */
#pragma once

#include "proto/document.h"

#define DOCUMENT_BAD_PARAMETERS \
	"Parameters provided in document are invalid or not supported."

struct document_ctx {
	struct arena *mem;
	struct fault *f;
	bool as_written; /* {{ }} may be there still */
	size_t grown;    /* bytes made by insertion so far */
};

/* The declarations in content.parameters, and that what is used is declared. */
int document_params_check(struct document_ctx *c, const json_t *content) MUST_USE;
/*
 * Replaces {{ name }} in inputs and properties of content, makes its parameters empty.
 */
int document_params_insert(
    struct document_ctx *c, json_t *content, const json_t *given) MUST_USE;
