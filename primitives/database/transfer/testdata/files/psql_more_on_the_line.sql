-- want: 403 FORBIDDEN line 2: psql goes on with SQL behind \\
\echo the rest \\ CREATE TABLE notes (id int);
