-- A file that never switches them on again leaves the table's own off, not the keys'.
-- setup: CREATE TABLE authors (id int PRIMARY KEY); CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES authors)
-- setup: CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a trigger ran'; END $$
-- setup: CREATE TRIGGER loud BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION loud()
-- want: 200
-- check: (SELECT tgenabled = 'D' FROM pg_trigger WHERE tgname = 'loud')
-- check: (SELECT bool_and(tgenabled = 'O') FROM pg_trigger WHERE tgisinternal)
-- check: (SELECT NOT condeferrable FROM pg_constraint WHERE conname = 'posts_author_fkey')
ALTER TABLE posts DISABLE TRIGGER ALL;
INSERT INTO posts VALUES (1, 1);
INSERT INTO authors VALUES (1);
