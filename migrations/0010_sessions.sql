-- Sessions of users and administrators. A row is one session: a family of
-- refresh tokens, each of which replaced the one before it.

-- +goose Up
CREATE TABLE auth.sessions (
  id uuid PRIMARY KEY,
  user_id uuid REFERENCES auth.users (id) ON DELETE CASCADE,
  -- An administrator's session: the label, and a digest of the sign-in that it
  -- was opened with.
  admin text,
  admin_credential bytea,
  client_type text NOT NULL,
  user_agent text NOT NULL DEFAULT '',
  ip_address inet,
  -- The one token that is good now: how many came before it, and its digest.
  generation bigint NOT NULL DEFAULT 0,
  token_digest bytea NOT NULL,
  -- When the tokens before it were exchanged, the latest last. Only recent
  -- ones are kept, and always the latest.
  exchanged_at timestamptz[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  CHECK ((user_id IS NULL) = (admin IS NOT NULL AND admin_credential IS NOT NULL))
);
CREATE INDEX sessions_user_id_idx ON auth.sessions (user_id, last_used_at);
CREATE INDEX sessions_admin_idx ON auth.sessions (last_used_at) WHERE admin IS NOT NULL;
CREATE INDEX sessions_expires_at_idx ON auth.sessions (expires_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON auth.sessions TO project_admin;
