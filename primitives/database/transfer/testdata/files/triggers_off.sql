-- pg_dump --data-only --disable-triggers: the rows come in an order in which
-- the foreign keys could not be checked.
-- setup: CREATE TABLE authors (id int PRIMARY KEY, boss int REFERENCES authors); CREATE TABLE posts (id int PRIMARY KEY, author int NOT NULL CONSTRAINT "by whom" REFERENCES authors DEFERRABLE)
-- setup: CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a trigger ran'; END $$
-- setup: CREATE TRIGGER loud BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION loud()
-- want: 200
-- rows: 4
-- skips: SET SESSION AUTHORIZATION DEFAULT
-- skips: SET SESSION AUTHORIZATION 'shop'
-- skips: RESET SESSION AUTHORIZATION
-- check: (SELECT count(*) FROM posts) = 2
-- check: (SELECT tgenabled = 'O' FROM pg_trigger WHERE tgname = 'loud')
-- check: (SELECT condeferrable AND NOT condeferred FROM pg_constraint WHERE conname = 'by whom')
-- check: (SELECT NOT condeferrable FROM pg_constraint WHERE conname = 'authors_boss_fkey')
SET SESSION AUTHORIZATION DEFAULT;

ALTER TABLE public.posts DISABLE TRIGGER ALL;

SET SESSION AUTHORIZATION 'shop';

COPY public.posts (id, author) FROM stdin;
1	1
2	2
\.


ALTER TABLE public.posts ENABLE TRIGGER ALL;

ALTER TABLE public.authors DISABLE TRIGGER ALL;
RESET SESSION AUTHORIZATION;
INSERT INTO public.authors VALUES (1, 2);
INSERT INTO public.authors VALUES (2, 1);
ALTER TABLE public.authors ENABLE TRIGGER ALL;
