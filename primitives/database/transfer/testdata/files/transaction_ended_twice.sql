-- want: 403 FORBIDDEN Transaction control (COMMIT) is not allowed
BEGIN;
CREATE TABLE t (id int PRIMARY KEY);
COMMIT;
COMMIT;
