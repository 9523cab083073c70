-- want: 403 FORBIDDEN line 2: \ir reads a file on the machine that runs psql
\ir tables.sql
