-- The data of a project of Supabase.
-- setup: CREATE TABLE authors (id int PRIMARY KEY); CREATE TABLE posts (id int, author int REFERENCES authors, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)
-- setup: CREATE TABLE posts_1 PARTITION OF posts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01'); CREATE TABLE posts_2 PARTITION OF posts DEFAULT
-- setup: CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a trigger ran'; END $$
-- setup: CREATE TRIGGER loud BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION loud(); CREATE TRIGGER of_a_part BEFORE INSERT ON posts_2 FOR EACH ROW EXECUTE FUNCTION loud()
-- setup: CREATE TRIGGER off AFTER INSERT ON posts FOR EACH ROW EXECUTE FUNCTION loud(); ALTER TABLE posts DISABLE TRIGGER off; CREATE SEQUENCE s
-- want: 200
-- rows: 5
-- skips: RESET ALL
-- check: (SELECT count(*) FROM posts) = 3
-- check: (SELECT string_agg(concat(tgname, tgenabled), $$ $$ ORDER BY tgname, tgrelid) FROM pg_trigger WHERE tgname IN ($$loud$$, $$of_a_part$$, $$off$$)) = $$loudO loudO loudO of_a_partO offD offD offD$$
-- check: (SELECT bool_and(NOT condeferrable) FROM pg_constraint WHERE contype = 'f')
SET session_replication_role = replica;
COPY "public"."posts_2" ("id", "author", "at") FROM stdin;
1	1	2030-01-01
\.
INSERT INTO "public"."posts" ("id", "author", "at") VALUES
	(2, 2, '2024-05-05'),
	(3, 2, '2040-01-01');
COPY "public"."posts_1" ("id", "author", "at") FROM stdin;
\.
SELECT pg_catalog.setval('"public"."s"', 3, true);
INSERT INTO "public"."authors" ("id") VALUES
	(1),
	(2);
RESET ALL;
