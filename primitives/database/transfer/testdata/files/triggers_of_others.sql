-- Nothing is switched off that is not the project's.
-- want: 400 INVALID_INPUT Line 3: must be owner of table users
ALTER TABLE auth.users DISABLE TRIGGER ALL;
ALTER TABLE auth.users ENABLE TRIGGER ALL;
