package plan_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insforge/insforge-go/primitives/database/engine/plan"
	"github.com/insforge/insforge-go/primitives/database/engine/plan/plantest"
	"github.com/insforge/insforge-go/primitives/database/engine/request"
)

// parse reads a request: method, path and query, and after a line end each
// "Name: value" of its headers.
func parse(t *testing.T, text, body string) *request.Request {
	t.Helper()
	line, headers, _ := strings.Cut(text, "\n")
	method, uri, _ := strings.Cut(line, " ")
	path, query, _ := strings.Cut(uri, "?")
	target := request.Target{Name: strings.TrimPrefix(path, "/")}
	if n, ok := strings.CutPrefix(path, "/rpc/"); ok {
		target = request.Target{Kind: request.Function, Name: n}
	}
	h := http.Header{}
	for header := range strings.Lines(headers) {
		name, value, _ := strings.Cut(strings.TrimSpace(header), ": ")
		h.Add(name, value)
	}
	r, err := request.Parse(method, query, h, target, request.Options{Schemas: []string{"public"}})
	if err == nil {
		err = r.SetBody([]byte(body))
	}
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

func TestWhatCannotBePlannedIsRefused(t *testing.T) {
	t.Parallel()
	everything := plan.Options{Aggregates: true}
	for _, c := range []struct {
		name, request, body string
		options             plan.Options
		want                string
	}{
		{"aggregates in an array", "GET /directors?select=name,...films!films_director_fkey(year.max())", "", everything,
			`400 PGRST127 Feature not implemented, "Aggregates are not implemented for one-to-many or many-to-many spreads.", null`},
		{"aggregates where they are off", "GET /films?select=year.max()", "", plan.Options{},
			`400 PGRST123 Use of aggregate functions is not allowed, null, null`},
		{"an ambiguous embed", "GET /films?select=directors(name)", "", everything,
			`300 PGRST201 Could not embed because more than one relationship was found for 'films' and 'directors', ` +
				`[{"cardinality":"many-to-one","embedding":"films with directors","relationship":"films_director_fkey using films(director_id) and directors(id)"},` +
				`{"cardinality":"many-to-one","embedding":"films with directors","relationship":"films_editor_fkey using films(editor_id) and directors(id)"}], ` +
				`"Try changing 'directors' to one of the following: 'directors!films_director_fkey', 'directors!films_editor_fkey'. Find the desired relationship in the 'details' key."`},
		{"a filter on what is not embedded", "GET /films?roles.part=eq.1", "", everything,
			`400 PGRST108 'roles' is not an embedded resource in this request, null, "Verify that 'roles' is included in the 'select' query parameter."`},
		{"an order by many", "GET /directors?select=films!films_director_fkey(title)&order=films(year)", "", everything,
			`400 PGRST118 A related order on 'films' is not possible, "'directors' and 'films' do not form a many-to-one or one-to-one relationship", null`},
		{"an unknown column", "POST /films", `{"titel":"a"}`, everything,
			`400 PGRST204 Could not find the 'titel' column of 'films' in the schema cache, null, null`},
		{"an unknown embed", "GET /films?select=filmz(name)", "", everything,
			`400 PGRST200 Could not find a relationship between 'films' and 'filmz' in the schema cache, ` +
				`"Searched for a foreign key relationship between 'films' and 'filmz' in the schema 'public', but no matches were found.", null`},
		{"an embed with a name like another", "GET /films?select=role(part)", "", everything,
			`400 PGRST200 Could not find a relationship between 'films' and 'role' in the schema cache, ` +
				`"Searched for a foreign key relationship between 'films' and 'role' in the schema 'public', but no matches were found.", "Perhaps you meant 'roles' instead of 'role'."`},
		{"an unknown function", "GET /rpc/ad?a=1", "", everything,
			`404 PGRST202 Could not find the function public.ad(a) in the schema cache, ` +
				`"Searched for the function public.ad with parameter a, but no matches were found in the schema cache.", "Perhaps you meant to call the function public.add"`},
		{"an unknown parameter", "GET /rpc/add?x=1", "", everything,
			`404 PGRST202 Could not find the function public.add(x) in the schema cache, ` +
				`"Searched for the function public.add with parameter x, but no matches were found in the schema cache.", null`},
		{"an unknown table, where that is asked", "GET /filmz", "", plan.Options{TableNotFound: true},
			`404 PGRST205 Could not find the table 'public.filmz' in the schema cache, null, "Perhaps you meant the table 'public.films'"`},
		{"a name with less in common", "DELETE /filxx", "", plan.Options{TableNotFound: true},
			`404 PGRST205 Could not find the table 'public.filxx' in the schema cache, null, null`},
		{"a put without the key", "PUT /films?title=eq.a", `{"id":1}`, everything,
			`405 PGRST105 Filters must include all and only primary key columns with 'eq' operators, null, null`},
		{"a limited change without an order", "PATCH /films?limit=1&order=directors(name)&select=directors!films_director_fkey(name)", `{"year":1}`, everything,
			`400 PGRST109 A 'limit' was applied without an explicit 'order', null, "Apply an 'order' using unique column(s)"`},
		{"a limit that no bigint holds", "GET /films?limit=9223372036854775808", "", everything,
			`400 22003 value "9223372036854775808" is out of range for type bigint, null, null`},
		{"one of an embed", "GET /films?select=roles(part)&roles.offset=9223372036854775808", "", everything,
			`400 22003 value "9223372036854775808" is out of range for type bigint, null, null`},
		{"a media type that nothing makes", "GET /films\nAccept: image/png", "", everything,
			`406 PGRST107 None of these media types are available: image/png, null, null`},
		{"execution plans where they are off", "GET /films\nAccept: application/vnd.pgrst.plan", "", everything,
			`406 PGRST107 None of these media types are available: application/vnd.pgrst.plan+text; for="application/json", null, null`},
		{"a preference that means nothing", "GET /films\nPrefer: handling=strict, nonsense", "", everything,
			`400 PGRST122 Invalid preferences given with handling=strict, "Invalid preferences: nonsense", null`},
	} {
		_, err := plan.Build(parse(t, c.request, c.body), plantest.Films(), c.options)
		var failed *request.Error
		if !errors.As(err, &failed) {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
			continue
		}
		details, _ := json.Marshal(failed.Details)
		hint, _ := json.Marshal(failed.Hint)
		got := fmt.Sprintf("%d %s %s, %s, %s", failed.Status, failed.Code, failed.Message, details, hint)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", c.name, diff)
		}
		missing := strings.HasPrefix(failed.Code, "PGRST20")
		if plan.Missing(err) != missing {
			t.Errorf("%s: got %t, want %t for whether a newer snapshot may help", c.name, !missing, missing)
		}
	}
}

func TestMaxRowsCapsEveryRead(t *testing.T) {
	t.Parallel()
	for query, want := range map[string][2]int64{
		"":                            {5, 5},
		"&limit=3":                    {3, 5},
		"&limit=9":                    {5, 5},
		"&limit=9223372036854775808":  {5, 5},
		"&roles.limit=2&limit=0":      {0, 2},
		"&roles.offset=7&roles.limit": {5, 5},
	} {
		p, err := plan.Build(parse(t, "GET /films?select=title,roles(part)"+query, ""), plantest.Films(), plan.Options{MaxRows: 5})
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		films, _ := p.Read.Range.Limit()
		roles, _ := p.Read.Children[0].Range.Limit()
		if got := [2]int64{films, roles}; got != want {
			t.Errorf("%s: got %d rows and %d of the embed, want %v", query, films, roles, want)
		}
	}
}

func TestSearchesConvertOtherColumnsToVectors(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]bool{
		"title=fts(english).x": true, "data->>a=fts.x": true, "data=plfts.x": true, "plot=fts(english).x": false, "nope=fts.x": false, "title=eq.x": false,
	} {
		p, err := plan.Build(parse(t, "GET /films?"+filter, ""), plantest.Films(), plan.Options{})
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		if got := p.Read.Where[0].Filter.Field.ToVector; got != want {
			t.Errorf("%s: got %t, want %t", filter, got, want)
		}
	}
}

// A plan serves payloads of the same members, and nothing of one gets into the
// next.
func TestPlansServeOtherPayloads(t *testing.T) {
	t.Parallel()
	films := plantest.Films()
	first, err := plan.Build(parse(t, "POST /films", `{"title":"a","year":1}`), films, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{
		`{"title":"b","year":2}`:                    "b 2",
		`{"year":null,"title":"c"}`:                 "c NULL",
		`{"title":"b"}`:                             "",
		`{"title":"b","id":2}`:                      "",
		`[{"title":"b","year":2}]`:                  "",
		`{"title":"b","title":"c","year":2}`:        "",
		`{"title":"b","year":2,"director_id":null}`: "",
	} {
		p := first.WithPayload(parse(t, "POST /films", body).Payload)
		got := ""
		if p != nil {
			values := make([]string, len(p.Mutation.Values))
			for i, v := range p.Mutation.Values {
				if values[i] = string(v); v == nil {
					values[i] = "NULL"
				}
			}
			got = strings.Join(values, " ")
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
	if got := string(first.Mutation.Values[0]); got != "a" {
		t.Errorf("the plan now has %q", got)
	}
}
