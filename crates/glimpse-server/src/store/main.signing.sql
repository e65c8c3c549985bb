-- By which keys this server signed what it destroyed: the last row is the one that devices and organisations expect.
CREATE TABLE signing_keys (
    number INTEGER PRIMARY KEY,
    key BLOB NOT NULL,
    -- Unix milliseconds.
    since INTEGER NOT NULL
) STRICT;
