-- want: 403 FORBIDDEN Transaction control (ROLLBACK) is not allowed
BEGIN;
CREATE TABLE t (id int PRIMARY KEY);
ROLLBACK;
