-- Tables of the auth primitive. Foreign keys and triggers of user tables may
-- point at auth.users.

-- +goose Up
CREATE TABLE auth.users (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  email text NOT NULL UNIQUE,
  password text,
  email_verified boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  profile jsonb DEFAULT '{}',
  metadata jsonb DEFAULT '{}',
  is_project_admin boolean NOT NULL DEFAULT false,
  is_anonymous boolean NOT NULL DEFAULT false
);
CREATE INDEX users_lower_email_idx ON auth.users (lower(email));

CREATE TABLE auth.user_providers (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE,
  provider text NOT NULL,
  provider_account_id text NOT NULL,
  access_token text,
  refresh_token text,
  provider_data jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (provider, provider_account_id)
);
CREATE INDEX user_providers_user_id_idx ON auth.user_providers (user_id);

-- One row at most; without it the built-in defaults apply.
CREATE TABLE auth.config (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  require_email_verification boolean NOT NULL DEFAULT false,
  password_min_length integer NOT NULL DEFAULT 6 CHECK (password_min_length BETWEEN 4 AND 128),
  require_number boolean NOT NULL DEFAULT false,
  require_lowercase boolean NOT NULL DEFAULT false,
  require_uppercase boolean NOT NULL DEFAULT false,
  require_special_char boolean NOT NULL DEFAULT false,
  verify_email_method text NOT NULL DEFAULT 'code' CHECK (verify_email_method IN ('code', 'link')),
  reset_password_method text NOT NULL DEFAULT 'code' CHECK (reset_password_method IN ('code', 'link')),
  allowed_redirect_urls text[] DEFAULT '{}',
  disable_signup boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX config_singleton_idx ON auth.config ((1));
CREATE TRIGGER config_update_timestamp BEFORE UPDATE ON auth.config
  FOR EACH ROW EXECUTE FUNCTION system.update_updated_at();

CREATE TABLE auth.oauth_configs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  provider text NOT NULL UNIQUE,
  client_id text,
  secret_id uuid REFERENCES system.secrets (id) ON DELETE RESTRICT,
  scopes text[],
  redirect_uri text,
  use_shared_key boolean NOT NULL DEFAULT false,
  native_client_ids text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER oauth_configs_update_timestamp BEFORE UPDATE ON auth.oauth_configs
  FOR EACH ROW EXECUTE FUNCTION system.update_updated_at();

CREATE TABLE auth.custom_oauth_configs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  key text NOT NULL UNIQUE CHECK (key ~ '^[a-z0-9_-]+$'),
  name text NOT NULL,
  discovery_endpoint text NOT NULL,
  client_id text NOT NULL,
  secret_id uuid NOT NULL REFERENCES system.secrets (id) ON DELETE RESTRICT,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER custom_oauth_configs_update_timestamp BEFORE UPDATE ON auth.custom_oauth_configs
  FOR EACH ROW EXECUTE FUNCTION system.update_updated_at();

GRANT SELECT, INSERT, UPDATE, DELETE, REFERENCES, TRIGGER ON auth.users TO project_admin;
GRANT SELECT ON auth.config TO project_admin;
GRANT SELECT, INSERT, UPDATE, DELETE ON auth.user_providers, auth.oauth_configs, auth.custom_oauth_configs TO project_admin;
