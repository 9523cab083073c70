-- A file of a migration tool, all of whose parts are transactions.
-- want: 200
-- rows: 2
-- skips: BEGIN
-- skips: COMMIT
-- skips: start transaction
-- skips: end work
-- check: (SELECT count(*) FROM t) = 2
BEGIN;
CREATE TABLE t (id int PRIMARY KEY);
INSERT INTO t VALUES (1);
COMMIT;
start transaction;
INSERT INTO t VALUES (2);
end work;
