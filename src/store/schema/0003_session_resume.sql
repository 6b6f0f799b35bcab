-- SPDX-License-Identifier: Apache-2.0
-- SHA-256 of the secret with which our client comes back, and of the one before, which is
-- good until the newer one was seen to arrive.

ALTER TABLE sessions ADD COLUMN resume_sha256 TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN resume_prev_sha256 TEXT NOT NULL DEFAULT '';
