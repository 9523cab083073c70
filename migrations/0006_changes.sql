-- Migrations of the project: what was applied. Who applied it is in the audit
-- log.

-- +goose Up
CREATE TABLE system.custom_migrations (
  version text PRIMARY KEY CHECK (version ~ '^[0-9]{1,64}$'),
  name text NOT NULL,
  statements text[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Records a migration inside its own transaction, which runs as the project's
-- admin, who must not be able to write, change or remove a row: the first
-- argument is the token of system.record_audit. It waits for other migrations,
-- and returns null when version is not newer than all of them.
-- +goose StatementBegin
CREATE FUNCTION system.record_migration(token bytea, version text, name text, statements text[])
RETURNS timestamptz LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  recorded timestamptz;
BEGIN
  IF NOT EXISTS (SELECT FROM system.instance i WHERE i.name = 'audit' AND i.digest = sha256(record_migration.token)) THEN
    RAISE insufficient_privilege USING MESSAGE = 'permission denied for function record_migration';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('insforge custom migration'));
  INSERT INTO system.custom_migrations (version, name, statements)
  SELECT record_migration.version, record_migration.name, record_migration.statements
   WHERE NOT EXISTS (SELECT FROM system.custom_migrations m
                      WHERE m.version::numeric >= record_migration.version::numeric)
  RETURNING created_at INTO recorded;
  RETURN recorded;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION system.record_migration(bytea, text, text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION system.record_migration(bytea, text, text, text[]) TO project_admin;
