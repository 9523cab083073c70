-- Deleting would take other rows along here, and not in psql.
-- setup: CREATE TABLE authors (id int PRIMARY KEY); CREATE TABLE posts (author int REFERENCES authors ON DELETE CASCADE)
-- want: 400 INVALID_INPUT Line 5: DELETE would change rows of public.posts through foreign key posts_author_fkey
SET session_replication_role = 'replica';
DELETE FROM authors;
