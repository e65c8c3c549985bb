-- With what a kit signs, so that nothing is replayed for whoever is not the kit. NULL where the kit came before this step.
ALTER TABLE kits ADD COLUMN signing BLOB;
