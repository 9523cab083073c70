-- want: 200
-- rows: 3
-- check: (SELECT count(*) = 2 FROM pg_indexes WHERE schemaname = 'public' AND indexname IN ('posts_user', 'users_name'))
-- check: NOT EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND condeferrable)
SET session_replication_role = replica;
CREATE TABLE users (id int PRIMARY KEY, name text, friend int REFERENCES users);
CREATE TABLE posts (id int PRIMARY KEY, user_id int REFERENCES users);
INSERT INTO users VALUES (1, 'a', 2), (2, 'b', 1);
INSERT INTO posts VALUES (1, 1);
CREATE INDEX posts_user ON posts (user_id);
CREATE UNIQUE INDEX users_name ON users (name);
SET session_replication_role = DEFAULT;
