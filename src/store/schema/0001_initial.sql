-- SPDX-License-Identifier: Apache-2.0
-- Times are ms since the epoch, 0 when unset; text is '' when unset.

CREATE TABLE meta (
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
	name       TEXT PRIMARY KEY,
	user_id    TEXT NOT NULL UNIQUE,
	path       TEXT NOT NULL,
	created_ms INTEGER NOT NULL
) STRICT;
-- IAM: names that differ only in case are the same name.
CREATE UNIQUE INDEX users_name_nocase ON users (name COLLATE NOCASE);

CREATE TABLE access_keys (
	access_key   TEXT PRIMARY KEY,
	secret       TEXT NOT NULL,
	kind         INTEGER NOT NULL CHECK (kind IN (1, 2)),
	owner        TEXT NOT NULL,
	token_sha256 TEXT NOT NULL,
	active       INTEGER NOT NULL CHECK (active IN (0, 1)),
	created_ms   INTEGER NOT NULL,
	expires_ms   INTEGER NOT NULL
) STRICT;
CREATE INDEX access_keys_owner ON access_keys (kind, owner);
CREATE INDEX access_keys_expiry ON access_keys (expires_ms) WHERE expires_ms <> 0;

CREATE TABLE activations (
	id                 TEXT PRIMARY KEY,
	code_sha256        TEXT NOT NULL,
	description        TEXT NOT NULL,
	instance_name      TEXT NOT NULL,
	iam_role           TEXT NOT NULL,
	id_prefix          TEXT NOT NULL,
	registration_limit INTEGER NOT NULL,
	registrations      INTEGER NOT NULL,
	expires_ms         INTEGER NOT NULL,
	created_ms         INTEGER NOT NULL,
	tags_json          TEXT NOT NULL
) STRICT;

CREATE TABLE nodes (
	id               TEXT PRIMARY KEY,
	public_key       TEXT NOT NULL,
	fingerprint      TEXT NOT NULL,
	activation_id    TEXT NOT NULL,
	iam_role         TEXT NOT NULL,
	name             TEXT NOT NULL,
	agent_name       TEXT NOT NULL,
	agent_version    TEXT NOT NULL,
	platform_type    TEXT NOT NULL,
	platform_name    TEXT NOT NULL,
	platform_version TEXT NOT NULL,
	ip               TEXT NOT NULL,
	hostname         TEXT NOT NULL,
	zone             TEXT NOT NULL,
	leave_reason     TEXT NOT NULL,
	registered_ms    INTEGER NOT NULL,
	ping_ms          INTEGER NOT NULL,
	offline_ms       INTEGER NOT NULL
) STRICT;

-- Of any resource: 'ManagedInstance/mi-...', 'User/alice'.
CREATE TABLE tags (
	resource TEXT NOT NULL,
	key      TEXT NOT NULL,
	value    TEXT NOT NULL,
	PRIMARY KEY (resource, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE documents (
	name       TEXT NOT NULL,
	version    INTEGER NOT NULL,
	type       TEXT NOT NULL,
	content    TEXT NOT NULL,
	created_ms INTEGER NOT NULL,
	builtin    INTEGER NOT NULL CHECK (builtin IN (0, 1)),
	PRIMARY KEY (name, version)
) STRICT;

CREATE TABLE sessions (
	id               TEXT PRIMARY KEY,
	target           TEXT NOT NULL,
	document         TEXT NOT NULL,
	reason           TEXT NOT NULL,
	owner_arn        TEXT NOT NULL,
	owner_user_id    TEXT NOT NULL,
	access_key       TEXT NOT NULL,
	source_ip        TEXT NOT NULL,
	region           TEXT NOT NULL,
	status           TEXT NOT NULL,
	details          TEXT NOT NULL,
	content_json     TEXT NOT NULL,
	run_as           TEXT NOT NULL,
	token_sha256     TEXT NOT NULL,
	token_expires_ms INTEGER NOT NULL,
	start_ms         INTEGER NOT NULL,
	end_ms           INTEGER NOT NULL,
	max_duration_min INTEGER NOT NULL,
	idle_min         INTEGER NOT NULL,
	-- It is over, but its agent has not confirmed that.
	farewell         INTEGER NOT NULL CHECK (farewell IN (0, 1))
) STRICT;
CREATE INDEX sessions_active ON sessions (start_ms DESC, id DESC) WHERE end_ms = 0;
CREATE INDEX sessions_history ON sessions (start_ms DESC, id DESC) WHERE end_ms <> 0;
CREATE INDEX sessions_ended ON sessions (end_ms) WHERE end_ms <> 0;
