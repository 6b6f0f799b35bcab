-- SPDX-License-Identifier: Apache-2.0
-- Just-in-time access: who asked for which nodes, who agreed, and until when.

CREATE TABLE access_requests (
	id             TEXT PRIMARY KEY, -- oi-...
	requester_arn  TEXT NOT NULL,
	requester_id   TEXT NOT NULL,    -- aws:userid
	person         TEXT NOT NULL,    -- who that is, whatever the session is called
	reason         TEXT NOT NULL,
	targets_json   TEXT NOT NULL,    -- node ids
	minutes        INTEGER NOT NULL, -- of access, once it is approved
	status         TEXT NOT NULL CHECK (status IN ('Pending', 'Approved', 'Rejected', 'Revoked')),
	approvals_json TEXT NOT NULL,    -- [person, ARN, comment] of each that decided
	policy         TEXT NOT NULL,    -- what it allows; '' until it is approved
	created_ms     INTEGER NOT NULL,
	expires_ms     INTEGER NOT NULL  -- of the request, then of the access
) STRICT;
CREATE INDEX access_requests_newest ON access_requests (created_ms DESC, id DESC);

ALTER TABLE sessions ADD COLUMN access_request TEXT NOT NULL DEFAULT '';
