-- All that is not there is said at once.
-- want: 400 INVALID_INPUT The file needs things that do not exist here: roles "clerk" (line 5), "Till" (line 6), "boss" (line 7), "auditor" (line 11); extensions "plv8" (line 3); extensions that only the owner of the database may create: "dblink" (line 4)
CREATE EXTENSION IF NOT EXISTS plv8;CREATE TABLE t (id int, "on" int);CREATE EXTENSION pgcrypto;
CREATE EXTENSION dblink;
GRANT SELECT (id, "on"), UPDATE ON TABLE t TO clerk, PUBLIC, anon WITH GRANT OPTION;
GRANT ALL ON ALL TABLES IN SCHEMA public TO GROUP "Till", CURRENT_USER;
CREATE POLICY p ON public.t FOR SELECT TO authenticated, boss, clerk USING (id IN (SELECT "to" FROM (SELECT 1 AS "to") x));
ALTER POLICY p ON t RENAME TO q;
ALTER POLICY q ON t USING (true);
ALTER DEFAULT PRIVILEGES FOR ROLE somebody IN SCHEMA public GRANT SELECT ON TABLES TO nobody;
REVOKE ALL ON FUNCTION now() FROM auditor CASCADE;
