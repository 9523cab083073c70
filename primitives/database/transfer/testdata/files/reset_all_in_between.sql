-- What follows may count on it.
-- want: 403 FORBIDDEN RESET ALL is not allowed
SET DateStyle = 'German';
RESET ALL;
CREATE TABLE public.chair (at date DEFAULT '2024-01-02');
