-- want: 403 FORBIDDEN Transaction control (SAVEPOINT) is not allowed
BEGIN;
SAVEPOINT a;
CREATE TABLE t (id int PRIMARY KEY);
COMMIT;
