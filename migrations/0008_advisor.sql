-- What the advisor found in the project's database, and what its administrators
-- chose to ignore.

-- +goose Up
CREATE TABLE system.advisor_scans (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'completed', 'failed')),
  scan_type text NOT NULL DEFAULT 'manual' CHECK (scan_type IN ('manual', 'scheduled')),
  scanned_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  error_message text
);
CREATE INDEX advisor_scans_scanned_at_idx ON system.advisor_scans (scanned_at DESC);

CREATE TABLE system.advisor_findings (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  scan_id uuid NOT NULL REFERENCES system.advisor_scans (id) ON DELETE CASCADE,
  rule_id text NOT NULL,
  severity text NOT NULL CHECK (severity IN ('critical', 'warning', 'info')),
  category text NOT NULL CHECK (category IN ('security', 'performance', 'health')),
  title text NOT NULL,
  description text NOT NULL,
  affected_object text,
  recommendation text,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX advisor_findings_scan_id_idx ON system.advisor_findings (scan_id);

CREATE TABLE system.advisor_suppressions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  rule_id text NOT NULL,
  affected_object text,
  scope text NOT NULL DEFAULT 'instance' CHECK (scope IN ('instance', 'rule')),
  reason text NOT NULL CHECK (reason IN ('false_positive', 'accepted_risk', 'wont_fix', 'other')),
  note text,
  created_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  CHECK ((scope = 'rule') = (affected_object IS NULL))
);
CREATE UNIQUE INDEX advisor_suppressions_target_idx
  ON system.advisor_suppressions (rule_id, coalesce(affected_object, ''));

-- The advisor's rule about slow statements reads these counters. Only a
-- superuser may create the extension, and not every server has it.
-- +goose StatementBegin
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_stat_statements') THEN
    CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA system;
  END IF;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE NOTICE 'no right to create pg_stat_statements: the advisor will not see slow statements';
END
$$;
-- +goose StatementEnd
