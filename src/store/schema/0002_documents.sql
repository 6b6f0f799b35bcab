-- SPDX-License-Identifier: Apache-2.0
-- Documents can be made and changed: names for people, and a default version apart from
-- the latest.  Until now the latest was the default.

ALTER TABLE documents ADD COLUMN version_name TEXT NOT NULL DEFAULT '';
ALTER TABLE documents ADD COLUMN display_name TEXT NOT NULL DEFAULT '';
ALTER TABLE documents ADD COLUMN target_type TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX documents_version_name ON documents (name, version_name)
	WHERE version_name <> '';

CREATE TABLE document_heads (
	name            TEXT PRIMARY KEY,
	default_version INTEGER NOT NULL,
	-- Ever given: a version that was deleted does not come again.
	last_version    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO document_heads SELECT name, max(version), max(version) FROM documents GROUP BY name;
