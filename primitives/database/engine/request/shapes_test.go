package request_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
)

func TestShapesTakeOutTheValuesOfPlainComparisons(t *testing.T) {
	t.Parallel()
	s := request.NewShapes()
	for _, c := range []struct {
		query string
		// marked is the shape with <A> for the first mark, and so on.
		marked string
		values []string
	}{
		{"id=eq.7", "id=eq.<A>", []string{"7"}},
		{"?id=eq.7&", "?id=eq.<A>&", []string{"7"}},
		{"a=not.neq.x%20y+z;b.c=gte.1.5&select=*", "a=not.neq.<A>;b.c=gte.<B>&select=*", []string{"x y z", "1.5"}},
		{"a=gt.%zz&b=lt.=&c=lte.eq.1", "a=gt.<A>&b=lt.<B>&c=lte.<C>", []string{"%zz", "=", "eq.1"}},
		{"data->>x=eq.%ff", "data->>x=eq.<A>", []string{"\uFFFD"}},
	} {
		shape, values := s.Of(c.query)
		mark, _ := s.Of("=&x=eq.1")
		mark = strings.TrimSuffix(strings.TrimPrefix(mark, "=&x=eq."), "A")
		for _, letter := range "ABC" {
			shape = strings.ReplaceAll(shape, mark+string(letter), "<"+string(letter)+">")
		}
		if shape != c.marked {
			t.Errorf("%s: got %q, want %q", c.query, shape, c.marked)
		}
		if diff := cmp.Diff(c.values, values); diff != "" {
			t.Errorf("%s: -want +got\n%s", c.query, diff)
		}
	}
	for _, query := range []string{
		"", "id", "id=", "id=eq", "id=eq.", "id=in.(1,2)", "id=eq(any).{1}", "id=is.null", "id=like.a*", "id=not.not.eq.1", "id=fts.x",
		"select=eq.1", "a.order=eq.1", "order=gt.1", "limit=eq.1", "x.offset=eq.1", "and=eq.1", "not.or=eq.1", "columns=eq.1", "on_conflict=eq.1",
		"%73elect=eq.1", "a+b=eq.1", "=eq.1", "or=(a.eq.1,b.eq.2)",
	} {
		if shape, values := s.Of(query); shape != query || values != nil {
			t.Errorf("%s: got %q %q, want it as it is", query, shape, values)
		}
	}
}

// FuzzShapes wants a shape with its values to be the request that was sent.
func FuzzShapes(f *testing.F) {
	for _, seed := range []string{
		"id=eq.7&name=not.neq.x%20y&a.b=gte.1&select=id,a(b)&order=id&limit=2", "a=eq.1&a=eq.2;a=lt.%zz&&b=gt.=", "?x->>y=lte.\x00", "a=eq.(1)&a=eq.\"",
		strings.Repeat("a=eq.1&", 30), "a=eq.\x01A", "select=eq.1&%73elect=eq.2", "a=eq.%", "a=not.eq.+", "a.limit=eq.1&b.a=eq.\xff", "a=eq..&a=eq.eq.1&=eq.1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		s := request.NewShapes()
		shape, values := s.Of(query)
		parse := func(query string) (*request.Request, error) {
			return request.Parse("GET", query, http.Header{}, request.Target{Name: "t"}, request.Options{Schemas: []string{"public"}})
		}
		want, wantErr := parse(query)
		got, err := parse(shape)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q with values %q: got %v, want %v", shape, values, err, wantErr)
		}
		if err != nil {
			return
		}
		got = s.WithValues(got, values)
		for i := range got.Query.Filters {
			op := &got.Query.Filters[i].What.Op
			op.Value = string(s.Arguments([][]byte{[]byte(op.Value)}, values)[0])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q with values %q: -want +got\n%s", shape, values, diff)
		}
	})
}
