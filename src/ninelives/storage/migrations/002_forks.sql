-- Of a fork: the session that it was forked from (which may be deleted since), and the seq of the last entry they share.
ALTER TABLE sessions ADD COLUMN forked_from TEXT NOT NULL DEFAULT '';

ALTER TABLE sessions ADD COLUMN forked_at INTEGER NOT NULL DEFAULT 0;
