-- A limit of the file's own is still the server's to set.
-- want: 403 FORBIDDEN SET statement_timeout is not allowed
CREATE TABLE bench (id integer NOT NULL);
SET statement_timeout = '5min';
