-- A script for psql, whose rows end more than once.
-- want: 200
-- rows: 2
-- skips: \set ON_ERROR_STOP on
-- skips: \encoding UTF8
-- skips: \echo 'the tables'; and more
-- skips: \.
-- skips: \timing off
-- check: (SELECT string_agg(name, ',' ORDER BY id) FROM spoon) = 'left,right'
\set ON_ERROR_STOP on
\encoding UTF8
CREATE TABLE spoon (id int, name text); -- one
  \echo 'the tables'; and more
COPY spoon (id, name) FROM stdin; -- two rows
1	left
2	right
\.
\.
\timing off
