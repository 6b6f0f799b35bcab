-- SPDX-License-Identifier: Apache-2.0
-- The number of the last event of a session that its agent reported and the audit trail has:
-- what an agent repeats is not recorded twice.

ALTER TABLE sessions ADD COLUMN reported INTEGER NOT NULL DEFAULT 0;
