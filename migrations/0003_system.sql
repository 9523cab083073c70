-- Tables of schema system: audit log, secrets, and what the instance knows
-- about itself.

-- +goose Up
CREATE TABLE system.audit_logs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  actor text NOT NULL,
  action text NOT NULL,
  module text NOT NULL,
  details jsonb,
  ip_address inet,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX audit_logs_actor_idx ON system.audit_logs (actor);
CREATE INDEX audit_logs_module_idx ON system.audit_logs (module);
CREATE INDEX audit_logs_created_at_idx ON system.audit_logs (created_at DESC);
CREATE TRIGGER audit_logs_update_timestamp BEFORE UPDATE ON system.audit_logs
  FOR EACH ROW EXECUTE FUNCTION system.update_updated_at();

CREATE TABLE system.secrets (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  key varchar(255) NOT NULL UNIQUE,
  value_ciphertext text NOT NULL,
  is_active boolean NOT NULL DEFAULT true,
  is_reserved boolean NOT NULL DEFAULT false,
  last_used_at timestamptz,
  expires_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER secrets_update_timestamp BEFORE UPDATE ON system.secrets
  FOR EACH ROW EXECUTE FUNCTION system.update_updated_at();

-- Secrets whose knowledge identifies the server, as SHA-256 digests. Only the
-- owner reads them.
CREATE TABLE system.instance (
  name text PRIMARY KEY,
  digest bytea NOT NULL
);
REVOKE ALL ON system.instance FROM project_admin;

-- Writes one audit row inside the transaction of the change it records, even
-- where that transaction runs as the project's admin, who must not be able to
-- write one by hand: the first argument is a token that only the server knows.
-- +goose StatementBegin
CREATE FUNCTION system.record_audit(token bytea, actor text, action text, module text, details jsonb, ip inet)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM system.instance i WHERE i.name = 'audit' AND i.digest = sha256(token)) THEN
    RAISE insufficient_privilege USING MESSAGE = 'permission denied for function record_audit';
  END IF;
  INSERT INTO system.audit_logs (actor, action, module, details, ip_address)
  VALUES (actor, action, module, details, ip);
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION system.record_audit(bytea, text, text, text, jsonb, inet) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION system.record_audit(bytea, text, text, text, jsonb, inet) TO project_admin;
