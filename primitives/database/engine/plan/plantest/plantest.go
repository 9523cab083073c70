// Package plantest provides a schema for tests of plans and of the SQL generated
// from them.
package plantest

import (
	"strings"

	"github.com/insforge/insforge-go/primitives/database/engine/schema"
)

// name is a name in the schema public.
func name(n string) schema.Name { return schema.Name{Schema: "public", Name: n} }

// Films is a schema of films, their people and some functions.
func Films() *schema.Snapshot {
	column := func(n, typ string) schema.Column {
		return schema.Column{Name: n, Type: typ, Nominal: typ, Plain: !strings.HasSuffix(typ, "[]")}
	}
	withDefault := func(c schema.Column, expr string) schema.Column {
		c.Default = expr
		return c
	}
	table := func(n string, pk []string, columns ...schema.Column) schema.Table {
		return schema.Table{Name: name(n), PK: pk, Columns: columns, Insertable: true, Updatable: true, Deletable: true}
	}
	to := func(from, column, target, constraint string) schema.Relationship {
		return schema.Relationship{
			Table: name(from), Foreign: name(target), Self: from == target, Cardinality: schema.ManyToOne,
			Constraint: constraint, Columns: [][2]string{{column, "id"}},
		}
	}
	return schema.Assemble([]string{"public"}, []schema.Table{
		table("films", []string{"id"}, withDefault(column("id", "bigint"), "nextval('s'::regclass)"), column("title", "text"),
			column("year", "integer"), column("director_id", "bigint"), column("editor_id", "bigint"), column("data", "jsonb"),
			column("plot", "tsvector")),
		table("directors", []string{"id"}, column("id", "bigint"), column("name", "text"), column("awards", "text[]"), column("boss_id", "bigint")),
		table("actors", []string{"id"}, column("id", "bigint"), column("name", "text")),
		table("roles", []string{"film_id", "actor_id"}, column("film_id", "bigint"), column("actor_id", "bigint"), column("part", "text")),
	}, []schema.Relationship{
		to("films", "director_id", "directors", "films_director_fkey"), to("films", "editor_id", "directors", "films_editor_fkey"),
		to("roles", "film_id", "films", "roles_film_fkey"), to("roles", "actor_id", "actors", "roles_actor_fkey"),
		to("directors", "boss_id", "directors", "directors_boss_fkey"),
	}, []schema.Function{
		{Name: name("add"), Parameters: []schema.Parameter{{Name: "a", Type: "integer", Wide: "integer", Required: true}, {Name: "b", Type: "integer", Wide: "integer"}},
			Returns: schema.Name{Schema: "pg_catalog", Name: "int4"}, Volatility: 'i'},
		{Name: name("best"), Parameters: []schema.Parameter{{Name: "of", Type: "text[]", Wide: "text[]", Required: true, Variadic: true}},
			Returns: name("films"), SetOf: true, Composite: true, Volatility: 's'},
		{Name: name("take"), Parameters: []schema.Parameter{{Type: "jsonb", Wide: "jsonb", Required: true}},
			Returns: schema.Name{Schema: "pg_catalog", Name: "void"}, Volatility: 'v'},
	})
}
