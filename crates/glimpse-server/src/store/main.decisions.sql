-- What a writer brought and a device has approved: state 5 of a record, and kind 5 of a change.

ALTER TABLE records ADD COLUMN decision BLOB; -- a Signed Decision, in state 5
