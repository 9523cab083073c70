package engine_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// What was made from a request serves those that differ only in what they
// compare columns with; each gets its own rows, and its own address back.
func TestRequestsOfOneShapeGetTheirOwnRows(t *testing.T) {
	t.Parallel()
	s := start(t, `
CREATE TABLE owners (id int PRIMARY KEY, name text);
CREATE TABLE items (id int PRIMARY KEY, owner int REFERENCES owners, name text, n int);
INSERT INTO owners SELECT i, 'owner ' || i FROM generate_series(0, 9) i;
INSERT INTO items SELECT i, i % 10, 'name ' || i, i FROM generate_series(1, 500) i;
GRANT ALL ON owners, items TO anon;`)
	for i := 1; i <= 300; i += 13 {
		same := func(path, want string, headers ...string) reply {
			t.Helper()
			got := s.do("GET", path, "", headers...)
			if got.body != want {
				t.Errorf("GET %s: got %d %s, want %s", path, got.status, got.body, want)
			}
			return got
		}
		row := fmt.Sprintf(`[{"id":%d,"name":"name %[1]d"}]`, i)
		got := same(fmt.Sprintf("/items?select=id,name&id=eq.%d", i), row)
		if want := fmt.Sprintf("/items?id=eq.%d&select=id%%2Cname", i); got.header.Get("Content-Location") != want {
			t.Errorf("got %s, want %s", got.header.Get("Content-Location"), want)
		}
		got = same(fmt.Sprintf("/items?name=eq.name+%d&select=id,name", i), row)
		if want := fmt.Sprintf("/items?name=eq.name%%20%d&select=id%%2Cname", i); got.header.Get("Content-Location") != want {
			t.Errorf("got %s, want %s", got.header.Get("Content-Location"), want)
		}
		same(fmt.Sprintf("/items?select=id,name&id=gte.%d&id=lt.%d", i, i+1), row)
		same(fmt.Sprintf("/items?select=id,name&id=lte.%d&id=not.lt.%d&or=(n.eq.%d,n.eq.-1)", i, i, i), row)
		same(fmt.Sprintf("/items?select=id,owners!inner(name)&owners.name=eq.owner%%20%d&id=eq.%d", i%10, i),
			fmt.Sprintf(`[{"id":%d,"owners":{"name":"owner %d"}}]`, i, i%10))
		for _, count := range []string{"exact", "planned", "estimated"} {
			got = same(fmt.Sprintf("/items?select=id,name&id=eq.%d", i), row, "Prefer: count="+count)
			if r := got.header.Get("Content-Range"); r != "0-0/1" {
				t.Errorf("count=%s: got %s, want 0-0/1", count, r)
			}
		}
		if got := s.do("GET", fmt.Sprintf("/items?id=eq.x%d", i), ""); got.code() != "22P02" || !strings.Contains(got.body, fmt.Sprintf(`\"x%d\"`, i)) {
			t.Errorf("got %d %s, want 22P02 about x%d", got.status, got.body, i)
		}
		if got := s.do("GET", fmt.Sprintf("/items?id=eq.%d&n=wrong.%d", i, i), ""); got.code() != "PGRST100" || !strings.Contains(got.body, fmt.Sprintf("wrong.%d", i)) {
			t.Errorf("got %d %s, want PGRST100 about wrong.%d", got.status, got.body, i)
		}
	}
	s.want(s.do("GET", "/items?id=eq.%00", ""), http.StatusBadRequest, "22021")
}

func TestWritesOfOneShapeChangeTheirOwnRows(t *testing.T) {
	t.Parallel()
	s := start(t, `
CREATE TABLE items (id int PRIMARY KEY, name text);
INSERT INTO items SELECT i, 'old' FROM generate_series(1, 100) i;
GRANT ALL ON items TO anon;`)
	var group sync.WaitGroup
	for i := 1; i <= 60; i++ {
		group.Go(func() {
			for _, c := range []struct{ method, query, body, want string }{
				{"PATCH", "id=eq.%d&name=neq.new", `{"name":"new"}`, `[{"id":%d,"name":"new"}]`},
				{"PATCH", "id=eq.%d", `{"name":"eq.%[1]d"}`, `[{"id":%d,"name":"eq.%[1]d"}]`},
				{"PUT", "id=eq.%d", `{"id":%d,"name":"put"}`, `[{"id":%d,"name":"put"}]`},
				{"DELETE", "id=eq.%d&name=eq.put", "", `[{"id":%d,"name":"put"}]`},
			} {
				body, want := c.body, fmt.Sprintf(c.want, i)
				if strings.Contains(body, "%") {
					body = fmt.Sprintf(body, i)
				}
				got, err := s.try(c.method, "/items?"+fmt.Sprintf(c.query, i), body, full)
				if err != nil || got.body != want {
					t.Errorf("%s %s of %d: got %d %s, %v, want %s", c.method, c.query, i, got.status, got.body, err, want)
				}
			}
		})
	}
	group.Wait()
	if left := s.value(`SELECT count(*) || ' ' || min(id) || ' ' || max(name) FROM items`); left != "40 61 old" {
		t.Errorf("got %s, want 40 rows from 61 on as they were", left)
	}
}
