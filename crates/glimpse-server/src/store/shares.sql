-- The random r of each record version's server share, and nothing else. Erasing a row deletes the version from every copy
-- of its ciphertext, so this file has a backup of its own with a short retention.

CREATE TABLE record_shares (
    account  BLOB NOT NULL,
    h0       BLOB NOT NULL,
    record   BLOB NOT NULL,
    version  INTEGER NOT NULL,
    kid      INTEGER NOT NULL,
    r        BLOB NOT NULL,
    reserved INTEGER,          -- until when it may stay without a published version; NULL once there is one
    PRIMARY KEY (account, h0)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_shares_by_reservation ON record_shares (reserved) WHERE reserved IS NOT NULL;
