-- The dump of a hosted service's CLI ends like this.
-- want: 200
-- skips: RESET ALL
-- check: to_regclass('public.chair') IS NOT NULL
CREATE TABLE public.chair (id integer NOT NULL);
RESET ALL;
-- The end.
