/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents as the API names and shows them; shared by the operations that read
 * (ssm/document.c, ssm/document_list.c) and those that change (ssm/document_change.c).
 */
#pragma once

#include "server/api/call.h"

#define TEXT_DOCUMENT_VERSION "The document version isn't valid."

enum { DOCUMENT_NO_VERSION = -2 }; /* none was asked for */

/* InvalidDocument; InvalidDocumentVersion. */
int document_missing(struct api_call *c);
int document_bad_version(struct api_call *c);
/* The member Name without the ARN around it; fails with document_missing(). */
int document_name(struct api_call *c, const char **name) MUST_USE;
/*
 * What DocumentVersion and VersionName ask for: a number, STORE_DOCUMENT_LATEST,
 * STORE_DOCUMENT_DEFAULT or DOCUMENT_NO_VERSION.
 */
int document_version(
    struct store_tx *tx, struct api_call *c, const char *name, int64_t *version) MUST_USE;
/* The version that the input asks for, the default one when it asks for none. */
int document_find(
    struct store_tx *tx, struct api_call *c, struct store_document *d) MUST_USE;

enum { DOCUMENT_HASH_LEN = 64 };
void document_hash(char hex[DOCUMENT_HASH_LEN + 1], const struct store_document *d);
const char *document_owner(const struct api_call *c, const struct store_document *d);
/* The number as the API has it. */
const char *document_number(struct api_call *c, int64_t version);
/* What identifiers and descriptions share, without the braces. */
void document_write_head(struct api_call *c, const struct store_document *d);
void document_write_tags(struct api_call *c, const char *name);
/* A DocumentDescription under this key. */
void document_write(struct api_call *c, const char *key, const struct store_document *d,
    const char *status);

/* For the rows' .response. */
api_recorder document_record, document_default_record;

/* ssm/document_change.c, ssm/document_list.c */
api_handler create_document, update_document, update_document_default_version,
    delete_document, list_documents, list_document_versions;
