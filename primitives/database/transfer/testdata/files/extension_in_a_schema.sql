-- The schema of a hosted service for its extensions is not in its dumps.
-- want: 400 INVALID_INPUT The file needs things that do not exist here: schemas for extensions "extensions" (line 3)
CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA "extensions"; CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA elsewhere;
