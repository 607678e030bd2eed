-- What the program that serves people keeps: keys, answers, drafts, pauses, searches, totals.

CREATE TABLE api_key (
  id         INTEGER NOT NULL PRIMARY KEY,
  workspace  INTEGER REFERENCES workspace, -- NULL: the operator's
  name       TEXT NOT NULL,
  scopes     TEXT NOT NULL,
  hash       BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT;
CREATE INDEX api_key_by_workspace ON api_key (workspace, id);

-- Answers may be long, so they stand outside the index.
CREATE TABLE idempotency (
  key         INTEGER NOT NULL,
  token       TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  at          INTEGER NOT NULL,
  status      INTEGER NOT NULL,
  body        TEXT NOT NULL,
  PRIMARY KEY (key, token)
) STRICT;
CREATE INDEX idempotency_by_time ON idempotency (at, key, token);

CREATE TABLE draft (
  workspace  INTEGER NOT NULL REFERENCES workspace,
  slug       TEXT NOT NULL,
  text       TEXT NOT NULL,
  updated_at INTEGER NOT NULL,
  author     TEXT NOT NULL,
  revision   INTEGER NOT NULL,
  PRIMARY KEY (workspace, slug)
) STRICT;

CREATE TABLE journey_paused (
  workspace INTEGER NOT NULL,
  journey   INTEGER NOT NULL,
  PRIMARY KEY (workspace, journey)
) STRICT, WITHOUT ROWID;

CREATE INDEX contact_by_email ON contact (workspace, lower(email), contact) WHERE email IS NOT NULL;

-- By workspace first: lists of a workspace need it so, retention can do with either, and one index is enough.
DROP INDEX message_by_intent;
CREATE INDEX message_by_intent ON message (workspace, intended_at);

-- The sum of `counter` over hours, versions, steps and variants, kept in the same commits.
CREATE TABLE journey_total (
  workspace INTEGER NOT NULL,
  journey   INTEGER NOT NULL,
  what      TEXT NOT NULL,
  value     INTEGER NOT NULL,
  PRIMARY KEY (workspace, journey, what)
) STRICT, WITHOUT ROWID;
INSERT INTO journey_total (workspace, journey, what, value)
  SELECT workspace, journey, what, sum(value) FROM counter GROUP BY workspace, journey, what;

-- Absent while there is nothing: any number is an instant.
INSERT INTO meta (name, value)
  SELECT 'last_instant', at FROM (
    SELECT max(at) AS at FROM (
      SELECT max(received_at) AS at FROM input
      UNION ALL SELECT max(at) FROM decision
      UNION ALL SELECT max(intended_at) FROM message
      UNION ALL SELECT max(handed_out_at) FROM message
      UNION ALL SELECT max(at) FROM dead_letter))
  WHERE at IS NOT NULL;
