-- What raw SQL creates as the owner in schema public belongs to the project's
-- admin afterwards, as if it had been made through the API: its default
-- privileges apply, and it can be altered and dropped there.

-- +goose Up
-- Only the owner may call it. Objects of extensions stay theirs, sequences of
-- a column follow their table.
-- +goose StatementBegin
CREATE FUNCTION system.reassign_public_objects_to_project_admin() RETURNS void
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  object text;
BEGIN
  FOR object IN
    WITH mine AS (
      SELECT 1 AS step, 'pg_class'::regclass AS catalog, oid,
             format('%s %s', CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                                          WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
                    oid::regclass) AS name
        FROM pg_class
       WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
         AND relnamespace = 'public'::regnamespace AND relowner = current_user::regrole
         AND NOT EXISTS (SELECT FROM pg_depend
                          WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid
                            AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i') AND relkind = 'S')
      UNION ALL
      SELECT 2, 'pg_proc'::regclass, oid, format('ROUTINE %s', oid::regprocedure)
        FROM pg_proc
       WHERE pronamespace = 'public'::regnamespace AND proowner = current_user::regrole
      UNION ALL
      SELECT 3, 'pg_type'::regclass, t.oid, format('TYPE %s', t.oid::regtype)
        FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
       WHERE typnamespace = 'public'::regnamespace AND typowner = current_user::regrole
         AND (typtype IN ('e', 'd', 'r') OR typtype = 'c' AND c.relkind = 'c')
    )
    SELECT name FROM mine
     WHERE NOT EXISTS (SELECT FROM pg_depend d
                        WHERE d.classid = mine.catalog AND d.objid = mine.oid AND d.deptype = 'e')
     ORDER BY step, name
  LOOP
    EXECUTE format('ALTER %s OWNER TO project_admin', object);
  END LOOP;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION system.reassign_public_objects_to_project_admin() FROM PUBLIC;
