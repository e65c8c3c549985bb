-- Organisations whose agents may ask for a look, those agents, and the sessions that they have had.

CREATE TABLE organisations (
    organisation BLOB PRIMARY KEY,  -- its Ed25519 key
    at           INTEGER NOT NULL,  -- as the card says
    card         BLOB NOT NULL,     -- an OrganisationCard
    signature    BLOB NOT NULL,
    audit_key    BLOB NOT NULL,
    seq          INTEGER,           -- of the newest Revocations; NULL while there are none
    revocations  BLOB,
    revoked_by   BLOB,              -- the signature over them
    ending       INTEGER NOT NULL DEFAULT 0 -- 1: sessions of agents whom they name may still live
) STRICT, WITHOUT ROWID;

-- What the newest Revocations say.
CREATE TABLE revoked_agents (
    organisation BLOB NOT NULL REFERENCES organisations ON DELETE CASCADE,
    agent        BLOB NOT NULL,
    at           INTEGER NOT NULL,
    PRIMARY KEY (organisation, agent)
) STRICT, WITHOUT ROWID;

-- Every invitation that was taken and has not lapsed: none is taken twice.
CREATE TABLE invitations (
    organisation BLOB NOT NULL REFERENCES organisations ON DELETE CASCADE,
    token        BLOB NOT NULL,     -- SHA-256 of the link's token
    expires      INTEGER NOT NULL,
    PRIMARY KEY (organisation, token)
) STRICT, WITHOUT ROWID;

-- One row for each agent who was ever invited.
CREATE TABLE agents (
    organisation BLOB NOT NULL REFERENCES organisations ON DELETE CASCADE,
    agent        BLOB NOT NULL,
    token        BLOB NOT NULL,     -- that of the newest invitation
    expires      INTEGER NOT NULL,  -- its
    enrolled     INTEGER,           -- when; NULL, like the rest, until a browser did
    key          BLOB,              -- of the browser: Ed25519
    passkey_id   BLOB,              -- empty, like the next, where there is none
    passkey      BLOB,              -- a SubjectPublicKeyInfo
    proof        BLOB,
    not_before   INTEGER,           -- of the newest Credential; NULL, like the next two, while there is none
    credential   BLOB,
    signature    BLOB,
    PRIMARY KEY (organisation, agent)
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_tokens (
    hash         BLOB PRIMARY KEY,  -- SHA-256 of the token
    organisation BLOB NOT NULL,
    agent        BLOB NOT NULL,
    expires      INTEGER NOT NULL,
    FOREIGN KEY (organisation, agent) REFERENCES agents ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_tokens_by_agent ON agent_tokens (organisation, agent, expires);
CREATE INDEX agent_tokens_by_expiry ON agent_tokens (expires);

-- Whose agent looked, as long as the receipts are there.
CREATE TABLE agent_sessions (
    session      BLOB PRIMARY KEY,
    account      BLOB NOT NULL REFERENCES accounts ON DELETE CASCADE,
    organisation BLOB NOT NULL,
    agent        BLOB NOT NULL,
    granted      INTEGER NOT NULL,  -- by this server's clock
    issued       INTEGER NOT NULL,  -- as the first Terms say
    expires      INTEGER NOT NULL,  -- as the newest say
    units        INTEGER NOT NULL,
    over         INTEGER,           -- when it ended; NULL while it runs
    reason       TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_sessions_by_organisation ON agent_sessions (organisation, granted, session);
CREATE INDEX agent_sessions_by_account ON agent_sessions (account);

CREATE TABLE agent_notes (
    session BLOB NOT NULL REFERENCES agent_sessions ON DELETE CASCADE,
    n       INTEGER NOT NULL,
    body    BLOB NOT NULL,          -- sealed to the organisation's audit key
    PRIMARY KEY (session, n)
) STRICT, WITHOUT ROWID;
