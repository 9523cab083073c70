-- Triggers that fire in this mode, or always, do.
-- setup: CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := NEW.n + 100; RETURN NEW; END $$
-- setup: CREATE TABLE plain (n int); CREATE TRIGGER plain BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION more()
-- setup: CREATE TABLE replica (n int); CREATE TRIGGER replica BEFORE INSERT ON replica FOR EACH ROW EXECUTE FUNCTION more(); ALTER TABLE replica ENABLE REPLICA TRIGGER replica
-- setup: CREATE TABLE always (n int); CREATE TRIGGER always BEFORE INSERT ON always FOR EACH ROW EXECUTE FUNCTION more(); ALTER TABLE always ENABLE ALWAYS TRIGGER always
-- want: 200
-- rows: 6
-- check: (SELECT array_agg(n ORDER BY n) FROM plain) = '{1,102}'
-- check: (SELECT array_agg(n ORDER BY n) FROM replica) = '{2,101}'
-- check: (SELECT array_agg(n ORDER BY n) FROM always) = '{101,102}'
-- check: (SELECT string_agg(tgname || tgenabled::text, ' ' ORDER BY tgname) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN ('plain'::regclass, 'replica'::regclass, 'always'::regclass)) = 'alwaysA plainO replicaR'
SET session_replication_role = replica;
INSERT INTO plain VALUES (1);
INSERT INTO replica VALUES (1);
INSERT INTO always VALUES (1);
SET session_replication_role = DEFAULT;
INSERT INTO plain VALUES (2);
INSERT INTO replica VALUES (2);
INSERT INTO always VALUES (2);
