-- The log of changes, and the newest word of a device on it.

-- One row for each change that ever was: a leaf of the log. Written in the transaction of the change; never altered.
CREATE TABLE changes (
    account BLOB NOT NULL REFERENCES accounts ON DELETE CASCADE,
    seq     INTEGER NOT NULL, -- 1, 2, 3, … without a gap
    record  BLOB NOT NULL,
    version INTEGER NOT NULL, -- of a deletion, the version that it removed
    h1      BLOB NOT NULL,    -- of a deletion, that of the version that it removed
    kind    INTEGER NOT NULL, -- 1 by a device, 2 by a writer, 3 deletion
    PRIMARY KEY (account, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoints (
    account   BLOB PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
    number    INTEGER NOT NULL,
    hash      BLOB NOT NULL,
    count     INTEGER NOT NULL,
    statement BLOB NOT NULL,
    signature BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- What replaced changes were is known of none from before this table. Those that are left are numbered anew, in their
-- order, and the log begins with them.
DROP INDEX records_by_seq;
UPDATE records SET seq = renumbered.place
FROM (SELECT account, record, row_number() OVER (PARTITION BY account ORDER BY seq) AS place FROM records) AS renumbered
WHERE records.account = renumbered.account AND records.record = renumbered.record;
CREATE UNIQUE INDEX records_by_seq ON records (account, seq);
UPDATE accounts SET seq = (SELECT count(*) FROM records WHERE records.account = accounts.account);
INSERT INTO changes (account, seq, record, version, h1, kind)
SELECT account, seq, record, version, h1, state FROM records;
