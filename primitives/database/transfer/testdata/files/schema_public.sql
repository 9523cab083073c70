-- pg_dump --clean of a database whose schema public has another owner.
-- want: 200
-- skips: DROP SCHEMA IF EXISTS public
-- skips: CREATE SCHEMA public
-- skips: create schema if not exists "public" authorization shop
-- skips: ALTER SCHEMA public OWNER TO shop
-- skips: COMMENT ON SCHEMA public IS 'standard public schema'
-- check: to_regclass('public.kettle') IS NOT NULL
DROP SCHEMA IF EXISTS public;
CREATE SCHEMA public;
create schema if not exists "public" authorization shop;
ALTER SCHEMA public OWNER TO shop;
COMMENT ON SCHEMA public IS 'standard public schema';
CREATE TABLE public.kettle (id integer NOT NULL);
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO PUBLIC;
