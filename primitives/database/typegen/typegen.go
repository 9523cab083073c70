package typegen

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/engine/schema"
	"github.com/jackc/pgx/v5"
)

// Exposed returns the schemas that the record layer serves, public first. In a
// database that is not the product's, that is public alone.
func Exposed(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	const ours = `SELECT to_regprocedure('system.is_exposed_schema(text)') IS NOT NULL`
	var known bool
	if err := conn.QueryRow(ctx, ours).Scan(&known); err != nil {
		return nil, fmt.Errorf("read exposed schemas: %w", err)
	}
	if !known {
		return []string{defaultSchema}, nil
	}
	rows, err := conn.Query(ctx, `
		SELECT nspname::text
		  FROM pg_catalog.pg_namespace
		 WHERE system.is_exposed_schema(nspname)`)
	if err != nil {
		return nil, fmt.Errorf("read exposed schemas: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read exposed schemas: %w", err)
	}
	slices.SortFunc(names, publicFirst)
	return names, nil
}

const defaultSchema = "public"

func publicFirst(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == defaultSchema:
		return -1
	case b == defaultSchema:
		return 1
	}
	return strings.Compare(a, b)
}

// TypeScript returns the TypeScript of the schemas, public first regardless of
// their order. It fails on a schema that does not exist. The login needs no
// rights on the objects, since it only reads the catalog.
func TypeScript(ctx context.Context, conn *pgx.Conn, schemas []string) ([]byte, error) {
	schemas = slices.Clone(schemas)
	slices.SortFunc(schemas, publicFirst)
	schemas = slices.Compact(schemas)
	c, err := readCatalog(ctx, conn, schemas)
	if err != nil {
		return nil, fmt.Errorf("read the catalog: %w", err)
	}
	for _, name := range schemas {
		if !c.exists[name] {
			return nil, fmt.Errorf("there is no schema %q in this database", name)
		}
	}
	snapshot, err := schema.Load(ctx, conn, schema.Config{Schemas: schemas})
	if err != nil {
		return nil, err
	}
	p := printer{catalog: c, schemas: schemas, relationships: snapshot.Relationships}
	return p.file(), nil
}
