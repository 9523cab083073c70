-- An extension that the project made is its own to comment on.
-- want: 200
-- check: (SELECT obj_description(oid, 'pg_extension') FROM pg_extension WHERE extname = 'citext') = 'no case'
CREATE EXTENSION citext;
COMMENT ON EXTENSION citext IS 'no case';
DROP EXTENSION citext;
CREATE EXTENSION citext;
COMMENT ON EXTENSION citext IS 'no case';
