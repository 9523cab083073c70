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
