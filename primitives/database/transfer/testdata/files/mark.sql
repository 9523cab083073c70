-- An editor put a byte order mark in front, and cat put another file behind.
-- want: 200
-- check: to_regclass($$b$$) IS NOT NULL
CREATE TABLE a ();
﻿CREATE TABLE b ();
