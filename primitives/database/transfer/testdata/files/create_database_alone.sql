-- Nothing of the file goes into that database.
-- want: 403 FORBIDDEN CREATE DATABASE is not allowed
CREATE DATABASE shop;
CREATE TABLE public.till (id integer NOT NULL);
