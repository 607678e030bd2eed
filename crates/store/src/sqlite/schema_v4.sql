-- What carriers need: gateways, allowances, lanes, and what is not known yet.

ALTER TABLE message ADD COLUMN error TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN tried TEXT NOT NULL DEFAULT ''; -- gateways, one a line

-- The outbox by lane: what waits for one sender and purpose is found without reading past the others.
CREATE INDEX message_lane ON message (workspace, sender, purpose, due_at, enrollment, step_index, visit)
  WHERE state = 1;

-- Answers that were lost, by where they went: a receipt without a known id finds its message here.
CREATE INDEX message_unknown ON message (gateway, address, enrollment, step_index, visit) WHERE state = 8;

ALTER TABLE orphan_receipt ADD COLUMN address TEXT NOT NULL DEFAULT '';
CREATE INDEX orphan_receipt_by_address ON orphan_receipt (gateway, address) WHERE address <> '';

CREATE TABLE gateway (
  workspace  INTEGER REFERENCES workspace, -- NULL: the operator's
  id         TEXT NOT NULL,
  kind       TEXT NOT NULL,
  settings   TEXT NOT NULL,    -- JSON, without secrets
  secrets    BLOB NOT NULL,    -- sealed
  standing   TEXT NOT NULL,    -- active, paused, draining
  revision   INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
-- As a number, because no two NULLs are the same to an index.
CREATE UNIQUE INDEX gateway_by_id ON gateway (ifnull(workspace, -1), id);

-- How much of an allowance that outlives a start was used: parts of a brand at a carrier in a day.
CREATE TABLE allowance (
  period     INTEGER NOT NULL, -- when it began; first, because old ones are forgotten
  scope      TEXT NOT NULL,
  used       INTEGER NOT NULL,
  PRIMARY KEY (period, scope)
) STRICT, WITHOUT ROWID;
