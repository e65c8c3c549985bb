-- Whom an organisation's identity provider names where the agent signs in: a hash of the issuer and the subject; NULL until then.
ALTER TABLE agents ADD COLUMN subject BLOB;
