-- The head of a well-known sample database, with its banner.
-- want: 200
-- rows: 2
-- skips: DROP DATABASE IF EXISTS chinook
-- skips: CREATE DATABASE chinook
-- skips: \c chinook;
-- check: (SELECT string_agg(title, ',' ORDER BY album_id) FROM album) = 'Balls to the Wall,Let''s go'
/*******************************************************************************
   Drop database if it exists; then create it
********************************************************************************/
DROP DATABASE IF EXISTS chinook;


/*******************************************************************************
   Create database
********************************************************************************/
CREATE DATABASE chinook;


\c chinook;

CREATE TABLE album
(
    album_id INT NOT NULL,
    title VARCHAR(160) NOT NULL,
    CONSTRAINT album_pkey PRIMARY KEY  (album_id)
);
INSERT INTO album (album_id, title) VALUES
    (1, N'Balls to the Wall'),
    (2, N'Let''s go');
