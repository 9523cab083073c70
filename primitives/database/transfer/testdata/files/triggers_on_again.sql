-- Behind the rows the triggers work again, and the keys are checked at once.
-- setup: CREATE TABLE authors (id int PRIMARY KEY); CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES authors, by text)
-- setup: CREATE FUNCTION sign() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.by := 'trigger'; RETURN NEW; END $$
-- setup: CREATE TRIGGER sign BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION sign()
-- want: 400 INVALID_INPUT Line 16: insert or update on table "posts" violates foreign key
ALTER TABLE ONLY posts DISABLE TRIGGER ALL;
INSERT INTO posts VALUES (1, 1);
ALTER TABLE ONLY posts ENABLE TRIGGER ALL;
INSERT INTO authors VALUES (1);
INSERT INTO posts VALUES (2, 1);
DO $$ BEGIN ASSERT (SELECT array_agg(by ORDER BY id) FROM posts) = ARRAY[NULL, 'trigger']; END $$;
ALTER TABLE posts DISABLE TRIGGER ALL;
INSERT INTO posts VALUES (3, 2);
INSERT INTO authors VALUES (2);
ALTER TABLE posts ENABLE TRIGGER ALL; INSERT INTO authors VALUES (3);
INSERT INTO posts VALUES (4, 4);
