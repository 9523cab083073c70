package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/sqltext"
)

// openTables are the tables that clients can reach and that row-level security
// does not guard, as quoted names.
const openTables = `
	SELECT c.oid::text AS oid, format('%I.%I', n.nspname, c.relname) AS name
	  FROM pg_catalog.pg_class c
	  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	 WHERE c.relkind IN ('r', 'p')
	   AND NOT c.relrowsecurity
	   AND c.relpersistence <> 't'
	   AND n.nspname NOT IN ('pg_catalog', 'information_schema')
	   AND EXISTS (SELECT FROM unnest(ARRAY['anon', 'authenticated']) role
	                WHERE has_schema_privilege(role, n.oid, 'USAGE')
	                  AND has_table_privilege(role, c.oid, 'SELECT, INSERT, UPDATE, DELETE'))
	 ORDER BY name`

// openTables returns those tables by their oid, or nil when the project does
// not say; then there is no warning.
func (p *project) openTables(ctx context.Context) map[string]string {
	var answer struct {
		Rows []struct{ OID, Name string }
	}
	if err := p.call(ctx, http.MethodPost, rawSQLPath, sqlRequest{Query: openTables}, &answer); err != nil {
		return nil
	}
	found := map[string]string{}
	for _, r := range answer.Rows {
		found[r.OID] = r.Name
	}
	return found
}

// mayCreateTables reports whether SQL has to be looked at for tables that it
// makes: it has a word of DDL somewhere, or SELECT … INTO.
func mayCreateTables(sql string) bool {
	statements, err := sqltext.Split(sql)
	if err != nil {
		return false // the project will refuse it
	}
	for _, s := range statements {
		if command := s.Command(); command != "SELECT" && command != "WITH" {
			continue
		}
		for t := range s.Tokens() {
			if t.Is("into") {
				return true
			}
		}
	}
	return sqltext.HasDDL(statements)
}

// warnOfOpenTables writes one line about the tables that were not there, or
// were guarded, before.
func warnOfOpenTables(w io.Writer, before, after map[string]string) {
	var names, remedy []string
	for oid, name := range after {
		if _, there := before[oid]; !there {
			names = append(names, name)
		}
	}
	if before == nil || len(names) == 0 {
		return
	}
	slices.Sort(names)
	for i, name := range names {
		names[i] = printable(name)
		remedy = append(remedy, "ALTER TABLE "+names[i]+" ENABLE ROW LEVEL SECURITY")
	}
	fmt.Fprintf(w, "insforge: without row-level security, anyone with the anon key can read or write %s; to guard it: %s\n",
		strings.Join(names, ", "), strings.Join(remedy, "; "))
}
