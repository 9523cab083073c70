-- The role that projects of Supabase grant to and name in policies, so that
-- their files run here: an alias of project_admin's rights. No one can become
-- it: it cannot log in, has no members, and no request can name it. Nothing
-- belongs to it either, since only a member could give it an object.

-- +goose Up
-- +goose StatementBegin
DO $$
BEGIN
  -- Roles belong to the whole cluster. One that someone else made may have
  -- members, who must not gain project_admin's rights through it: that one is
  -- left unchanged.
  IF to_regrole('service_role') IS NOT NULL THEN
    RETURN;
  END IF;
  CREATE ROLE service_role NOLOGIN INHERIT;
  IF current_setting('server_version_num')::int >= 160000 THEN
    EXECUTE 'GRANT project_admin TO service_role WITH INHERIT TRUE, SET FALSE, ADMIN FALSE';
  ELSE
    GRANT project_admin TO service_role;
  END IF;
END
$$;
-- +goose StatementEnd
