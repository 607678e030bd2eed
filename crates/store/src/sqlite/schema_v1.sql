-- Instants are milliseconds since 1970, ids are numbers, codes of messages stand in message.rs.

CREATE TABLE meta (
  name  TEXT NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES
  ('run', 0), ('next_contact', 1), ('next_enrollment', 1), ('next_seq', 1),
  ('last_decision', 0), ('last_orphan', 0);

CREATE TABLE workspace (
  id         INTEGER NOT NULL PRIMARY KEY,
  slug       TEXT NOT NULL UNIQUE,
  revision   INTEGER NOT NULL,
  definition TEXT NOT NULL,
  seed       INTEGER NOT NULL
) STRICT;

CREATE TABLE segment (
  workspace  INTEGER NOT NULL REFERENCES workspace,
  slug       TEXT NOT NULL,
  definition TEXT NOT NULL,
  PRIMARY KEY (workspace, slug)
) STRICT, WITHOUT ROWID;

CREATE TABLE journey_version (
  workspace    INTEGER NOT NULL REFERENCES workspace,
  journey      INTEGER NOT NULL,
  version      INTEGER NOT NULL,
  slug         TEXT NOT NULL,
  definition   TEXT NOT NULL,
  published_at INTEGER NOT NULL,
  PRIMARY KEY (workspace, journey, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE journey_live (
  workspace INTEGER NOT NULL,
  journey   INTEGER NOT NULL,
  version   INTEGER NOT NULL,
  PRIMARY KEY (workspace, journey),
  FOREIGN KEY (workspace, journey, version) REFERENCES journey_version
) STRICT, WITHOUT ROWID;

-- What people search by. Changes seldom.
CREATE TABLE contact (
  contact     INTEGER NOT NULL PRIMARY KEY,
  workspace   INTEGER NOT NULL,
  external_id TEXT,
  phone       TEXT,
  email       TEXT,
  attributes  TEXT NOT NULL,
  created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX contact_by_workspace ON contact (workspace, contact);
CREATE INDEX contact_by_phone ON contact (workspace, phone, contact) WHERE phone IS NOT NULL;

-- What the engine knows. Changes with every input, so it is small and has one index only.
CREATE TABLE contact_state (
  contact         INTEGER NOT NULL PRIMARY KEY REFERENCES contact,
  version         INTEGER NOT NULL,
  body            BLOB NOT NULL,
  wake_due        INTEGER,
  wake_enrollment INTEGER,
  last_decision   INTEGER
) STRICT;
CREATE INDEX contact_state_wake ON contact_state (wake_due, wake_enrollment, contact)
  WHERE wake_due IS NOT NULL;

CREATE TABLE identity (
  workspace INTEGER NOT NULL,
  kind      INTEGER NOT NULL,
  value     TEXT NOT NULL,
  contact   INTEGER NOT NULL,
  PRIMARY KEY (workspace, kind, value)
) STRICT, WITHOUT ROWID;

-- Ids of inputs that were taken, forgotten by whole periods.
CREATE TABLE input_id (
  generation INTEGER NOT NULL,
  workspace  INTEGER NOT NULL,
  id         BLOB NOT NULL,
  PRIMARY KEY (generation, workspace, id)
) STRICT, WITHOUT ROWID;

-- The history. A contact's inputs are a chain by `previous`: an index would cost a page for each input.
CREATE TABLE input (
  seq         INTEGER NOT NULL PRIMARY KEY,
  workspace   INTEGER NOT NULL,
  contact     INTEGER NOT NULL,
  previous    INTEGER,
  at          INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  kind        TEXT NOT NULL,
  name        TEXT NOT NULL,
  body        TEXT NOT NULL
) STRICT;

CREATE TABLE enrollment (
  id         INTEGER NOT NULL PRIMARY KEY,
  workspace  INTEGER NOT NULL,
  contact    INTEGER NOT NULL,
  journey    INTEGER NOT NULL,
  version    INTEGER NOT NULL,
  key        TEXT NOT NULL,
  entered_at INTEGER NOT NULL,
  left_at    INTEGER,
  exit       TEXT NOT NULL
) STRICT;
CREATE INDEX enrollment_by_contact ON enrollment (contact);
CREATE INDEX enrollment_by_journey ON enrollment (workspace, journey);
CREATE INDEX enrollment_active ON enrollment (workspace, journey) WHERE left_at IS NULL;

CREATE TABLE message (
  enrollment    INTEGER NOT NULL,
  step_index    INTEGER NOT NULL,
  visit         INTEGER NOT NULL,
  workspace     INTEGER NOT NULL,
  contact       INTEGER NOT NULL,
  journey       INTEGER NOT NULL,
  version       INTEGER NOT NULL,
  step          TEXT NOT NULL,
  variant       TEXT NOT NULL,
  purpose       TEXT NOT NULL,
  channel       TEXT NOT NULL,
  sender        TEXT NOT NULL,
  gateway       TEXT NOT NULL,
  address       TEXT NOT NULL,
  state         INTEGER NOT NULL,
  reason        TEXT NOT NULL,
  intended_at   INTEGER NOT NULL,
  due_at        INTEGER NOT NULL,
  handed_out_at INTEGER,
  attempts      INTEGER NOT NULL,
  run           INTEGER NOT NULL,
  parts         INTEGER NOT NULL,
  text          TEXT NOT NULL,
  gateway_ref   TEXT,
  PRIMARY KEY (enrollment, step_index, visit)
) STRICT, WITHOUT ROWID;
CREATE INDEX message_queued ON message (due_at, enrollment, step_index, visit) WHERE state = 1;
CREATE INDEX message_submitting ON message (run, enrollment, step_index, visit) WHERE state = 2;
CREATE INDEX message_by_ref ON message (gateway_ref, gateway) WHERE gateway_ref IS NOT NULL;
CREATE INDEX message_by_contact ON message (contact);
CREATE INDEX message_by_journey ON message (workspace, journey);
CREATE INDEX message_by_intent ON message (intended_at);

CREATE TABLE call (
  workspace  INTEGER NOT NULL,
  enrollment INTEGER NOT NULL,
  step_index INTEGER NOT NULL,
  visit      INTEGER NOT NULL,
  contact    INTEGER NOT NULL,
  due_at     INTEGER NOT NULL,
  deadline   INTEGER NOT NULL,
  method     TEXT NOT NULL,
  url        TEXT NOT NULL,
  headers    TEXT NOT NULL,
  body       TEXT NOT NULL,
  PRIMARY KEY (workspace, enrollment, step_index, visit)
) STRICT, WITHOUT ROWID;
CREATE INDEX call_due ON call (due_at, enrollment, step_index, visit, workspace);

-- A contact's decisions are a chain by `previous` that begins at contact_state.last_decision.
CREATE TABLE decision (
  id                 INTEGER NOT NULL PRIMARY KEY,
  workspace          INTEGER NOT NULL,
  contact            INTEGER NOT NULL,
  previous           INTEGER,
  at                 INTEGER NOT NULL,
  what               TEXT NOT NULL,
  reason             TEXT NOT NULL,
  journey            INTEGER,
  version            INTEGER NOT NULL,
  enrollment         INTEGER,
  step               INTEGER,
  variant            TEXT NOT NULL,
  message_enrollment INTEGER,
  message_step       INTEGER,
  message_visit      INTEGER,
  until              INTEGER,
  detail             TEXT NOT NULL
) STRICT;
CREATE INDEX decision_by_journey ON decision (workspace, journey) WHERE journey IS NOT NULL;

CREATE TABLE counter (
  workspace INTEGER NOT NULL,
  journey   INTEGER NOT NULL,
  hour      INTEGER NOT NULL,
  version   INTEGER NOT NULL,
  step      INTEGER NOT NULL, -- -1: the journey as a whole
  variant   TEXT NOT NULL,
  what      TEXT NOT NULL,
  value     INTEGER NOT NULL,
  PRIMARY KEY (workspace, journey, hour, version, step, variant, what)
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letter (
  workspace INTEGER NOT NULL,
  id        INTEGER NOT NULL,
  at        INTEGER NOT NULL,
  contact   INTEGER,
  reason    TEXT NOT NULL,
  input     TEXT NOT NULL,
  attempts  INTEGER NOT NULL,
  PRIMARY KEY (workspace, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE orphan_receipt (
  id          INTEGER NOT NULL PRIMARY KEY,
  gateway     TEXT NOT NULL,
  gateway_ref TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  receipt     TEXT NOT NULL
) STRICT;
CREATE INDEX orphan_receipt_by_ref ON orphan_receipt (gateway, gateway_ref);

CREATE TABLE sweep (
  workspace INTEGER NOT NULL,
  journey   INTEGER NOT NULL,
  fire_at   INTEGER NOT NULL,
  after     INTEGER,
  done      INTEGER NOT NULL,
  PRIMARY KEY (workspace, journey)
) STRICT, WITHOUT ROWID;
