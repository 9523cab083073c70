-- Fixtures of a test framework switch several tables off at once, and several on.
-- setup: CREATE TABLE a (id int PRIMARY KEY, b int); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a); ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b
-- setup: INSERT INTO a VALUES (1, NULL); INSERT INTO b VALUES (7, 1); UPDATE a SET b = 7
-- want: 200
-- rows: 2
-- skips: BEGIN
-- skips: COMMIT
-- check: (SELECT bool_and(NOT condeferrable) FROM pg_constraint WHERE contype = 'f')
-- check: (SELECT count(*) FROM a JOIN b ON a.b = b.id AND b.a = a.id) = 1
BEGIN;
ALTER TABLE "a" DISABLE TRIGGER ALL;ALTER TABLE "b" DISABLE TRIGGER ALL;
DELETE FROM "a";
DELETE FROM ONLY public.b;
INSERT INTO "a" ("id", "b") VALUES (1, 2);
INSERT INTO "b" ("id", "a") VALUES (2, 3);
UPDATE b SET a = 1;
ALTER TABLE "a" ENABLE TRIGGER ALL;ALTER TABLE "b" ENABLE TRIGGER ALL;
COMMIT;
