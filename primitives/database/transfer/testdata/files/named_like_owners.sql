-- Only what does nothing but set an owner is passed over, and only privileges on a database.
-- want: 200
-- skips: ALTER TABLE cars OWNER TO someone
-- skips: ALTER FUNCTION twice(int, int) OWNER TO someone
-- skips: ALTER TABLE IF EXISTS ONLY public.owner OWNER TO "on"
-- skips: GRANT CONNECT ON DATABASE insforge TO someone
-- check: (SELECT string_agg(column_name, ',' ORDER BY column_name) FROM information_schema.columns WHERE table_name = 'cars') = 'boss,id,keeper'
-- check: (SELECT count(*) FROM pg_attribute WHERE attrelid = to_regtype('address')::oid OR attname = 'holder') = 1
-- check: (SELECT conname FROM pg_constraint WHERE contypid = 'public.positive'::regtype) = 'above'
-- check: (SELECT roles FROM pg_policies WHERE policyname = 'p') = '{authenticated}'
-- check: (SELECT roles FROM pg_policies WHERE policyname = 'q') = '{authenticated}'
-- check: NOT has_table_privilege('anon', 'public.database', 'SELECT')
CREATE TABLE cars (id int PRIMARY KEY, owner text, "Owner" text);
ALTER TABLE cars OWNER TO someone;
ALTER TABLE cars RENAME COLUMN owner TO boss;
ALTER TABLE cars RENAME COLUMN "Owner" TO owner;
ALTER TABLE cars RENAME owner TO keeper;
CREATE TYPE address AS (owner text);
ALTER TYPE address RENAME ATTRIBUTE owner TO holder;
CREATE DOMAIN positive AS int CONSTRAINT owner CHECK (VALUE > 0);
ALTER DOMAIN positive RENAME CONSTRAINT owner TO above;
CREATE FUNCTION twice(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a * b';
ALTER FUNCTION twice(int, int) OWNER TO someone;
CREATE TABLE owner (id int);
ALTER TABLE IF EXISTS ONLY public.owner OWNER TO "on";
CREATE POLICY p ON owner USING (true);
ALTER POLICY p ON owner TO authenticated;
CREATE POLICY q ON owner USING (true);
ALTER POLICY q ON public.owner TO authenticated;
CREATE TABLE database (id int);
REVOKE SELECT ON database FROM anon;
GRANT CONNECT ON DATABASE insforge TO someone;
