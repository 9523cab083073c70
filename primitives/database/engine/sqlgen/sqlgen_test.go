package sqlgen_test

import (
	"bufio"
	"bytes"
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
	"github.com/insforge/insforge-go/primitives/database/engine/plan/plantest"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
	"github.com/insforge/insforge-go/primitives/database/engine/sqlgen"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected parts of testdata")

// TestCases reads testdata: the file "request" is an HTTP request without its
// version; "want" is the SQL with its parameters.
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
	if err != nil {
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
	p, err := plan.Build(r, plantest.Films(), plan.Options{Aggregates: true})
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
