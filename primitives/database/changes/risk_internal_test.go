package changes

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/sqltext"
)

func TestRisksAreTakenFromTheText(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string][]string{
		`ALTER TABLE t DROP a`: {breakingChange},
		`ALTER TABLE IF EXISTS ONLY "my.s"."t, DROP x" * DROP IF EXISTS a`:                      {breakingChange},
		`alter foreign table a.b.c drop column x cascade`:                                       {breakingChange},
		`ALTER TABLE type DROP CONSTRAINT c`:                                                    {breakingChange},
		`ALTER TABLE t ALTER COLUMN a SET DATA TYPE int USING f(a, 1)`:                          {breakingChange},
		`ALTER TABLE t ALTER "type" TYPE int`:                                                   {breakingChange},
		`ALTER TABLE U&"t\0061" UESCAPE '\' ALTER U&"b" UESCAPE '!' TYPE int`:                   {breakingChange},
		`ALTER TABLE t ADD a numeric(5, 2) DEFAULT f(1, 2), DROP b, DROP c`:                     {breakingChange, breakingChange},
		`ALTER TYPE pair DROP ATTRIBUTE a, ALTER ATTRIBUTE b TYPE int`:                          {breakingChange, breakingChange},
		`ALTER DOMAIN d DROP CONSTRAINT c`:                                                      {breakingChange},
		`ALTER DOMAIN d DROP NOT NULL`:                                                          nil,
		`ALTER TABLE t ALTER a DROP NOT NULL, ALTER "type" SET DEFAULT 1, ALTER b DROP DEFAULT`: nil,
		`ALTER TABLE t ADD COLUMN "DROP" text CHECK (a = 'DROP COLUMN a'), RENAME TO x`:         nil,
		`ALTER TABLE t ENABLE ROW LEVEL SECURITY /* DROP COLUMN a */`:                           nil,
		`ALTER TABLE t`:                             nil,
		`ALTER TABLE`:                               nil,
		`ALTER TABLE t DROP`:                        nil,
		`ALTER TABLE t ALTER`:                       nil,
		`ALTER TABLE t ALTER COLUMN`:                nil,
		`ALTER VIEW v ALTER COLUMN a DROP DEFAULT`:  nil,
		`DROP VIEW v`:                               nil,
		`drop /* x */ table if exists a, b cascade`: {dataLoss},
		`DROP OWNED BY project_admin`:               {dataLoss},
		`TRUNCATE ONLY t`:                           {dataLoss},
		`SELECT 'DROP TABLE t'`:                     nil,
		`DO $$ BEGIN UPDATE t SET a = 1; END $$`:    nil,
		`DO $$ BEGIN EXECUTE 'truncate t'; END $$`:  {dataLoss},
		`CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DROP TABLE t'`: nil,
	} {
		statements, err := sqltext.Split(sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		var got []string
		for _, f := range risks(statements) {
			got = append(got, f.Code)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", sql, diff)
		}
	}
}
