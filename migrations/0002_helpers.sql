-- Functions that policies, triggers and the record layer rely on.

-- +goose Up
-- Claims of the caller. A setting that was never set reads as NULL, one that
-- was reset as ''; both mean "no claims". The bodies are single expressions of
-- functions that are no less stable and have no settings of their own, so that
-- the planner inlines them. Single claims are read as json: it is checked and
-- searched in two thirds of the time that jsonb takes to be built.
CREATE FUNCTION auth.jwt() RETURNS jsonb
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('request.jwt.claims', true), '')::jsonb;

CREATE FUNCTION auth.uid() RETURNS uuid
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub', '')::uuid;

CREATE FUNCTION auth.role() RETURNS text
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('request.jwt.claims', true), '')::json ->> 'role';

CREATE FUNCTION auth.email() RETURNS text
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('request.jwt.claims', true), '')::json ->> 'email';

-- +goose StatementBegin
CREATE FUNCTION system.update_updated_at() RETURNS trigger
  LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END
$$;
-- +goose StatementEnd

CREATE FUNCTION system.reload_postgrest_schema() RETURNS void
  LANGUAGE sql AS $$ SELECT pg_notify('pgrst', 'reload schema') $$;

-- Whether the record layer may serve a schema: neither the system's, nor the
-- product's, nor an extension's.
CREATE FUNCTION system.is_exposed_schema(name text) RETURNS boolean
  LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT $1 !~ '^pg_'
     AND $1 <> 'information_schema'
     AND $1 <> ALL (string_to_array(coalesce(nullif(current_setting('insforge.internal_schemas', true), ''),
           'ai,auth,compute,deployments,email,functions,memory,payments,realtime,schedules,storage,system'), ','))
     AND NOT EXISTS (
       SELECT FROM pg_depend d
         JOIN pg_namespace n ON n.oid = d.objid
        WHERE d.classid = 'pg_namespace'::regclass AND d.deptype = 'e' AND n.nspname = $1)
$$;

-- The record layer reads the catalog once and again after each notification on
-- channel pgrst. An event trigger sends one after any DDL, no matter who runs
-- it; notifications of one transaction with the same text are sent once.
-- +goose StatementBegin
CREATE FUNCTION system.on_schema_ddl() RETURNS event_trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  IF tg_event = 'sql_drop' THEN
    IF EXISTS (SELECT FROM pg_event_trigger_dropped_objects() WHERE NOT is_temporary) THEN
      PERFORM pg_notify('pgrst', 'reload schema');
    END IF;
  ELSIF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE schema_name IS DISTINCT FROM 'pg_temp') THEN
    PERFORM pg_notify('pgrst', 'reload schema');
  END IF;
END
$$;
-- +goose StatementEnd

-- Only a superuser may create event triggers. Without them (a managed
-- Postgres) the product's own DDL still notifies; DDL from elsewhere needs
-- NOTIFY pgrst, 'reload schema'.
-- +goose StatementBegin
DO $$
BEGIN
  CREATE EVENT TRIGGER insforge_schema_ddl ON ddl_command_end EXECUTE FUNCTION system.on_schema_ddl();
  CREATE EVENT TRIGGER insforge_schema_drop ON sql_drop EXECUTE FUNCTION system.on_schema_ddl();
EXCEPTION WHEN insufficient_privilege THEN
  RAISE NOTICE 'no right to create event triggers: DDL made outside the product is seen after NOTIFY pgrst';
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION system.update_updated_at(), system.on_schema_ddl() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION system.update_updated_at() TO project_admin;
