package engine

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/insforge/insforge-go/primitives/database/engine/openapi"
	"github.com/insforge/insforge-go/primitives/database/engine/plan"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
	"github.com/insforge/insforge-go/primitives/database/engine/sqlgen"
	"github.com/jackc/pgx/v5/pgconn"
)

// inspect answers the root with the OpenAPI document.
func (e *Engine) inspect(ctx context.Context, w http.ResponseWriter, in *incoming, a *asked, clock *timing) error {
	o := e.options.OpenAPI
	if o.Mode == OpenAPIDisabled {
		return request.NewError(http.StatusNotFound, "PGRST126", "Root endpoint metadata is disabled")
	}
	if err := acceptsOpenAPI(a.request); err != nil {
		return err
	}
	v, err := e.visible(ctx, in, a)
	if err != nil {
		return err
	}
	var tables []*schema.Table
	a.snapshot.Tables(func(t *schema.Table) {
		if t.Name.Schema == a.request.Schema && (v.tables[t.OID()] || o.Mode == OpenAPIIgnorePrivileges) {
			tables = append(tables, t)
		}
	})
	var functions []*schema.Function
	a.snapshot.AllFunctions(func(f *schema.Function) {
		if f.Name.Schema == a.request.Schema && (v.functions[f.OID()] || o.Mode == OpenAPIIgnorePrivileges) {
			functions = append(functions, f)
		}
	})
	slices.SortFunc(tables, func(a, b *schema.Table) int { return cmp.Compare(a.Name.Name, b.Name.Name) })
	slices.SortFunc(functions, func(a, b *schema.Function) int {
		return cmp.Or(cmp.Compare(a.Name.Name, b.Name.Name), cmp.Compare(a.OID(), b.OID()))
	})
	info := openapi.Info{
		Comment: v.comment, Version: o.Version, Scheme: o.Scheme, Host: o.Host, BasePath: o.BasePath, Security: o.Security,
	}
	if o.Mode == OpenAPIFollowPrivileges {
		// As the caller's own search path would print them.
		info.Near = a.request.Schema
	}
	text, err := openapi.Document(a.snapshot, tables, functions, info)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/openapi+json; charset=utf-8")
	if a.request.Negotiated {
		h.Set("Content-Profile", a.request.Schema)
	}
	clock.write(w)
	w.WriteHeader(http.StatusOK)
	if !a.request.HeadersOnly {
		_, _ = w.Write(text) // the client went away
	}
	return nil
}

func acceptsOpenAPI(r *request.Request) error {
	for _, m := range r.Accept {
		switch m.Media {
		case request.OpenAPI, request.JSON, request.Any:
			return nil
		}
	}
	return plan.MediaTypeError(r.Accept)
}

// visible is what the caller may use of a schema.
type visible struct {
	tables, functions map[uint32]bool
	comment           string
}

const visibleSQL = `
SELECT 't', c.oid::text
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('v', 'r', 'm', 'f', 'p') AND (
	pg_catalog.pg_has_role(c.relowner, 'USAGE')
	OR pg_catalog.has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
	OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE, REFERENCES'))
UNION ALL
SELECT 'f', p.oid::text
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = $1 AND pg_catalog.has_function_privilege(p.oid, 'execute')
UNION ALL
SELECT 'c', pg_catalog.obj_description(n.oid, 'pg_namespace')
FROM pg_catalog.pg_namespace n
WHERE n.nspname = $1`

func (e *Engine) visible(ctx context.Context, in *incoming, a *asked) (visible, error) {
	v := visible{tables: map[uint32]bool{}, functions: map[uint32]bool{}}
	conn, err := e.acquire(ctx)
	if err != nil {
		return v, err
	}
	defer conn.Release()
	p := planned{snapshot: a.snapshot, request: a.request, plan: &plan.Plan{Kind: request.Inspect, ReadOnly: true}}
	c := converse(ctx, conn.Conn().PgConn(), statementsOf(conn.Conn().PgConn()))
	c.step("", e.prologue(new(settings), in, &p, true, ""), results{}, nil)
	list := sqlgen.Statement{SQL: visibleSQL, Args: [][]byte{[]byte(a.request.Schema)}}
	c.step(in.caller.Role, list, results{}, func(_ sent, r *pgconn.ResultReader) error {
		for r.NextRow() {
			kind, text := string(r.Values()[0]), string(r.Values()[1])
			if kind == "c" {
				v.comment = text
				continue
			}
			oid, err := strconv.ParseUint(text, 10, 32)
			if err != nil {
				return err
			}
			if kind == "t" {
				v.tables[uint32(oid)] = true
			} else {
				v.functions[uint32(oid)] = true
			}
		}
		return nil
	})
	err = c.readAll()
	if cerr := c.pipeline.Close(); err == nil {
		err = cerr
	}
	return v, err
}
