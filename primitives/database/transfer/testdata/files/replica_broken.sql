-- setup: CREATE TABLE authors (id int PRIMARY KEY); CREATE TABLE posts (id int PRIMARY KEY, author int REFERENCES authors)
-- want: 400 INVALID_INPUT break a foreign key
SET LOCAL session_replication_role TO replica;
INSERT INTO posts VALUES (1, 7);
SET session_replication_role TO DEFAULT;
