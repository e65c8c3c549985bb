-- Where the pushes of a device go: one subscription each. Whoever has a row can tell that device to look, if he has the
-- server's push key as well.

CREATE TABLE push_subscriptions (
    account  BLOB NOT NULL,
    device   BLOB NOT NULL,
    endpoint TEXT NOT NULL, -- a URL at the push provider
    p256dh   BLOB NOT NULL, -- the browser's public key
    auth     BLOB NOT NULL, -- the browser's authentication secret: with the rest it seals, and opens nothing
    PRIMARY KEY (account, device),
    FOREIGN KEY (account, device) REFERENCES devices ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
