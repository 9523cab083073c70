-- A dump says again that the extension is there, and what it is for.
-- want: 200
-- skips: create extension "pgcrypto"
-- skips: COMMENT ON EXTENSION pgcrypto IS 'cryptographic functions'
-- skips: COMMENT ON EXTENSION "plpgsql" IS NULL
-- skips: comment on language plpgsql is 'x'
-- skips: VACUUM (ANALYZE) public.lamp
-- check: to_regclass('public.lamp') IS NOT NULL
CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA public;
create extension "pgcrypto";
COMMENT ON EXTENSION pgcrypto IS 'cryptographic functions';
COMMENT ON EXTENSION "plpgsql" IS NULL;
comment on language plpgsql is 'x';
CREATE EXTENSION IF NOT EXISTS plpgsql WITH SCHEMA pg_catalog;
CREATE TABLE public.lamp (id integer NOT NULL);
VACUUM (ANALYZE) public.lamp;
