--
-- PostgreSQL database dump
--

\restrict Ou7AEoa02vagp9sS4IIEW7Tcn2aTgfKm9FlVkMS3wPHUWxlb7kgYAjmpAqdr8nX

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: mood; Type: TYPE; Schema: public; Owner: -
--

CREATE TYPE public.mood AS ENUM (
    'sad',
    'it''s ok'
);


--
-- Name: shout(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.shout(t text) RETURNS text
    LANGUAGE sql
    AS $$ SELECT upper(t) || ';' $$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: authors; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.authors (
    id integer NOT NULL,
    name text NOT NULL,
    mood public.mood DEFAULT 'sad'::public.mood
);


--
-- Name: authors_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.authors_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: authors_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.authors_id_seq OWNED BY public.authors.id;


--
-- Name: nothing; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.nothing (
    id integer
);


--
-- Name: posts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.posts (
    id bigint NOT NULL,
    author integer,
    "Title; x" text,
    body text,
    raw bytea,
    at timestamp with time zone
);


--
-- Name: TABLE posts; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.posts IS 'semi; colon';


--
-- Name: posts_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.posts ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.posts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: titles; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.titles AS
 SELECT posts."Title; x"
   FROM public.posts;


--
-- Name: authors id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.authors ALTER COLUMN id SET DEFAULT nextval('public.authors_id_seq'::regclass);


--
-- Data for Name: authors; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.authors VALUES (1, 'ann', 'sad');
INSERT INTO public.authors VALUES (2, 'tab	new
line \ back', 'sad');
INSERT INTO public.authors VALUES (3, 'COPY public.authors FROM stdin;', 'sad');


--
-- Data for Name: nothing; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: posts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.posts OVERRIDING SYSTEM VALUE VALUES (1, 2, 'post 1', NULL, '\x00ff5c', '2024-01-01 01:00:00+00');
INSERT INTO public.posts OVERRIDING SYSTEM VALUE VALUES (2, 3, 'post 2', '\.
-- '' set_config', '\x00ff5c', '2024-01-01 02:00:00+00');
INSERT INTO public.posts OVERRIDING SYSTEM VALUE VALUES (3, 1, 'post 3', NULL, '\x00ff5c', '2024-01-01 03:00:00+00');
INSERT INTO public.posts OVERRIDING SYSTEM VALUE VALUES (4, 2, 'post 4', '\.
-- '' set_config', '\x00ff5c', '2024-01-01 04:00:00+00');
INSERT INTO public.posts OVERRIDING SYSTEM VALUE VALUES (5, 3, 'post 5', NULL, '\x00ff5c', '2024-01-01 05:00:00+00');


--
-- Name: authors_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.authors_id_seq', 3, true);


--
-- Name: posts_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.posts_id_seq', 5, true);


--
-- Name: authors authors_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.authors
    ADD CONSTRAINT authors_pkey PRIMARY KEY (id);


--
-- Name: posts posts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.posts
    ADD CONSTRAINT posts_pkey PRIMARY KEY (id);


--
-- Name: posts_author_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX posts_author_idx ON public.posts USING btree (author);


--
-- Name: posts posts_author_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.posts
    ADD CONSTRAINT posts_author_fkey FOREIGN KEY (author) REFERENCES public.authors(id) ON DELETE CASCADE;


--
-- Name: posts p; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY p ON public.posts FOR SELECT TO anon USING (true);


--
-- Name: posts; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.posts ENABLE ROW LEVEL SECURITY;

--
-- Name: TABLE posts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.posts TO anon;


--
-- PostgreSQL database dump complete
--

\unrestrict Ou7AEoa02vagp9sS4IIEW7Tcn2aTgfKm9FlVkMS3wPHUWxlb7kgYAjmpAqdr8nX

