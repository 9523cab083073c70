package engine_test

import (
	"net/http"
	"testing"
)

func TestFullTextSearchInALanguage(t *testing.T) {
	t.Parallel()
	s := start(t, `
CREATE DOMAIN lexemes AS tsvector;
CREATE DOMAIN prose AS text;
CREATE TABLE pages (id int PRIMARY KEY, body text, short varchar(40), fixed char(40), prose prose, data jsonb, plain json, vector tsvector, lexemes lexemes);
INSERT INTO pages SELECT 1, x, x, x, x, jsonb_build_object('t', x), json_build_object('t', x), to_tsvector('english', x), to_tsvector('english', x)
	FROM (SELECT 'the amusing foxes') _(x);
GRANT ALL ON pages TO anon;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_text_search_config = simple', current_database()); END $$;`)
	for _, column := range []string{"body", "short", "fixed", "prose", "data", "plain", "data->>t", "data->t", "plain->>t", "vector", "lexemes"} {
		for _, search := range []string{"fts(english).fox", "plfts(english).amuse%20fox", "phfts(english).amuse%20fox", "wfts(english).fox%20-dog", "not.fts(english).dog"} {
			for _, query := range []string{column + "=" + search, "or=(" + column + "." + search + ",id.eq.7)"} {
				r := s.do("GET", "/pages?select=id&"+query, "")
				if r.status != http.StatusOK || r.body != `[{"id":1}]` {
					t.Errorf("%s: got %d %s, want the row", query, r.status, r.body)
				}
			}
		}
	}
	// In French, "the" counts and "amusing" has another stem.
	for _, query := range []string{"body=fts(french).amuse", "vector=fts(french).the"} {
		if r := s.do("GET", "/pages?select=id&"+query, ""); r.body != "[]" {
			t.Errorf("%s: got %d %s, want no row", query, r.status, r.body)
		}
	}
	for _, column := range []string{"body", "short", "prose", "data", "data->>t"} {
		for word, want := range map[string]string{"foxes": `[{"id":1}]`, "fox": "[]"} { // simple has no stems
			if r := s.do("GET", "/pages?select=id&"+column+"=plfts."+word, ""); r.body != want {
				t.Errorf("%s without a language: %s: got %d %s, want %s", column, word, r.status, r.body, want)
			}
		}
	}
	s.want(s.do("GET", "/pages?body=fts(nonsense).x", ""), http.StatusBadRequest, "42704")
	s.want(s.do("GET", "/pages?id=fts(english).x", ""), http.StatusNotFound, "42883")
}
