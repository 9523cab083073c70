package sqlgen_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/engine/plan"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/schema"
	"github.com/insforge/insforge-go/primitives/database/engine/sqlgen"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected parts of testdata")

func name(n string) schema.Name { return schema.Name{Schema: "public", Name: n} }

// films is the schema of all cases.
func films() *schema.Snapshot {
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

// TestCases reads testdata: the file "request" is an HTTP request without its
// version; "want" is the SQL with its parameters, or the error.
func TestCases(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := outcome(string(archive.Files[0].Data))
			if *update {
				archive.Files = append(archive.Files[:1], txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(archive.Files[1].Data), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func outcome(text string) string {
	head, body, _ := strings.Cut(text, "\n\n")
	line, headers, _ := strings.Cut(head, "\n")
	method, uri, _ := strings.Cut(line, " ")
	path, query, _ := strings.Cut(uri, "?")
	h, _ := textproto.NewReader(bufio.NewReader(strings.NewReader(headers + "\n\n"))).ReadMIMEHeader()
	q, err := build(method, path, query, http.Header(h), strings.TrimSuffix(body, "\n"))
	var failed *request.Error
	switch {
	case errors.As(err, &failed):
		details, _ := json.Marshal(failed.Details)
		hint, _ := json.Marshal(failed.Hint)
		return fmt.Sprintf("%d %s %s\ndetails %s\nhint %s\n", failed.Status, failed.Code, failed.Message, details, hint)
	case err != nil:
		return err.Error() + "\n"
	}
	out := show(q.Main)
	if q.Count != nil {
		out += "count\n" + show(*q.Count)
	}
	return out
}

func build(method, path, query string, h http.Header, body string) (sqlgen.Query, error) {
	target := request.Target{Name: strings.TrimPrefix(path, "/")}
	if n, ok := strings.CutPrefix(path, "/rpc/"); ok {
		target = request.Target{Kind: request.Function, Name: n}
	}
	r, err := request.Parse(method, query, h, target, request.Options{Schemas: []string{"public"}})
	if err != nil {
		return sqlgen.Query{}, err
	}
	if err := r.SetBody([]byte(body)); err != nil {
		return sqlgen.Query{}, err
	}
	p, err := plan.Build(r, films(), plan.Options{Aggregates: true})
	if err != nil {
		return sqlgen.Query{}, err
	}
	return sqlgen.Build(p, sqlgen.Options{Count: r.Prefer.Count == "exact"}), nil
}

func show(s sqlgen.Statement) string {
	var b bytes.Buffer
	b.WriteString(strings.TrimSpace(s.SQL) + "\n")
	for i, a := range s.Args {
		if a == nil {
			fmt.Fprintf(&b, "$%d NULL\n", i+1)
			continue
		}
		fmt.Fprintf(&b, "$%d %q\n", i+1, a)
	}
	return b.String()
}

// FuzzStatement wants that no text of a request reaches the SQL: whatever is
// asked, outside quoted identifiers there are only the words that this package
// writes, and names of types as the grammar admits them.
func FuzzStatement(f *testing.F) {
	for _, seed := range []string{
		"select=*,directors!films_director_fkey(name)&year=gt.1&order=year.desc&limit=1", `select="a\"b"->'x'::int&or=(a.eq."x\"",b.in.(1,2))`,
		"title=like(any).{a,b}&data->x->>0=eq.1", "select=roles(part,actors(*))&roles.actors.name=eq.x", "select=count(),year.sum()::int",
		"order=directors(name).asc.nullsfirst", "select=...directors!films_editor_fkey(x:name)", "a=not.fts(english).x&select=", "and=(((((",
	} {
		f.Add(seed, `[{"title":"x"},{"title":"y"}]`)
	}
	s := films()
	f.Fuzz(func(t *testing.T, query, body string) {
		for _, method := range []string{"GET", "POST", "PATCH", "DELETE"} {
			r, err := request.Parse(method, query, http.Header{}, request.Target{Name: "films"}, request.Options{Schemas: []string{"public"}})
			if err != nil || r.SetBody([]byte(body)) != nil {
				continue
			}
			p, err := plan.Build(r, s, plan.Options{Aggregates: true})
			if err != nil {
				continue
			}
			checkSQL(t, sqlgen.Build(p, sqlgen.Options{}).Main)
		}
	})
}

// checkSQL takes the quoted parts out and looks at what is left.
func checkSQL(t *testing.T, s sqlgen.Statement) {
	var rest strings.Builder
	sql := s.SQL
	for i := 0; i < len(sql); i++ {
		if c := sql[i]; c != '"' && c != '\'' {
			rest.WriteByte(c)
			continue
		}
		quote := sql[i]
		closed := false
		for i++; i < len(sql); i++ {
			if sql[i] != quote {
				continue
			}
			if i+1 < len(sql) && sql[i+1] == quote {
				i++
				continue
			}
			closed = true
			break
		}
		if !closed {
			t.Fatalf("an open quote: %s", sql)
		}
	}
	if strings.ContainsAny(rest.String(), ";\\\x00") || strings.Contains(rest.String(), "--") || strings.Contains(rest.String(), "/*") {
		t.Fatalf("text of the request is in the SQL: %s", sql)
	}
	if strings.Count(rest.String(), "(") != strings.Count(rest.String(), ")") {
		t.Fatalf("unbalanced: %s", sql)
	}
}
