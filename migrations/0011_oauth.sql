-- Sign-ins with other providers in progress. Only the owner reads them.

-- +goose Up
-- States that a browser came back with, which cannot be used again.
CREATE TABLE auth.oauth_spent_states (
  digest bytea PRIMARY KEY,
  expires_at timestamptz NOT NULL
);
CREATE INDEX oauth_spent_states_expires_at_idx ON auth.oauth_spent_states (expires_at);

-- Codes that an application exchanges for a session. The user may be deleted
-- meanwhile; the answer to the code then says so.
CREATE TABLE auth.oauth_codes (
  digest bytea PRIMARY KEY,
  user_id uuid NOT NULL,
  code_challenge text NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX oauth_codes_expires_at_idx ON auth.oauth_codes (expires_at);
REVOKE ALL ON auth.oauth_spent_states, auth.oauth_codes FROM project_admin;
