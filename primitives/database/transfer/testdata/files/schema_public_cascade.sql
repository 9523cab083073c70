-- What is in the schema would stay, so this is not passed over.
-- want: 400 INVALID_INPUT Line 4: must be owner of schema public
CREATE TABLE before (id int);
DROP SCHEMA public CASCADE;
