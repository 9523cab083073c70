-- The row that still refers to a deleted one is found.
-- setup: CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (a int REFERENCES a); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)
-- want: 400 INVALID_INPUT break a foreign key: update or delete on table "a" violates foreign key constraint "b_a_fkey" on table "b"
SET session_replication_role TO 'replica';
DELETE FROM a;
