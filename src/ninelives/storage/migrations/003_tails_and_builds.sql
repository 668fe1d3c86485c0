-- What is known of a session's tail. Transactions of the session so far: each frame says how many there were before it.
ALTER TABLE sessions ADD COLUMN commits INTEGER NOT NULL DEFAULT 0;

-- The value of commits since which it has the tail that it has; 0: it has none.
ALTER TABLE sessions ADD COLUMN tail_begun INTEGER NOT NULL DEFAULT 0;

-- Number of the last frame that is in the database, and of the last one that was on disk then.
ALTER TABLE sessions ADD COLUMN tail_stored INTEGER NOT NULL DEFAULT 0;

ALTER TABLE sessions ADD COLUMN tail_synced INTEGER NOT NULL DEFAULT 0;

-- A build is removed with the last session on it.
CREATE INDEX sessions_by_build ON sessions (build_id);
