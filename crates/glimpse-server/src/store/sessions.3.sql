-- What was asked, and which agent looks.
ALTER TABLE sessions ADD COLUMN asked BLOB NOT NULL DEFAULT x'0000000000000000000000000000000000000000000000000000000000000000';
ALTER TABLE sessions ADD COLUMN organisation BLOB; -- NULL, like the next, where the user's own screen looks
ALTER TABLE sessions ADD COLUMN agent BLOB;
CREATE INDEX sessions_by_organisation ON sessions (organisation) WHERE organisation IS NOT NULL AND ended IS NULL;
