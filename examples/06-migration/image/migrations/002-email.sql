-- The release before does not know this column and goes on working: it may serve on, or again.
ALTER TABLE customers ADD COLUMN email text NOT NULL DEFAULT 'unknown';
