package transfer

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/sqltext"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/quote"
	"github.com/jackc/pgx/v5"
)

// Bounds of how many needs of a file are noted, and named in an answer.
const (
	maxNeeds      = 1000
	maxNeedsNamed = 20
)

// needs are what a file expects to exist on the server, each with the line that
// names it first.
type needs struct {
	roles, extensions map[string]int
	// schemas are those of extensions, by the extension, except for schemas that
	// the file makes, which are in made.
	schemas map[string]string
	made    map[string]bool
}

func newNeeds() needs {
	return needs{roles: map[string]int{}, extensions: map[string]int{}, schemas: map[string]string{}, made: map[string]bool{}}
}

// read notes what a statement needs.
func (n *needs) read(s sqltext.Statement) {
	c := startOf(s)
	switch s.Command() {
	case "GRANT", "REVOKE", "ALTER DEFAULT PRIVILEGES":
		for c.skipTo("on") {
			if at := *c; at.skipTo("to") {
				n.readRoles(s, &at)
			} else if c.skipTo("from") {
				n.readRoles(s, c)
			}
		}
	case "CREATE POLICY", "ALTER POLICY":
		c.skipTo("policy")
		c.name()
		if !c.pass("on") {
			return
		}
		if _, ok := c.table(); ok && !c.pass("rename") && c.skipTo("to") {
			n.readRoles(s, c)
		}
	case "CREATE SCHEMA":
		c.pass("create", "schema")
		c.pass("if", "not", "exists")
		if len(n.made) < maxNeeds {
			n.made[c.name()] = true
		}
	case "CREATE EXTENSION":
		c.pass("create", "extension")
		c.pass("if", "not", "exists")
		extension := c.name()
		note(n.extensions, extension, s.Line)
		if c.skipTo("schema") && n.extensions[extension] == s.Line {
			if schema := c.name(); !n.made[schema] {
				n.schemas[extension] = schema
			}
		}
	}
}

// readRoles notes the roles of a list.
func (n *needs) readRoles(s sqltext.Statement, c *cursor) {
	for {
		c.pass("group")
		role := c.name()
		if !slices.Contains([]string{"public", "current_user", "current_role", "session_user"}, role) {
			note(n.roles, role, s.Line)
		}
		if !c.punct(",") {
			return
		}
	}
}

func note(names map[string]int, name string, line int) {
	if _, known := names[name]; !known && name != "" && len(names) < maxNeeds {
		names[name] = line
	}
}

// check makes sure that the server has everything that the file needs; the
// error names all that is missing. belongs reports whether an extension exists
// and is not the caller's to change.
func (n *needs) check(ctx context.Context, tx pg.Tx) (belongs func(extension string) bool, err error) {
	extensions := slices.AppendSeq([]string{}, maps.Keys(n.extensions))
	into := make([]string, len(extensions))
	for i, extension := range extensions {
		into[i] = n.schemas[extension]
	}
	var roles, absent, untrusted, homeless, foreign []string
	err = tx.QueryRow(ctx, `
		WITH wanted AS (
		  SELECT name, schema
		    FROM unnest($2::text[], $3::text[]) w (name, schema) -- with several arrays it cannot be qualified
		   WHERE name NOT IN (SELECT extname FROM pg_catalog.pg_extension)
		)
		SELECT ARRAY(SELECT r FROM pg_catalog.unnest($1::text[]) r WHERE r NOT IN (SELECT rolname FROM pg_catalog.pg_roles)),
		       ARRAY(SELECT name FROM wanted WHERE name NOT IN (SELECT name FROM pg_catalog.pg_available_extensions)),
		       ARRAY(SELECT name FROM wanted JOIN pg_catalog.pg_available_extension_versions v USING (name)
		              WHERE NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
		              GROUP BY name
		             HAVING pg_catalog.bool_and(v.superuser AND NOT v.trusted)),
		       ARRAY(SELECT name FROM wanted WHERE schema <> '' AND schema NOT IN (SELECT nspname FROM pg_catalog.pg_namespace)),
		       ARRAY(SELECT extname::text FROM pg_catalog.pg_extension WHERE NOT pg_catalog.pg_has_role(extowner, 'USAGE'))`,
		pgx.QueryExecModeExec, slices.AppendSeq([]string{}, maps.Keys(n.roles)), extensions, into).
		Scan(&roles, &absent, &untrusted, &homeless, &foreign)
	if err != nil {
		return nil, fmt.Errorf("look for what the file needs: %w", err)
	}
	homeless = slices.DeleteFunc(homeless, func(e string) bool { return slices.Contains(absent, e) || slices.Contains(untrusted, e) })
	schemas := map[string]int{}
	for _, extension := range homeless {
		note(schemas, n.schemas[extension], n.extensions[extension])
	}
	var missing, advice []string
	for _, m := range []struct {
		what   string
		names  []string
		lines  map[string]int
		advice string
	}{
		{"roles", roles, n.roles, "Leave out what is granted to these roles and let policies name anon, authenticated or project_admin; pg_dump --no-privileges leaves out grants."},
		{"extensions", absent, n.extensions, "Leave out the extensions that are not installed on the server, and what uses them."},
		{"extensions that only the owner of the database may create:", untrusted, n.extensions, "Create these extensions as the owner of the database first, or leave them out."},
		{"schemas for extensions", slices.Collect(maps.Keys(schemas)), schemas, "Put CREATE SCHEMA statements for them first."},
	} {
		if len(m.names) > 0 {
			missing, advice = append(missing, m.what+" "+list(m.names, m.lines)), append(advice, m.advice)
		}
	}
	if len(missing) > 0 {
		return nil, fault.Invalid("The file needs things that do not exist here: " + strings.Join(missing, "; ")).
			Next(strings.Join(advice, " ") + " Nothing was imported.")
	}
	return func(extension string) bool { return slices.Contains(foreign, extension) }, nil
}

// list names what is missing, in the order of the file.
func list(names []string, lines map[string]int) string {
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(lines[a], lines[b]), cmp.Compare(a, b)) })
	var b strings.Builder
	for i, name := range names {
		if i == maxNeedsNamed {
			fmt.Fprintf(&b, " and %d more", len(names)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s (line %d)", quote.Identifier(shown(name)), lines[name])
	}
	return b.String()
}
