-- want: 403 FORBIDDEN line 2: \! is a command of psql, not SQL
\! id
