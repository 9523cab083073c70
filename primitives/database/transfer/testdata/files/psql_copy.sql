-- want: 403 FORBIDDEN line 3: \copy reads a file on the machine that runs psql
CREATE TABLE spoon (id int, name text);
\copy spoon FROM 'spoon.csv' CSV HEADER
