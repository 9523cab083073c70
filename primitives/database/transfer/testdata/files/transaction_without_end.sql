-- psql would do nothing of this.
-- want: 403 FORBIDDEN Transaction control (BEGIN) is not allowed
BEGIN;
CREATE TABLE t (id int PRIMARY KEY);
