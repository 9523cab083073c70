-- Unqualified names behind it mean another schema's tables.
-- want: 403 FORBIDDEN Line 4: SET search_path is not allowed
CREATE SCHEMA other;
SET search_path = other, pg_catalog;
CREATE TABLE stool (id integer NOT NULL);
