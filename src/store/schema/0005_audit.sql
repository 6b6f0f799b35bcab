-- SPDX-License-Identifier: Apache-2.0
-- The audit trail.  A row is an event as CloudTrail writes it and its place in the hash
-- chain (proto/audit.h).  The other columns repeat what the event says, so that it is found;
-- they are read nowhere else, and verifying compares them.

CREATE TABLE audit_events (
	seq          INTEGER PRIMARY KEY,
	event        TEXT NOT NULL,
	hash         TEXT NOT NULL,
	time_s       INTEGER NOT NULL,
	event_id     TEXT NOT NULL,
	event_name   TEXT NOT NULL,
	event_source TEXT NOT NULL,
	access_key   TEXT NOT NULL,
	read_only    INTEGER NOT NULL,
	username     TEXT NOT NULL -- the user's, or that of the session of a role
) STRICT;
CREATE INDEX audit_events_time ON audit_events (time_s);
CREATE INDEX audit_events_id ON audit_events (event_id);
CREATE INDEX audit_events_name ON audit_events (event_name, time_s);
CREATE INDEX audit_events_source ON audit_events (event_source, time_s);
CREATE INDEX audit_events_key ON audit_events (access_key, time_s);
CREATE INDEX audit_events_read_only ON audit_events (read_only, time_s);
CREATE INDEX audit_events_username ON audit_events (username, time_s);

-- The resources that events name, for finding them.
CREATE TABLE audit_resources (
	seq    INTEGER NOT NULL,
	type   TEXT NOT NULL,
	name   TEXT NOT NULL,
	time_s INTEGER NOT NULL,
	PRIMARY KEY (seq, type, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_resources_name ON audit_resources (name, time_s);
CREATE INDEX audit_resources_type ON audit_resources (type, time_s);

-- Signed places in the chain: its head, its checkpoints, and the last event that retention
-- removed.
CREATE TABLE audit_marks (
	kind      TEXT NOT NULL CHECK (kind IN ('head', 'checkpoint', 'base')),
	seq       INTEGER NOT NULL,
	hash      TEXT NOT NULL,
	time_ms   INTEGER NOT NULL,
	signature TEXT NOT NULL,
	PRIMARY KEY (kind, seq)
) STRICT, WITHOUT ROWID;
