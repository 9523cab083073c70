-- want: 403 FORBIDDEN the file goes on in another database (\connect)
\connect one
CREATE TABLE public.till (id integer NOT NULL);
\connect two
CREATE TABLE public.till (id integer NOT NULL);
