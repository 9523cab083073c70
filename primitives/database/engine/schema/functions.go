package schema

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// functions reads the functions that can be called by name: not triggers,
// and with at most one unnamed parameter, of a type that a body can be.
func (l *loader) functions(ctx context.Context) error {
	const q = `
WITH RECURSIVE bases AS (
	SELECT oid, typbasetype, oid AS base
	FROM pg_catalog.pg_type
	WHERE oid IN (
		SELECT p.prorettype
		FROM pg_catalog.pg_proc p
		JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
		WHERE n.nspname = ANY ($1))
	UNION ALL
	SELECT b.oid, t.typbasetype, t.oid
	FROM bases b
	JOIN pg_catalog.pg_type t ON t.oid = b.typbasetype
)
SELECT p.oid, n.nspname, p.proname, coalesce(d.description, ''),
	coalesce(p.proargnames, '{}'), coalesce(p.proargmodes::text[], '{}'),
	ARRAY(SELECT pg_catalog.format_type(a, NULL) FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) WITH ORDINALITY AS x(a, i) ORDER BY i),
	p.pronargs, p.pronargdefaults, tn.nspname, coalesce(c.relname, t.typname), p.proretset,
	t.typtype = 'c' OR coalesce(p.proargmodes::text[] && '{t,b,o}', false),
	p.provolatile::text, coalesce(p.proconfig, '{}')
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN bases b ON b.oid = p.prorettype AND b.typbasetype = 0
JOIN pg_catalog.pg_type t ON t.oid = b.base
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
LEFT JOIN pg_catalog.pg_description d ON d.objoid = p.oid AND d.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass
WHERE p.prokind = 'f' AND t.oid <> 'trigger'::pg_catalog.regtype AND n.nspname = ANY ($1)`
	var f Function
	var names, modes, types, config []string
	var inputs, defaults int
	var volatility string
	_, err := l.each(ctx, q, []any{l.config.Schemas}, []any{
		&f.oid, &f.Name.Schema, &f.Name.Name, &f.Description, &names, &modes, &types, &inputs, &defaults,
		&f.Returns.Schema, &f.Returns.Name, &f.SetOf, &f.Composite, &volatility, &config,
	}, func() error {
		made := f
		made.Parameters = parameters(names, modes, types, inputs-defaults)
		if !callable(made.Parameters) {
			return nil
		}
		made.Volatility = Volatility(volatility[0])
		made.Isolation, made.Settings = l.hoisted(config)
		l.snapshot.functions[made.Name] = append(l.snapshot.functions[made.Name], &made)
		return nil
	})
	for _, overloads := range l.snapshot.functions {
		slices.SortFunc(overloads, compareFunctions)
	}
	return err
}

func compareFunctions(a, b *Function) int {
	if c := cmp.Compare(len(a.Parameters), len(b.Parameters)); c != 0 {
		return c
	}
	for i, p := range a.Parameters {
		if c := strings.Compare(p.Name, b.Parameters[i].Name); c != 0 {
			return c
		}
		if c := strings.Compare(p.Type, b.Parameters[i].Type); c != 0 {
			return c
		}
	}
	return cmp.Compare(a.oid, b.oid)
}

// parameters keeps the inputs of all arguments; the first required ones have
// no default.
func parameters(names, modes, types []string, required int) []Parameter {
	var out []Parameter
	for i, typ := range types {
		mode := "i"
		if i < len(modes) {
			mode = modes[i]
		}
		if mode == "o" || mode == "t" {
			continue
		}
		p := Parameter{Type: typ, Wide: wide(typ), Required: len(out) < required, Variadic: mode == "v"}
		if i < len(names) {
			p.Name = names[i]
		}
		out = append(out, p)
	}
	return out
}

// wide is the type without a length limit: bare bit and character mean a
// length of one.
func wide(typ string) string {
	switch typ {
	case "bit", "bit[]":
		return strings.Replace(typ, "bit", "bit varying", 1)
	case "character", "character[]":
		return strings.Replace(typ, "character", "character varying", 1)
	}
	return typ
}

func callable(all []Parameter) bool {
	unnamed := 0
	for _, p := range all {
		if p.Name == "" {
			unnamed++
		}
	}
	switch unnamed {
	case 0:
		return true
	case 1:
		switch all[0].Type {
		case "bytea", "json", "jsonb", "text", "xml":
			return true
		}
	}
	return false
}

// hoisted splits a function's SET clauses into the isolation level and those
// that the configuration lifts to the transaction.
func (l *loader) hoisted(config []string) (isolation string, settings []Setting) {
	for _, c := range config {
		name, value, _ := strings.Cut(c, "=")
		switch {
		case !slices.Contains(l.config.Hoisted, name):
		case name == "default_transaction_isolation":
			isolation = strings.ToUpper(value)
		default:
			settings = append(settings, Setting{name, value})
		}
	}
	return isolation, settings
}
