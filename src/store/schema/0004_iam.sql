-- SPDX-License-Identifier: Apache-2.0
-- Who there is and what policies say of them.
--
-- An owner is 'User/alice', 'Group/ops' or 'Role/deploy', as in the table tags; policies are
-- named by ARN where one of AWS's may stand, by name where only the account's own can.

CREATE TABLE entities (
	kind            INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 5),
	name            TEXT NOT NULL,
	id              TEXT NOT NULL UNIQUE,
	path            TEXT NOT NULL,
	description     TEXT NOT NULL,
	boundary        TEXT NOT NULL,
	trust           TEXT NOT NULL,
	max_session_s   INTEGER NOT NULL,
	default_version INTEGER NOT NULL,
	last_version    INTEGER NOT NULL,
	created_ms      INTEGER NOT NULL,
	updated_ms      INTEGER NOT NULL,
	PRIMARY KEY (kind, name)
) STRICT;
-- IAM: names that differ only in case are the same name.
CREATE UNIQUE INDEX entities_nocase ON entities (kind, name COLLATE NOCASE);
CREATE INDEX entities_boundary ON entities (boundary) WHERE boundary <> '';

INSERT INTO entities (kind, name, id, path, description, boundary, trust, max_session_s,
	default_version, last_version, created_ms, updated_ms)
	SELECT 1, name, user_id, path, '', '', '', 0, 0, 0, created_ms, created_ms FROM users;
DROP TABLE users;

CREATE TABLE policy_versions (
	policy     TEXT NOT NULL,
	version    INTEGER NOT NULL,
	document   TEXT NOT NULL,
	created_ms INTEGER NOT NULL,
	PRIMARY KEY (policy, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE attachments (
	owner      TEXT NOT NULL,
	policy_arn TEXT NOT NULL,
	PRIMARY KEY (owner, policy_arn)
) STRICT, WITHOUT ROWID;
CREATE INDEX attachments_policy ON attachments (policy_arn, owner);
-- Until now the first administrator was known by name.
INSERT INTO attachments SELECT 'User/admin', 'arn:aws:iam::aws:policy/AdministratorAccess'
	FROM entities WHERE kind = 1 AND name = 'admin';

CREATE TABLE inline_policies (
	owner    TEXT NOT NULL,
	name     TEXT NOT NULL,
	document TEXT NOT NULL,
	PRIMARY KEY (owner, name)
) STRICT, WITHOUT ROWID;

-- Users in groups, roles in instance profiles.
CREATE TABLE members (
	holder TEXT NOT NULL,
	member TEXT NOT NULL,
	PRIMARY KEY (holder, member)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_member ON members (member, holder);

CREATE TABLE mfa_devices (
	name             TEXT PRIMARY KEY,
	path             TEXT NOT NULL,
	user             TEXT NOT NULL, -- '' until it is enabled
	seed             TEXT NOT NULL, -- base 32
	created_ms       INTEGER NOT NULL,
	enabled_ms       INTEGER NOT NULL,
	last_step        INTEGER NOT NULL, -- of the last code taken: each is good once
	failures         INTEGER NOT NULL, -- in a row
	blocked_until_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX mfa_devices_user ON mfa_devices (user) WHERE user <> '';

CREATE TABLE logins (
	user       TEXT PRIMARY KEY,
	hash       TEXT NOT NULL, -- argon2id, encoded
	reset      INTEGER NOT NULL CHECK (reset IN (0, 1)),
	created_ms INTEGER NOT NULL,
	used_ms    INTEGER NOT NULL
) STRICT;

CREATE TABLE oidc_providers (
	url              TEXT PRIMARY KEY, -- without https://
	clients_json     TEXT NOT NULL,
	thumbprints_json TEXT NOT NULL,
	created_ms       INTEGER NOT NULL
) STRICT;

-- By id, so that neither a new name nor a new path lets anybody out: of a user or role, of a
-- role session ('AROA...:name'), or of a node.
CREATE TABLE locks (
	id         TEXT PRIMARY KEY,
	arn        TEXT NOT NULL,
	reason     TEXT NOT NULL,
	by_arn     TEXT NOT NULL,
	created_ms INTEGER NOT NULL
) STRICT;

-- Keys of role sessions, and what temporary ones of any kind were given for.
CREATE TABLE access_keys_4 (
	access_key   TEXT PRIMARY KEY,
	secret       TEXT NOT NULL,
	kind         INTEGER NOT NULL CHECK (kind IN (1, 2, 3)),
	owner        TEXT NOT NULL,
	token_sha256 TEXT NOT NULL,
	session_json TEXT NOT NULL,
	active       INTEGER NOT NULL CHECK (active IN (0, 1)),
	created_ms   INTEGER NOT NULL,
	expires_ms   INTEGER NOT NULL
) STRICT;
INSERT INTO access_keys_4 SELECT access_key, secret, kind, owner, token_sha256, '', active,
	created_ms, expires_ms FROM access_keys;
DROP TABLE access_keys;
ALTER TABLE access_keys_4 RENAME TO access_keys;
CREATE INDEX access_keys_owner ON access_keys (kind, owner);
CREATE INDEX access_keys_expiry ON access_keys (expires_ms) WHERE expires_ms <> 0;
