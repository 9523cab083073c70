-- setup: CREATE TABLE a (id int PRIMARY KEY)
-- want: 400 INVALID_INPUT Line 4: MERGE is not supported while triggers are switched off
SET session_replication_role TO replica;
MERGE INTO a USING (SELECT 1 AS id) s ON a.id = s.id WHEN NOT MATCHED THEN INSERT VALUES (s.id);
