-- want: 200
-- check: extensions.uuid_nil() IS NOT NULL
CREATE SCHEMA IF NOT EXISTS "extensions";
CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA "extensions";
