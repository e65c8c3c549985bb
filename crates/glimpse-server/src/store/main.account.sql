-- Chains of more than one link: devices that join and leave, names, recovery kits.

ALTER TABLE devices ADD COLUMN until   INTEGER;                     -- number of the link that took it out; NULL while it belongs
ALTER TABLE devices ADD COLUMN free_at INTEGER NOT NULL DEFAULT 0;  -- before this it is held back
ALTER TABLE devices ADD COLUMN sign_in INTEGER NOT NULL DEFAULT -1; -- highest counter of its sign-ins
ALTER TABLE devices ADD COLUMN request INTEGER NOT NULL DEFAULT -1; -- highest counter of the requests that it signed
ALTER TABLE devices ADD COLUMN requests INTEGER NOT NULL DEFAULT 0; -- which of the counters just below that were used, as bits
ALTER TABLE devices ADD COLUMN doubled INTEGER;                     -- when it last signed in with a counter that was used
ALTER TABLE devices ADD COLUMN leaving INTEGER NOT NULL DEFAULT 0;  -- 1: it was taken out, and its sessions may still live
CREATE INDEX devices_leaving ON devices (account, device) WHERE leaving = 1;

CREATE TABLE statements (
    account   BLOB NOT NULL REFERENCES accounts ON DELETE CASCADE,
    device    BLOB NOT NULL,
    at        INTEGER NOT NULL,
    statement BLOB NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (account, device)
) STRICT, WITHOUT ROWID;
-- An account has had one device until this step.
INSERT INTO statements (account, device, at, statement, signature)
SELECT account, device, at, statement, signature FROM head_statements JOIN devices USING (account);
DROP TABLE head_statements;
ALTER TABLE statements RENAME TO head_statements;

CREATE TABLE names (
    account BLOB NOT NULL REFERENCES accounts ON DELETE CASCADE,
    device  BLOB NOT NULL,
    epoch   INTEGER NOT NULL, -- of which the key is that seals it
    sealed  BLOB NOT NULL,
    PRIMARY KEY (account, device)
) STRICT, WITHOUT ROWID;

-- The recovery kit of each account that has one. Of several accounts that name the same kit the first is answered: what a
-- kit's public keys are stands in its chain for everyone, and nobody else's account takes its place by naming them.
CREATE TABLE kits (
    id      INTEGER PRIMARY KEY,
    account BLOB NOT NULL UNIQUE REFERENCES accounts ON DELETE CASCADE,
    kit     BLOB NOT NULL
) STRICT;
CREATE INDEX kits_by_kit ON kits (kit, id);

CREATE TABLE recoveries (
    account   BLOB NOT NULL REFERENCES accounts ON DELETE CASCADE,
    device    BLOB NOT NULL,    -- that is to begin anew
    statement BLOB NOT NULL,    -- a RecoveryRequest
    signature BLOB NOT NULL,    -- by the kit
    due       INTEGER NOT NULL,
    vetoed    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, device)
) STRICT, WITHOUT ROWID;
