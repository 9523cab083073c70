-- What comes with a change of owner is not passed over either.
-- want: 400 INVALID_INPUT Line 4: must be able to SET ROLE "anon"
CREATE TABLE notes (id int);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY, OWNER TO anon;
