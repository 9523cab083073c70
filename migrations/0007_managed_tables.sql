-- Managed tables: tables of the product whose policies are the project's.
--
-- The project's admin writes policies on them and switches row-level security
-- on, in plain SQL from anywhere, without owning them. A later migration says
-- so with one call, after the grants of the table:
--
--   SELECT system.manage_policies('storage.objects');
--
-- Postgres lets only the owner of a table do that, and an owner may do
-- anything else too. So the admin is the owner for the length of one command:
-- just before CREATE, ALTER or DROP POLICY, or ALTER TABLE where row-level
-- security is mentioned, an event trigger gives the tables that the client's
-- text names to the role insforge_policy_editor, of which the admin is a
-- member, and just after the command another one takes them back. Outside of
-- that window the role owns nothing and may do nothing. What makes it safe:
--
-- 1. The window holds one command. Code that runs inside it, in a default or a
--    domain's check, cannot start another: the trigger refuses any DDL while a
--    window is open. Commands that no event trigger sees gain nothing, since
--    the owner's own privileges on the table (to read, write, truncate or
--    reference it) are revoked while the window is open, REASSIGN OWNED is
--    noticed when it closes, and TRUNCATE, COPY and LOCK require privileges,
--    not ownership.
-- 2. Whatever the command was, everything that the catalog says about the table
--    except its policies must be the same afterwards, byte for byte; row-level
--    security may have been switched. Otherwise it fails, and is rolled back whole.
--    (Code in an ALTER TABLE that fails has then seen the rows. Hence a managed
--    table must be readable by the admin.)
-- 3. A window cannot be committed: a deferred trigger on its record fails then,
--    even for commands that commit midway. Other sessions never see it.
-- 4. Which tables to open is guessed from the text that the client sent, which
--    has to hold the names of table and schema (even when a DO block puts the
--    statement together). Nothing else depends on the guess: it can open a
--    table needlessly, which locks it, or fail to, and then the command fails
--    for lack of ownership.
--
-- The alternatives are worse: a role that owns the tables for good has all the
-- rights of an owner all the time, in commands that no trigger sees (REASSIGN
-- OWNED) or that commit before it (CREATE INDEX CONCURRENTLY); a function that
-- executes policies as the owner would not serve plain SQL.
--
-- Only a superuser may create event triggers. Where the product is not one
-- (an external database), managed tables stay the owner's: the admin's
-- policies on them fail with "must be owner of table", and an administrator
-- of the server creates them instead.

-- +goose Up
-- +goose StatementBegin
DO $$
BEGIN
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    RAISE NOTICE 'no right to create event triggers: policies on the product''s tables are the owner''s to make';
    RETURN;
  END IF;
  -- Roles belong to the whole cluster: another database may have made it.
  IF to_regrole('insforge_policy_editor') IS NULL THEN
    CREATE ROLE insforge_policy_editor NOLOGIN;
  END IF;
  IF pg_has_role('project_admin', 'insforge_policy_editor', 'USAGE') THEN
    RETURN;
  END IF;
  IF current_setting('server_version_num')::int >= 160000 THEN
    EXECUTE 'GRANT insforge_policy_editor TO project_admin WITH INHERIT TRUE, SET FALSE, ADMIN FALSE';
  ELSE
    -- Whether memberships are inherited is a property of the member here. This
    -- is the admin's only one.
    ALTER ROLE project_admin INHERIT;
    GRANT insforge_policy_editor TO project_admin;
  END IF;
END
$$;
-- +goose StatementEnd

CREATE TABLE system.managed_tables (
  relation regclass PRIMARY KEY,
  -- Whether row-level security was on when the table became managed: then it
  -- stays on.
  rls_required boolean NOT NULL
);

-- A row for each table that is open; none is ever committed. ready is false
-- while the triggers work themselves.
CREATE TABLE system.policy_windows (
  relation regclass PRIMARY KEY,
  owner regrole NOT NULL,
  fingerprint text NOT NULL,
  ready boolean NOT NULL DEFAULT false
);
REVOKE ALL ON system.policy_windows FROM project_admin;

-- Everything that the catalog says about a table, except its policies, whether
-- row-level security is on, and foreign keys of other tables that point at it,
-- which take the privilege REFERENCES. The table must be locked.
CREATE FUNCTION system.table_fingerprint(relation regclass) RETURNS text
  LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH relations AS (
    SELECT relation::oid AS oid
    UNION ALL SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid = relation
    UNION ALL SELECT reltoastrelid FROM pg_catalog.pg_class WHERE oid = relation
  ), facts (kind, fact) AS (
    SELECT 'class', (to_jsonb(c) - 'relacl' - 'relrowsecurity' - 'relhastriggers')::text
           || ARRAY(SELECT unnest(c.relacl)::text ORDER BY 1)::text
      FROM pg_catalog.pg_class c JOIN relations r USING (oid)
    UNION ALL SELECT 'attribute', a::text FROM pg_catalog.pg_attribute a JOIN relations r ON a.attrelid = r.oid
    UNION ALL SELECT 'default', d::text FROM pg_catalog.pg_attrdef d WHERE d.adrelid = relation
    UNION ALL SELECT 'constraint', c::text FROM pg_catalog.pg_constraint c WHERE c.conrelid = relation
    UNION ALL SELECT 'index', i::text FROM pg_catalog.pg_index i WHERE i.indrelid = relation
    UNION ALL SELECT 'inheritance', i::text FROM pg_catalog.pg_inherits i WHERE relation IN (i.inhrelid, i.inhparent)
    UNION ALL SELECT 'publication', p::text FROM pg_catalog.pg_publication_rel p WHERE p.prrelid = relation
    UNION ALL SELECT 'rule', r::text FROM pg_catalog.pg_rewrite r WHERE r.ev_class = relation
    UNION ALL SELECT 'statistics', s::text FROM pg_catalog.pg_statistic_ext s WHERE s.stxrelid = relation
    UNION ALL SELECT 'type', t::text FROM pg_catalog.pg_type t WHERE t.typrelid = relation
    UNION ALL SELECT 'trigger', t::text
      FROM pg_catalog.pg_trigger t LEFT JOIN pg_catalog.pg_constraint c ON c.oid = t.tgconstraint
     WHERE t.tgrelid = relation AND NOT (t.tgisinternal AND c.confrelid = relation AND c.conrelid <> relation)
    UNION ALL SELECT 'comment', d::text FROM pg_catalog.pg_description d
     WHERE d.classoid = 'pg_catalog.pg_class'::regclass AND d.objoid = relation
    UNION ALL SELECT 'label', l::text FROM pg_catalog.pg_seclabel l
     WHERE l.classoid = 'pg_catalog.pg_class'::regclass AND l.objoid = relation
    UNION ALL SELECT 'dependency', d::text FROM pg_catalog.pg_depend d
     WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid IN (SELECT oid FROM relations)
    UNION ALL SELECT 'role', d::text FROM pg_catalog.pg_shdepend d
     WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid IN (SELECT oid FROM relations)
       AND d.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
  )
  SELECT encode(sha256(convert_to(string_agg(kind || ' ' || fact, E'\n' ORDER BY kind, fact COLLATE "C"), 'UTF8')), 'hex')
    FROM facts
$$;

-- Makes a table managed; only its owner may call it. The table is a plain one
-- with explicit grants, no sequence of its own (changes of those cannot be
-- rolled back) and no children, and the admin may read it.
-- +goose StatementBegin
CREATE FUNCTION system.manage_policies(relation regclass) RETURNS void
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c pg_catalog.pg_class%ROWTYPE;
BEGIN
  SELECT * INTO STRICT c FROM pg_catalog.pg_class WHERE oid = relation;
  IF c.relkind <> 'r' OR c.relpersistence <> 'p'
     OR EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE relation IN (i.inhrelid, i.inhparent)) THEN
    RAISE wrong_object_type USING MESSAGE = format('%s is not a plain table', relation);
  END IF;
  IF EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
              WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
                AND d.refobjid = relation AND d.deptype IN ('a', 'i')) THEN
    RAISE feature_not_supported USING MESSAGE = format('%s has a sequence of its own; give it keys of type uuid', relation);
  END IF;
  IF NOT has_table_privilege('project_admin', relation, 'SELECT') THEN
    RAISE insufficient_privilege USING MESSAGE = format('project_admin may not read %s; grant that first', relation);
  END IF;
  INSERT INTO system.managed_tables (relation, rls_required) VALUES (relation, c.relrowsecurity);
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION system.open_policy_windows() RETURNS event_trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  inside boolean := (SELECT bool_or(ready) FROM system.policy_windows);
  sent text;
  t record;
BEGIN
  IF inside THEN
    RAISE insufficient_privilege USING
      MESSAGE = format('%s is not possible inside a command on policies or row-level security of the product''s tables', tg_tag),
      HINT = 'Run the commands one after the other.';
  END IF;
  IF NOT inside -- one of our own commands below
     OR tg_tag NOT IN ('CREATE POLICY', 'ALTER POLICY', 'DROP POLICY', 'ALTER TABLE')
     OR current_setting('is_superuser') = 'on' THEN -- the caller: not changed by SECURITY DEFINER
    RETURN;
  END IF;
  sent := lower(current_query());
  IF tg_tag = 'ALTER TABLE' AND sent !~ 'row.*level.*security' THEN
    RETURN;
  END IF;
  FOR t IN
    SELECT c.oid::regclass AS relation, c.relowner::regrole AS owner
      FROM system.managed_tables m
      JOIN pg_catalog.pg_class c ON c.oid = m.relation
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE strpos(sent, n.nspname) > 0 AND strpos(sent, c.relname) > 0
     ORDER BY c.oid -- the same order everywhere, so that two sessions do not deadlock
  LOOP
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', t.relation);
    INSERT INTO system.policy_windows (relation, owner, fingerprint)
    VALUES (t.relation, t.owner, system.table_fingerprint(t.relation));
    EXECUTE format('ALTER TABLE %s OWNER TO insforge_policy_editor', t.relation);
    EXECUTE format('REVOKE ALL ON TABLE %s FROM insforge_policy_editor', t.relation);
  END LOOP;
  UPDATE system.policy_windows SET ready = true;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION system.close_policy_windows() RETURNS event_trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  w record;
BEGIN
  IF NOT EXISTS (SELECT FROM system.policy_windows WHERE ready) THEN
    RETURN;
  END IF;
  UPDATE system.policy_windows SET ready = false;
  FOR w IN
    SELECT p.relation, p.owner, p.fingerprint, m.rls_required, c.relrowsecurity, c.relowner
      FROM system.policy_windows p
      LEFT JOIN system.managed_tables m USING (relation)
      LEFT JOIN pg_catalog.pg_class c ON c.oid = p.relation
     ORDER BY p.relation::oid
  LOOP
    IF w.relowner = 'insforge_policy_editor'::regrole THEN
      EXECUTE format('ALTER TABLE %s OWNER TO %s', w.relation, w.owner);
      EXECUTE format('GRANT ALL ON TABLE %s TO %s', w.relation, w.owner);
    END IF;
    IF w.fingerprint IS DISTINCT FROM system.table_fingerprint(w.relation) THEN
      RAISE insufficient_privilege USING
        MESSAGE = format('permission denied for table %s: the product owns it', w.relation),
        HINT = 'Its policies and ENABLE ROW LEVEL SECURITY are the project''s; nothing else of it can be changed.';
    END IF;
    IF w.rls_required AND NOT w.relrowsecurity THEN
      RAISE insufficient_privilege USING
        MESSAGE = format('row-level security of table %s cannot be switched off', w.relation),
        HINT = 'Create a policy for what should be allowed.';
    END IF;
  END LOOP;
  DELETE FROM system.policy_windows;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION system.refuse_policy_window() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM system.policy_windows) THEN
    RAISE insufficient_privilege USING
      MESSAGE = 'a command that commits midway, or constraints that are set immediate, do not go together with policies of the product''s tables',
      HINT = 'Use a transaction of its own.';
  END IF;
  RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER policy_windows_never_committed
  AFTER INSERT OR UPDATE ON system.policy_windows DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION system.refuse_policy_window();
ALTER TABLE system.policy_windows ENABLE ALWAYS TRIGGER policy_windows_never_committed;

REVOKE ALL ON FUNCTION system.table_fingerprint(regclass), system.manage_policies(regclass), system.open_policy_windows(),
  system.close_policy_windows(), system.refuse_policy_window() FROM PUBLIC;

-- +goose StatementBegin
DO $$
BEGIN
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    RETURN;
  END IF;
  CREATE EVENT TRIGGER insforge_policy_windows_open ON ddl_command_start EXECUTE FUNCTION system.open_policy_windows();
  CREATE EVENT TRIGGER insforge_policy_windows_close ON ddl_command_end EXECUTE FUNCTION system.close_policy_windows();
  ALTER EVENT TRIGGER insforge_policy_windows_open ENABLE ALWAYS;
  ALTER EVENT TRIGGER insforge_policy_windows_close ENABLE ALWAYS;
END
$$;
-- +goose StatementEnd
