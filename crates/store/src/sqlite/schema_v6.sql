-- Attempts that a carrier put off do not count towards the most there may be.

ALTER TABLE message ADD COLUMN put_off INTEGER NOT NULL DEFAULT 0;
