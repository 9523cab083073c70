-- One-time secrets that auth mails: codes and the tokens of links. One per
-- address and purpose; a new one replaces the one before it.

-- +goose Up
CREATE TABLE auth.email_otps (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  email text NOT NULL,
  purpose text NOT NULL CHECK (purpose IN ('VERIFY_EMAIL', 'RESET_PASSWORD', 'SIGN_IN')),
  -- A code's bcrypt hash, a token's SHA-256 in hexadecimal digits.
  otp_hash text NOT NULL,
  otp_type text NOT NULL DEFAULT 'NUMERIC_CODE' CHECK (otp_type IN ('NUMERIC_CODE', 'HASH_TOKEN')),
  -- Where the link leads.
  redirect_to text,
  attempts_count integer NOT NULL DEFAULT 0,
  expires_at timestamptz NOT NULL,
  consumed_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (email, purpose)
);
CREATE INDEX email_otps_expires_at_idx ON auth.email_otps (expires_at);
CREATE INDEX email_otps_otp_hash_idx ON auth.email_otps (otp_hash);
CREATE TRIGGER email_otps_update_timestamp BEFORE UPDATE ON auth.email_otps
  FOR EACH ROW EXECUTE FUNCTION system.update_updated_at();

GRANT SELECT, INSERT, UPDATE, DELETE ON auth.email_otps TO project_admin;
