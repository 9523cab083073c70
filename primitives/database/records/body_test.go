package records_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

const invalidInput = "INVALID_INPUT"

func TestBodiesThatAreNeitherObjectNorArray(t *testing.T) {
	t.Parallel()
	p := start(t, setup)
	const returned = "Prefer: return=representation"
	for _, body := range []string{
		``, ` `, `{"title"`, `{"title":}`, `{"title":"x"} {}`, `[{"title":"x"}`, `[1,]`, `nonsense`, `{title:"x"}`, "\ufeff{}",
		`null`, `true`, `7`, `-`, `"x"`, strings.Repeat("[", 2000) + strings.Repeat("]", 2000),
	} {
		for _, query := range []string{"", "?columns=title"} {
			for _, method := range []string{"POST", "PATCH"} {
				if w := p.do(method, "/records/notes"+query, body, "ik_test", returned); w.Code != http.StatusBadRequest || code(w) != invalidInput {
					t.Errorf("%s %s with %.20q: got %d %s, want 400 INVALID_INPUT", method, query, body, w.Code, w.Body)
				}
			}
		}
		if w := p.do("PUT", "/records/notes?id=eq.1", body, "ik_test", returned); w.Code != http.StatusBadRequest || code(w) != invalidInput {
			t.Errorf("PUT with %.20q: got %d %s, want 400 INVALID_INPUT", body, w.Code, w.Body)
		}
		if w := p.do("POST", "/rpc/add", body, "ik_test"); body != "" && (w.Code != http.StatusBadRequest || code(w) != invalidInput) {
			t.Errorf("a call with %.20q: got %d %s, want 400 INVALID_INPUT", body, w.Code, w.Body)
		}
	}
	if w := p.do("POST", "/rpc/nothing", "", "ik_test"); w.Code != http.StatusNoContent {
		t.Errorf("a call without arguments: got %d %s", w.Code, w.Body)
	}
	// What is an array stays for PostgREST's rules.
	for _, body := range []string{`[1]`, `[null]`, `[[]]`, `[{"title":"x"},null]`} {
		var e struct{ Code string }
		w := p.do("POST", "/records/notes", body, "ik_test", returned)
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != http.StatusBadRequest || e.Code != "PGRST102" {
			t.Errorf("%s: got %d %s, want 400 PGRST102", body, w.Code, w.Body)
		}
	}
	if w := p.do("GET", "/records/notes?select=id", "", "ik_test"); w.Body.String() != "[]" {
		t.Errorf("rows were made: %s", w.Body)
	}
}

func TestOnlyANewRowIsCreated(t *testing.T) {
	t.Parallel()
	p := start(t, setup+`
CREATE TABLE guarded (id int PRIMARY KEY);
CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER pass BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION pass();
GRANT ALL ON guarded TO project_admin;`)
	const ignore = "Prefer: resolution=ignore-duplicates"
	if w := p.do("POST", "/records/notes", `{"id":100}`, "ik_test"); w.Code != http.StatusCreated {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	for _, c := range []struct {
		name, path, body string
		plain            int
		headers          []string
	}{
		{"no objects", "/notes", `[]`, 201, nil},
		{"no objects, with columns", "/notes?columns=title", `[]`, 201, nil},
		{"a row that is there already", "/notes", `{"id":100}`, 201, []string{ignore}},
		{"rows that are there already", "/notes", `[{"id":100},{"id":100}]`, 201, []string{ignore}},
		{"a row that a trigger drops", "/guarded", `{"id":100}`, 201, nil},
	} {
		for _, prefer := range []string{"return=minimal", "return=representation", "return=headers-only"} {
			headers := []string{"Prefer: " + prefer}
			for _, h := range c.headers {
				headers[0] += ", " + strings.TrimPrefix(h, "Prefer: ")
			}
			w := p.do("POST", "/records"+c.path, c.body, "ik_test", headers...)
			if got := strings.TrimSpace(w.Body.String()); w.Code != http.StatusOK || got != "[]" {
				t.Errorf("%s, %s: got %d %s, want 200 []", c.name, prefer, w.Code, got)
			}
			if w := p.plain("POST", c.path, c.body, "ik_test", headers...); w.Code != c.plain {
				t.Errorf("%s, %s: plain PostgREST answers %d %s, want %d", c.name, prefer, w.Code, w.Body, c.plain)
			}
		}
	}
	if w := p.do("POST", "/records/notes", `[{"id":100},{"id":102}]`, "ik_test", ignore); w.Code != http.StatusCreated {
		t.Errorf("one row of two: got %d %s, want 201", w.Code, w.Body)
	}
	if w := p.do("POST", "/records/notes", `{}`, "ik_test"); w.Code != http.StatusCreated {
		t.Errorf("a row of defaults: got %d %s, want 201", w.Code, w.Body)
	}
}

// Plain PostgREST keeps its own answers to such bodies.
func TestPlainMountTakesBodiesAsPostgREST(t *testing.T) {
	t.Parallel()
	p := start(t, setup)
	const returned = "Prefer: return=representation"
	for body, want := range map[string]int{
		`null`: 201, `7`: 201, `"x"`: 201, `[]`: 201, ``: 400, `{"title"`: 400, `[1]`: 400, `[null]`: 400,
	} {
		w := p.plain("POST", "/notes", body, "ik_test", returned)
		if w.Code != want || want == 201 && strings.TrimSpace(w.Body.String()) != "[]" || want == 400 && !strings.Contains(w.Body.String(), "PGRST102") {
			t.Errorf("%q: got %d %s, want %d", body, w.Code, w.Body, want)
		}
	}
}
