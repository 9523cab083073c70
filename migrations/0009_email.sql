-- Tables of the email primitive. Only the owner reads them: the outbox and the
-- mailbox hold one-time codes, though sealed.

-- +goose Up
CREATE SCHEMA email;

-- Always one row.
CREATE TABLE email.config (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  enabled boolean NOT NULL DEFAULT false,
  host text NOT NULL DEFAULT '',
  port integer NOT NULL DEFAULT 465 CHECK (port IN (25, 465, 587, 2525)),
  username text NOT NULL DEFAULT '',
  password_encrypted text NOT NULL DEFAULT '',
  sender_email text NOT NULL DEFAULT '',
  sender_name text NOT NULL DEFAULT '',
  min_interval_seconds integer NOT NULL DEFAULT 60 CHECK (min_interval_seconds >= 0),
  -- Whether mails go to the development mailbox while enabled is false. NULL
  -- until an administrator says so: the server's setting counts.
  mailbox_enabled boolean,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX config_singleton_idx ON email.config ((1));
CREATE TRIGGER config_update_timestamp BEFORE UPDATE ON email.config
  FOR EACH ROW EXECUTE FUNCTION system.update_updated_at();
INSERT INTO email.config DEFAULT VALUES;

CREATE TABLE email.templates (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  template_type text NOT NULL UNIQUE,
  subject text NOT NULL,
  body_html text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER templates_update_timestamp BEFORE UPDATE ON email.templates
  FOR EACH ROW EXECUTE FUNCTION system.update_updated_at();

-- Mails on their way. A row is written before the first try and deleted after
-- the one that succeeds. next_attempt_at is after the end of the try in
-- progress: if the server dies during it, the mail is then left to the next
-- one.
CREATE TABLE email.outbox (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  kind text NOT NULL, -- a template's type, or raw
  recipients integer NOT NULL,
  sealed text, -- the mail; NULL once it has failed
  attempts integer NOT NULL DEFAULT 0,
  last_error text,
  next_attempt_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  failed_at timestamptz,
  created_at timestamptz NOT NULL,
  CHECK ((sealed IS NULL) = (failed_at IS NOT NULL))
);
CREATE INDEX outbox_due_idx ON email.outbox (next_attempt_at) WHERE failed_at IS NULL;
CREATE INDEX outbox_failed_idx ON email.outbox (failed_at) WHERE failed_at IS NOT NULL;

-- The development mailbox.
CREATE TABLE email.mailbox (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  number bigint GENERATED ALWAYS AS IDENTITY UNIQUE, -- the order of arrival
  kind text NOT NULL,
  sealed text NOT NULL,
  created_at timestamptz NOT NULL
);

-- +goose StatementBegin
WITH layout (html) AS (VALUES ($html$<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>[heading]</title>
</head>
<body style="margin:0;padding:0;background:#f4f5f7;">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="background:#f4f5f7;">
<tr><td align="center" style="padding:32px 16px;">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:480px;background:#ffffff;border:1px solid #e3e5e8;border-radius:8px;">
<tr><td style="padding:32px;font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:16px;line-height:24px;color:#1f2328;">
<h1 style="margin:0 0 16px;font-size:22px;line-height:30px;font-weight:600;">[heading]</h1>
<p style="margin:0 0 24px;">[text]</p>
[action]
<p style="margin:24px 0 0;font-size:14px;line-height:20px;color:#59636e;">[footnote]</p>
</td></tr>
</table>
</td></tr>
</table>
</body>
</html>
$html$)),
code (html) AS (VALUES (
$html$<p style="margin:0;padding:16px;background:#f4f5f7;border-radius:6px;text-align:center;font-family:ui-monospace,Menlo,Consolas,monospace;font-size:30px;line-height:36px;letter-spacing:6px;font-weight:600;">{{ token }}</p>$html$)),
link (html) AS (VALUES (
$html$<p style="margin:0;text-align:center;"><a href="{{ link }}" style="display:inline-block;padding:12px 28px;background:#1f2328;border-radius:6px;color:#ffffff;font-weight:600;text-decoration:none;">[label]</a></p>
<p style="margin:24px 0 0;font-size:14px;line-height:20px;color:#59636e;">If the button does nothing, copy this address into your browser:<br><a href="{{ link }}" style="color:#0550ae;word-break:break-all;">{{ link }}</a></p>$html$)),
texts (template_type, subject, heading, text, label, footnote) AS (VALUES
  ('email-verification-code', 'Verify your email', 'Confirm your email address',
   'Enter this code where you signed up to confirm that {{ email }} is yours.', NULL,
   'The code works once and for 15 minutes. If you did not sign up, you can ignore this message.'),
  ('email-verification-link', 'Verify your email', 'Confirm your email address',
   'Open this link to confirm that {{ email }} is yours.', 'Confirm email address',
   'The link works once and for 24 hours. If you did not sign up, you can ignore this message.'),
  ('request-otp', '{{ token }} is your verification code', 'Your sign-in code',
   'Enter this code to sign in as {{ email }}.', NULL,
   'The code works once and for 5 minutes. Nobody will ever ask you for it: if you did not try to sign in, ignore this message.'),
  ('reset-password-code', 'Reset your password', 'Choose a new password',
   'Somebody asked to reset the password of {{ email }}. If it was you, enter this code to go on.', NULL,
   'The code works once and for 15 minutes. If it was not you, ignore this message: your password stays as it is.'),
  ('reset-password-link', 'Reset your password', 'Choose a new password',
   'Somebody asked to reset the password of {{ email }}. If it was you, open this link to go on.', 'Reset password',
   'The link works once and for 24 hours. If it was not you, ignore this message: your password stays as it is.'))
INSERT INTO email.templates (template_type, subject, body_html)
SELECT t.template_type, t.subject,
       replace(replace(replace(replace(layout.html,
         '[heading]', t.heading),
         '[text]', t.text),
         '[footnote]', t.footnote),
         '[action]', CASE WHEN t.label IS NULL THEN code.html ELSE replace(link.html, '[label]', t.label) END)
  FROM texts t, layout, code, link;
-- +goose StatementEnd
