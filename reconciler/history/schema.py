"""The tables of the history database, and how an older database becomes today's.

A migration is a list of statements that is never edited once released: a change is a new entry at the end.
``PRAGMA user_version`` counts the migrations that a database has seen. Times are seconds since the epoch,
documents are the JSON they were built from.
"""

from __future__ import annotations

from collections.abc import Sequence

MIGRATIONS: Sequence[Sequence[str]] = (
    (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
        """CREATE TABLE documents (
            name TEXT PRIMARY KEY,
            generation INTEGER NOT NULL DEFAULT 0,
            held TEXT NOT NULL DEFAULT '',
            suspended_by TEXT,
            suspended_reason TEXT,
            suspended_until REAL,
            failures INTEGER NOT NULL DEFAULT 0,
            retry_at REAL NOT NULL DEFAULT 0,
            last_error TEXT NOT NULL DEFAULT ''
        ) STRICT""",
        """CREATE TABLE revisions (
            document TEXT NOT NULL REFERENCES documents (name),
            fingerprint TEXT NOT NULL,
            body TEXT NOT NULL,
            PRIMARY KEY (document, fingerprint)
        ) STRICT""",
        # An image is verified before its revision is journalled: so no reference to revisions.
        """CREATE TABLE images (
            document TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            image_id TEXT NOT NULL DEFAULT '',
            collected INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (document, fingerprint)
        ) STRICT""",
        """CREATE TABLE operations (
            document TEXT NOT NULL,
            generation INTEGER NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('deploy', 'rollback', 'heal', 'adopt')),
            fingerprint TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('intent', 'committed', 'undone')),
            container_id TEXT NOT NULL DEFAULT '',
            image_id TEXT NOT NULL DEFAULT '',
            failure TEXT NOT NULL DEFAULT '',
            quarantine INTEGER NOT NULL DEFAULT 0,
            restored INTEGER NOT NULL DEFAULT 0,
            actor TEXT NOT NULL,
            cause TEXT NOT NULL,
            started_at REAL NOT NULL,
            ended_at REAL NOT NULL DEFAULT 0,
            PRIMARY KEY (document, generation),
            FOREIGN KEY (document, fingerprint) REFERENCES revisions (document, fingerprint)
        ) STRICT""",
        "CREATE INDEX operations_by_revision ON operations (document, fingerprint, state)",
        """CREATE TABLE quarantine (
            document TEXT NOT NULL REFERENCES documents (name),
            fingerprint TEXT NOT NULL,
            reason TEXT NOT NULL,
            since REAL NOT NULL,
            PRIMARY KEY (document, fingerprint)
        ) STRICT""",
        """CREATE TABLE heals (
            id INTEGER PRIMARY KEY,
            document TEXT NOT NULL REFERENCES documents (name),
            at REAL NOT NULL,
            cause TEXT NOT NULL
        ) STRICT""",
        "CREATE INDEX heals_by_document ON heals (document, id)",
        """CREATE TABLE events (
            id INTEGER PRIMARY KEY,
            document TEXT NOT NULL,
            at REAL NOT NULL,
            action TEXT NOT NULL,
            target TEXT NOT NULL,
            cause TEXT NOT NULL,
            outcome TEXT NOT NULL,
            detail TEXT NOT NULL,
            actor TEXT NOT NULL,
            generation INTEGER NOT NULL
        ) STRICT""",
        "CREATE INDEX events_by_document ON events (document, id)",
        """CREATE TABLE accepted (
            file TEXT NOT NULL,
            position INTEGER NOT NULL,
            line INTEGER NOT NULL,
            body TEXT NOT NULL,
            PRIMARY KEY (file, position)
        ) STRICT""",
        "CREATE TABLE sync (document TEXT PRIMARY KEY, sync TEXT NOT NULL, since REAL NOT NULL) STRICT",
    ),
    # A JSON object: what Compose put on the containers of a project's services.
    ("ALTER TABLE operations ADD COLUMN config_hashes TEXT NOT NULL DEFAULT '{}'",),
    # The newest run of each hook of each revision since a release was last committed.
    (
        """CREATE TABLE hooks (
            document TEXT NOT NULL REFERENCES documents (name),
            fingerprint TEXT NOT NULL,
            hook TEXT NOT NULL CHECK (hook IN ('preDeploy', 'postDeploy', 'preRollback')),
            wish TEXT NOT NULL,
            generation INTEGER NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('begun', 'done', 'not-now', 'failed')),
            began_at REAL NOT NULL,
            ended_at REAL NOT NULL DEFAULT 0,
            PRIMARY KEY (document, fingerprint, hook)
        ) STRICT""",
    ),
    # Images that an operator lets run without the signature that the host's policy wants.
    (
        """CREATE TABLE allowances (
            document TEXT NOT NULL REFERENCES documents (name),
            image TEXT NOT NULL,
            actor TEXT NOT NULL,
            reason TEXT NOT NULL,
            at REAL NOT NULL,
            PRIMARY KEY (document, image)
        ) STRICT""",
    ),
    # What each channel of notifications was told last of each subject.
    (
        """CREATE TABLE told (
            channel TEXT NOT NULL,
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            condition TEXT NOT NULL,
            mark TEXT NOT NULL,
            number INTEGER NOT NULL,
            at REAL NOT NULL,
            since REAL NOT NULL,
            PRIMARY KEY (channel, kind, name)
        ) STRICT""",
    ),
)

VERSION = len(MIGRATIONS)
