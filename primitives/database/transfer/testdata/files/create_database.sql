-- pg_dump --create --clean: the database is the project's, whatever its name was.
-- want: 200
-- skips: SET statement_timeout = 0
-- skips: DROP DATABASE IF EXISTS "shop db"
-- skips: CREATE DATABASE "shop db" WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C.UTF-8'
-- skips: ALTER DATABASE "shop db" OWNER TO shop
-- skips: \restrict AbC
-- skips: \connect -reuse-previous=on "dbname='shop db'"
-- skips: COMMENT ON DATABASE "shop db" IS 'all of it'
-- skips: ALTER DATABASE "shop db" SET "TimeZone" TO 'Europe/Berlin'
-- skips: \c "shop db"
-- skips: GRANT CONNECT ON DATABASE "shop db" TO clerk
-- skips: \unrestrict AbC
-- check: to_regclass('public.till') IS NOT NULL
SET statement_timeout = 0;
SET client_encoding = 'UTF8';
DROP DATABASE IF EXISTS "shop db";
CREATE DATABASE "shop db" WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C.UTF-8';

ALTER DATABASE "shop db" OWNER TO shop;

\restrict AbC
\connect -reuse-previous=on "dbname='shop db'"

SET client_encoding = 'UTF8';
COMMENT ON DATABASE "shop db" IS 'all of it';
ALTER DATABASE "shop db" SET "TimeZone" TO 'Europe/Berlin';
\c "shop db"
CREATE TABLE public.till (id integer NOT NULL);
GRANT CONNECT ON DATABASE "shop db" TO clerk;
\unrestrict AbC
