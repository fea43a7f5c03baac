"""The tables, the same for every engine."""

from __future__ import annotations

VERSION = 1
"""The version of the tables that this code reads and writes; there is one script of migration for each."""

_TABLES = """
CREATE TABLE owner (
  id TEXT PRIMARY KEY,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  beat REAL NOT NULL,
  newest REAL NOT NULL
) {keyed};

CREATE TABLE budget_window (
  id INTEGER PRIMARY KEY,
  budget TEXT NOT NULL,
  rule TEXT NOT NULL,
  scope TEXT NOT NULL,
  starts INTEGER NOT NULL,
  ends INTEGER,
  limit_nano INTEGER NOT NULL CHECK (limit_nano >= 0),
  cap INTEGER NOT NULL,
  alert INTEGER,
  alerted INTEGER NOT NULL DEFAULT 0,
  opening INTEGER NOT NULL DEFAULT 0,
  opening_overrun INTEGER NOT NULL DEFAULT 0,
  spent INTEGER NOT NULL DEFAULT 0 CHECK (spent >= 0),
  reserved INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  overrun INTEGER NOT NULL DEFAULT 0 CHECK (overrun >= 0),
  made REAL NOT NULL,
  UNIQUE (budget, rule, scope, starts),
  CHECK (spent + reserved <= cap + overrun)
) {strict};
CREATE INDEX window_first ON budget_window (budget, rule, made);

CREATE TABLE hold (
  id TEXT PRIMARY KEY,
  request TEXT NOT NULL,
  model TEXT NOT NULL,
  provider TEXT NOT NULL,
  tags TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount >= 0),
  state TEXT NOT NULL CHECK (state IN ('held', 'posted', 'void', 'expired')),
  owner TEXT NOT NULL,
  made REAL NOT NULL
) {keyed};
CREATE INDEX hold_live ON hold (owner) WHERE state = 'held';

CREATE TABLE hold_window (
  hold TEXT NOT NULL,
  window_id INTEGER NOT NULL,
  PRIMARY KEY (hold, window_id)
) {keyed};

CREATE TABLE entry (
  seq {serial},
  id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('post', 'void', 'expire', 'correct')),
  amount INTEGER NOT NULL CHECK (amount >= 0 OR kind = 'correct'),
  held INTEGER NOT NULL CHECK (held >= 0),
  overrun INTEGER NOT NULL CHECK (overrun >= 0),
  saved INTEGER NOT NULL CHECK (saved >= 0),
  priced INTEGER NOT NULL CHECK (priced IN (0, 1)),
  basis TEXT NOT NULL,
  request TEXT NOT NULL,
  retry INTEGER NOT NULL,
  path TEXT NOT NULL,
  call TEXT NOT NULL,
  name TEXT NOT NULL,
  model TEXT NOT NULL,
  served TEXT,
  provider TEXT NOT NULL,
  task_type TEXT,
  tags TEXT NOT NULL,
  labels TEXT NOT NULL,
  input_tokens INTEGER NOT NULL CHECK (input_tokens >= 0),
  output_tokens INTEGER NOT NULL CHECK (output_tokens >= 0),
  cached_tokens INTEGER NOT NULL CHECK (cached_tokens >= 0),
  reasoning_tokens INTEGER NOT NULL CHECK (reasoning_tokens >= 0),
  latency_s REAL NOT NULL,
  first_token_s REAL,
  error TEXT,
  status INTEGER,
  price TEXT NOT NULL,
  started_at REAL NOT NULL,
  made REAL NOT NULL,
  at REAL NOT NULL,
  UNIQUE (id, kind)
) {strict};
CREATE INDEX entry_made ON entry (made);
CREATE INDEX entry_request ON entry (request);

CREATE TABLE event (
  seq {serial},
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  payload TEXT NOT NULL,
  cause TEXT NOT NULL,
  owner TEXT NOT NULL,
  at REAL NOT NULL,
  UNIQUE (kind, key)
) {strict};
CREATE INDEX event_cause ON event (cause);
"""

_SQLITE_TRIGGERS = """
CREATE TRIGGER entry_fixed BEFORE UPDATE ON entry
  BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END;
CREATE TRIGGER entry_kept BEFORE DELETE ON entry
  WHEN NOT EXISTS (SELECT 1 FROM event WHERE kind = 'ledger.purge' AND CAST(key AS REAL) > OLD.made)
  BEGIN SELECT RAISE(ABORT, 'entries are never deleted'); END;
CREATE TRIGGER event_fixed BEFORE UPDATE ON event
  BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER event_kept BEFORE DELETE ON event
  BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
"""

_POSTGRES_TRIGGERS = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN RAISE EXCEPTION 'entries and events are never changed or deleted' USING ERRCODE = 'restrict_violation'; END $$;
CREATE FUNCTION refuse_unless_purged() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF EXISTS (
      SELECT 1 FROM orchestra.event WHERE kind = 'ledger.purge' AND CAST(key AS DOUBLE PRECISION) > OLD.made
    ) THEN
      RETURN OLD;
    END IF;
    RAISE EXCEPTION 'entries are never deleted' USING ERRCODE = 'restrict_violation';
  END $$;
CREATE TRIGGER entry_fixed BEFORE UPDATE ON entry FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER entry_kept BEFORE DELETE ON entry FOR EACH ROW EXECUTE FUNCTION refuse_unless_purged();
CREATE TRIGGER entry_whole BEFORE TRUNCATE ON entry EXECUTE FUNCTION refuse();
CREATE TRIGGER event_fixed BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER event_whole BEFORE TRUNCATE ON event EXECUTE FUNCTION refuse();
"""

SQLITE_MIGRATIONS: tuple[str, ...] = (
    _TABLES.format(strict="STRICT", keyed="STRICT, WITHOUT ROWID", serial="INTEGER PRIMARY KEY AUTOINCREMENT")
    + _SQLITE_TRIGGERS,
)

POSTGRES_MIGRATIONS: tuple[str, ...] = (
    _TABLES.format(strict="", keyed="", serial="INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY")
    .replace(" INTEGER", " BIGINT")
    .replace(" REAL", " DOUBLE PRECISION")
    + _POSTGRES_TRIGGERS,
)
