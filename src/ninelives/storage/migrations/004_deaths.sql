-- How often in a row a process that had the session died soon after it took it, with nothing new in the journal; the
-- last row that was there then, and when the session was taken last.
ALTER TABLE sessions ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0;

ALTER TABLE sessions ADD COLUMN deaths_at INTEGER NOT NULL DEFAULT 0;

ALTER TABLE sessions ADD COLUMN taken_at REAL NOT NULL DEFAULT 0;
