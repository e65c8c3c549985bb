-- Live sessions and the tombstones of ended ones. Never backed up: what an end destroys must not come back.

CREATE TABLE sessions (
    session    BLOB PRIMARY KEY,
    account    BLOB NOT NULL,
    device     BLOB NOT NULL,
    mailbox    BLOB NOT NULL,
    viewer     BLOB NOT NULL,    -- the viewer's Ed25519 public key
    transcript BLOB NOT NULL,
    seq        INTEGER NOT NULL, -- of the newest Terms
    terms      BLOB NOT NULL,    -- hash of the newest Terms
    units      INTEGER NOT NULL, -- how many all Terms list
    budget     INTEGER NOT NULL,
    rate       INTEGER NOT NULL,
    issued     INTEGER NOT NULL, -- as the first Terms say
    granted    INTEGER NOT NULL, -- when, by this server's clock
    expires    INTEGER NOT NULL,
    ended      INTEGER,          -- when; NULL while it lives
    reason     TEXT,             -- the slug that everyone is told from then on
    statement  BLOB,             -- the signed End, if somebody signed one
    signature  BLOB,
    destroyed  INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_account ON sessions (account);
CREATE INDEX sessions_by_expiry ON sessions (expires) WHERE ended IS NULL;
CREATE INDEX sessions_half_destroyed ON sessions (session) WHERE ended IS NOT NULL AND destroyed = 0;
CREATE INDEX sessions_by_end ON sessions (ended) WHERE ended IS NOT NULL;

CREATE TABLE units (
    session  BLOB NOT NULL REFERENCES sessions ON DELETE CASCADE,
    unit     BLOB NOT NULL,
    terms    BLOB NOT NULL, -- hash of the Terms that listed it
    blob     BLOB,          -- h0 of the record version whose own ciphertext is lent; NULL for a sealed unit
    salt     BLOB,          -- of the sealing that was uploaded; NULL until then
    envelope BLOB,
    file     BLOB,
    bytes    INTEGER,
    PRIMARY KEY (session, unit)
) STRICT, WITHOUT ROWID;

CREATE TABLE unit_shares (
    session BLOB NOT NULL REFERENCES sessions ON DELETE CASCADE,
    unit    BLOB NOT NULL,
    salt    BLOB NOT NULL,
    kid     INTEGER NOT NULL,
    r       BLOB NOT NULL,
    PRIMARY KEY (session, unit, salt)
) STRICT, WITHOUT ROWID;

-- As with contents: the row before the file, the file gone before the row.
CREATE TABLE unit_files (
    file    BLOB PRIMARY KEY, -- random; the name under session-blobs/
    session BLOB NOT NULL REFERENCES sessions ON DELETE CASCADE,
    unit    BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX unit_files_by_session ON unit_files (session);

-- Mailboxes of live sessions while the server restarts: written by the drain, taken back and removed by the next start.
CREATE TABLE kept_mailboxes (
    session BLOB PRIMARY KEY REFERENCES sessions ON DELETE CASCADE,
    body    BLOB NOT NULL -- messages are ciphertext between the two ends
) STRICT, WITHOUT ROWID;

-- The latest time that this server saw, in one row: a clock that is set back while it is down must not lengthen a session.
CREATE TABLE clock (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    seen INTEGER NOT NULL
) STRICT;
