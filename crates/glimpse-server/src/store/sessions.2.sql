-- What a file may become, from the moment that its upload begins: files that are still arriving count as well.
ALTER TABLE unit_files ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE unit_files SET bytes = COALESCE((SELECT bytes FROM units WHERE units.file = unit_files.file), 0);
