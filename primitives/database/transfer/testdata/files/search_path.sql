-- pg_dump before 10.3 begins like the first, Rails ends like the second.
-- want: 200
-- rows: 1
-- skips: SET search_path = public, pg_catalog
-- skips: SET search_path TO "$user", public
-- skips: set local search_path = 'public'
-- skips: RESET search_path
-- check: (SELECT version FROM public.schema_migrations) = '20300101000000'
SET search_path = public, pg_catalog;
CREATE TABLE schema_migrations (version character varying NOT NULL);
SET search_path TO "$user", public;
set local search_path = 'public';
RESET search_path;
INSERT INTO "schema_migrations" (version) VALUES
('20300101000000');
