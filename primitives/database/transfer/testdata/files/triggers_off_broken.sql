-- What was not checked at once is checked before the commit.
-- setup: CREATE TABLE authors (id int PRIMARY KEY); CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES authors)
-- want: 400 INVALID_INPUT break a foreign key: insert or update on table "posts" violates foreign key constraint "posts_author_fkey": Key (author)=(7) is not present in table "authors"
ALTER TABLE public.posts DISABLE TRIGGER ALL;
INSERT INTO public.posts VALUES (1, 7);
ALTER TABLE public.posts ENABLE TRIGGER ALL;
