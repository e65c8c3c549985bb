-- Accounts, their devices and chains, records, receipts. Times are milliseconds since 1970; hashes and ids are raw bytes.

CREATE TABLE accounts (
    account  BLOB PRIMARY KEY,           -- hash of the genesis link
    seq      INTEGER NOT NULL DEFAULT 0, -- number of the newest change in `records`
    records  INTEGER NOT NULL DEFAULT 0, -- records that are there, pending ones not counted
    pending  INTEGER NOT NULL DEFAULT 0, -- submissions that no device has decided on
    bytes    INTEGER NOT NULL DEFAULT 0, -- sealed content, uploaded or published
    deleting INTEGER NOT NULL DEFAULT 0  -- 1: gone for everyone; the sweep removes what is left
) STRICT, WITHOUT ROWID;

CREATE INDEX accounts_deleting ON accounts (account) WHERE deleting = 1;

CREATE TABLE links (
    account BLOB NOT NULL REFERENCES accounts ON DELETE CASCADE,
    seq     INTEGER NOT NULL,
    hash    BLOB NOT NULL,
    link    BLOB NOT NULL, -- a SignedLink, byte for byte as it came
    PRIMARY KEY (account, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
    account BLOB NOT NULL REFERENCES accounts ON DELETE CASCADE,
    device  BLOB NOT NULL,
    signing BLOB NOT NULL, -- Ed25519 public key, from the chain
    PRIMARY KEY (account, device)
) STRICT, WITHOUT ROWID;

CREATE TABLE wraps (
    account BLOB NOT NULL REFERENCES accounts ON DELETE CASCADE,
    device  BLOB NOT NULL,
    epoch   INTEGER NOT NULL,
    wrap    BLOB NOT NULL, -- the account seed, sealed to the device
    PRIMARY KEY (account, device, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE head_statements (
    account   BLOB PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
    at        INTEGER NOT NULL,
    statement BLOB NOT NULL,
    signature BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
    hash    BLOB PRIMARY KEY, -- SHA-256 of the token: a copy of this file signs nobody in
    account BLOB NOT NULL REFERENCES accounts ON DELETE CASCADE,
    device  BLOB NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_expiry ON tokens (expires);
CREATE INDEX tokens_by_device ON tokens (account, device, expires);

-- One row for each record id that ever was: its newest version, or its deletion.
CREATE TABLE records (
    account  BLOB NOT NULL REFERENCES accounts ON DELETE CASCADE,
    record   BLOB NOT NULL,
    seq      INTEGER NOT NULL,
    state    INTEGER NOT NULL, -- 1 by a device, 2 pending, 3 deleted
    version  INTEGER NOT NULL,
    h0       BLOB NOT NULL,
    h1       BLOB NOT NULL,
    body     BLOB NOT NULL,    -- an Envelope, or a Signed Deletion
    PRIMARY KEY (account, record)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX records_by_seq ON records (account, seq);

-- The row is there before its file, and the file is gone before its row: no file is ever without a row.
CREATE TABLE contents (
    file    BLOB PRIMARY KEY, -- random; the name under blobs/
    account BLOB NOT NULL REFERENCES accounts ON DELETE CASCADE,
    h0      BLOB NOT NULL,
    writer  INTEGER NOT NULL, -- 1: uploaded by a writer, who is not of the account
    state   INTEGER NOT NULL, -- 0 leaving, 1 arriving, 2 complete, 3 published
    begun   INTEGER NOT NULL,
    bytes   INTEGER NOT NULL DEFAULT 0,
    root    BLOB              -- Merkle root over its chunks, once complete
) STRICT, WITHOUT ROWID;
CREATE INDEX contents_by_h0 ON contents (account, h0, state);
CREATE INDEX contents_by_state ON contents (state, begun);
CREATE INDEX contents_of_writers ON contents (account, bytes) WHERE writer = 1;

-- What must go from the blobs and from shares.db, written in the transaction that made it unreachable.
CREATE TABLE doomed (
    account BLOB NOT NULL,
    h0      BLOB NOT NULL,
    record  BLOB NOT NULL,
    due     INTEGER NOT NULL,
    PRIMARY KEY (account, h0)
) STRICT, WITHOUT ROWID;
CREATE INDEX doomed_by_due ON doomed (due);

-- Every server share of a record that was given out, written before it was.
CREATE TABLE releases (
    id      INTEGER PRIMARY KEY,
    account BLOB NOT NULL REFERENCES accounts ON DELETE CASCADE,
    device  BLOB NOT NULL,
    record  BLOB NOT NULL,
    version INTEGER NOT NULL,
    at      INTEGER NOT NULL
) STRICT;
CREATE INDEX releases_by_account ON releases (account);
CREATE INDEX releases_by_time ON releases (at);

-- The audit trail of sessions; outlives them.
CREATE TABLE receipts (
    session BLOB NOT NULL,
    seq     INTEGER NOT NULL,
    account BLOB NOT NULL REFERENCES accounts ON DELETE CASCADE,
    hash    BLOB NOT NULL,
    kind    INTEGER NOT NULL, -- the number of its Event
    at      INTEGER NOT NULL,
    body    BLOB NOT NULL,    -- a Receipt
    PRIMARY KEY (session, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX receipts_by_account ON receipts (account);

-- The viewer's counter: one row for each number that was used.
CREATE TABLE requests (
    session BLOB NOT NULL,
    counter INTEGER NOT NULL,
    account BLOB NOT NULL REFERENCES accounts ON DELETE CASCADE,
    unit    BLOB NOT NULL,
    digest  BLOB NOT NULL,    -- SHA-256 of the signed request
    seq     INTEGER NOT NULL, -- of its receipt; -1 when it left none
    opened  INTEGER NOT NULL, -- 1 opened, 0 refused as not granted
    at      INTEGER NOT NULL,
    PRIMARY KEY (session, counter)
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_by_account ON requests (account);
