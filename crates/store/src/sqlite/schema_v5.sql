-- Texts of people, and parts of them, kept as they came until something is known.

CREATE TABLE kept_text (
  why        TEXT NOT NULL,    -- unanswered, part, unclaimed
  gateway    TEXT NOT NULL,
  key        TEXT NOT NULL,
  came_at    INTEGER NOT NULL,
  body       TEXT NOT NULL,    -- JSON
  PRIMARY KEY (why, gateway, key)
) STRICT, WITHOUT ROWID;
-- Those of one gateway in order of time, and the oldest of all.
CREATE INDEX kept_text_of_gateway ON kept_text (why, gateway, came_at, key);
CREATE INDEX kept_text_by_time ON kept_text (why, came_at, gateway, key);
