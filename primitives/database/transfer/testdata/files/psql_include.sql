-- want: 403 FORBIDDEN line 2: \ir reads a file beside psql
\ir tables.sql
