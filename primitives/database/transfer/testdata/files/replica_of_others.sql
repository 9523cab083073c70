-- want: 400 INVALID_INPUT Line 3: must be owner of table email_otps
SET session_replication_role = replica;
INSERT INTO auth.email_otps (email, purpose, otp_hash, expires_at) VALUES ('a@example.com', 'SIGN_IN', 'x', now());
