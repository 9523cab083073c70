-- Roles of a project, its schemas, and the default privileges. Access control
-- of user tables is row-level security: privileges in schema public are open,
-- and tables made through the API have RLS on.

-- +goose Up
-- Roles belong to the whole cluster: another database may have made them. The
-- login that may become one of them belongs to one database and is made after
-- the migrations.
-- +goose StatementBegin
DO $$
BEGIN
  IF to_regrole('anon') IS NULL THEN
    CREATE ROLE anon NOLOGIN NOINHERIT;
  END IF;
  IF to_regrole('authenticated') IS NULL THEN
    CREATE ROLE authenticated NOLOGIN NOINHERIT;
  END IF;
  IF to_regrole('project_admin') IS NULL THEN
    BEGIN
      CREATE ROLE project_admin NOLOGIN NOINHERIT BYPASSRLS;
    EXCEPTION WHEN insufficient_privilege THEN
      -- Before 16 only a superuser may hand BYPASSRLS out, later only who has
      -- it. The admin then sees all rows of the tables made through the API,
      -- which it owns; the start says how to add the rest.
      CREATE ROLE project_admin NOLOGIN NOINHERIT;
    END;
  END IF;
  EXECUTE format('GRANT CREATE ON DATABASE %I TO project_admin', current_database());
  -- An owner who is no superuser sets the admin's default privileges below.
  IF NOT pg_has_role(current_user, 'project_admin', 'USAGE') THEN
    IF current_setting('server_version_num')::int >= 160000 THEN
      EXECUTE 'GRANT project_admin TO CURRENT_USER WITH INHERIT TRUE, SET TRUE';
    ELSE
      GRANT project_admin TO CURRENT_USER;
    END IF;
  END IF;
END
$$;
-- +goose StatementEnd

CREATE EXTENSION IF NOT EXISTS pgcrypto;

CREATE SCHEMA IF NOT EXISTS auth;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO anon, authenticated;
GRANT USAGE, CREATE ON SCHEMA public TO project_admin;
GRANT USAGE ON SCHEMA auth TO PUBLIC, project_admin;
GRANT USAGE ON SCHEMA system TO project_admin;

-- New objects in public, whether the owner or the project's admin makes them.
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO anon, authenticated;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO project_admin;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO anon, authenticated;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO project_admin;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO project_admin;
ALTER DEFAULT PRIVILEGES FOR ROLE project_admin IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO anon, authenticated;
ALTER DEFAULT PRIVILEGES FOR ROLE project_admin IN SCHEMA public GRANT ALL ON TABLES TO project_admin;
ALTER DEFAULT PRIVILEGES FOR ROLE project_admin IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO anon, authenticated;
ALTER DEFAULT PRIVILEGES FOR ROLE project_admin IN SCHEMA public GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO project_admin;
ALTER DEFAULT PRIVILEGES FOR ROLE project_admin IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO project_admin;

-- The product's own tables can be read by the project's admin, unless a
-- migration takes that back.
ALTER DEFAULT PRIVILEGES IN SCHEMA system GRANT SELECT ON TABLES TO project_admin;
ALTER DEFAULT PRIVILEGES IN SCHEMA auth GRANT SELECT ON TABLES TO project_admin;
