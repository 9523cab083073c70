-- One setting has many spellings.
-- want: 200
-- skips: set statement_timeout to 0
-- skips: SET SESSION statement_timeout = '0'
-- skips: SET LOCAL lock_timeout TO '0ms'
-- skips: SET "Idle_In_Transaction_Session_Timeout"=0
-- skips: SET transaction_timeout = 0
-- skips: SET idle_session_timeout TO DEFAULT
-- skips: RESET statement_timeout
-- skips: SELECT pg_catalog.set_config('search_path', '', false)
-- skips: select set_config ( 'Search_Path' , 'public, pg_catalog' , FALSE )
-- skips: SELECT pg_catalog.set_config('statement_timeout', '0', false)
-- check: to_regclass('public.bench') IS NOT NULL
set statement_timeout to 0;
SET SESSION statement_timeout = '0';
SET LOCAL lock_timeout TO '0ms';
SET "Idle_In_Transaction_Session_Timeout"=0;
SET transaction_timeout = 0;
SET idle_session_timeout TO DEFAULT;
RESET statement_timeout;
SELECT pg_catalog.set_config('search_path', '', false);
select set_config ( 'Search_Path' , 'public, pg_catalog' , FALSE );
SELECT pg_catalog.set_config('statement_timeout', '0', false);
SET client_encoding TO utf8;
SET xmloption TO content;
SET SESSION row_security TO 'off';
SET default_with_oids = false;
CREATE TABLE bench (id integer NOT NULL);
