-- Facts about this installation: hash_seed.
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value NOT NULL
) WITHOUT ROWID;

-- AUTOINCREMENT: the number of a deleted session is never used again, so that nothing left behind can be taken for its own.
CREATE TABLE sessions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    entry_point TEXT NOT NULL,
    build_id TEXT NOT NULL,
    code_dir TEXT NOT NULL,
    cwd TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    event_id TEXT,
    python TEXT NOT NULL,
    waiting_for TEXT NOT NULL DEFAULT '',
    result TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    parent TEXT NOT NULL DEFAULT '',
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    lease_pid INTEGER,
    lease_started TEXT
);

CREATE UNIQUE INDEX sessions_by_event ON sessions (project, entry_point, event_id) WHERE event_id IS NOT NULL;

-- id is session number * 2^32 + seq: a session's rows lie side by side and need no second index.
CREATE TABLE rows (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    data BLOB NOT NULL
);

-- id is session number * 2^32 + number of the line.
CREATE TABLE lines (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    stream TEXT NOT NULL,
    level TEXT NOT NULL,
    text TEXT NOT NULL,
    lane TEXT NOT NULL
);

CREATE TABLE project_values (
    project TEXT NOT NULL,
    key TEXT NOT NULL,
    data BLOB NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (project, key)
);

-- The last version given to any value; versions never repeat, also not after a delete.
CREATE TABLE value_version (
    last INTEGER NOT NULL
);

INSERT INTO value_version (last) VALUES (0);

CREATE TABLE blob_references (
    session INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (session, sha256)
) WITHOUT ROWID;

CREATE INDEX blob_references_by_sha256 ON blob_references (sha256);

-- Blobs whose last reference may be gone; their files are removed under the write lock, after another look.
CREATE TABLE blob_garbage (
    sha256 TEXT PRIMARY KEY
) WITHOUT ROWID;
