package engine_test

import (
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"
	"weak"
)

// A snapshot of a large schema is large: what is kept of requests, statements
// and plans must not keep the one they were made with.
func TestReplacedSnapshotsAreFreed(t *testing.T) {
	t.Parallel()
	s := start(t, todos)
	use := func() {
		t.Helper()
		var clients sync.WaitGroup
		for client := range 4 { // on several connections
			clients.Go(func() {
				for i := range 40 {
					r, err := s.try("GET", fmt.Sprintf("/todos?select=id,title&done=eq.%v&order=id&limit=%d", i%2 == 0, 1+client), "", alice)
					if err != nil || r.status != http.StatusOK {
						t.Errorf("got %d %s, %v", r.status, r.body, err)
						return
					}
				}
			})
		}
		clients.Wait()
	}
	use()
	old := weak.Make(s.engine.Snapshot())
	if err := s.engine.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.want(s.do("GET", "/todos?select=id&limit=1", "", alice), http.StatusOK, "")
	for deadline := time.Now().Add(2 * time.Minute); old.Value() != nil; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatal("the replaced snapshot is still held")
		}
	}
	use() // what is kept still serves
}

// A request for what was made a moment ago ends with the reload that brings
// it, also if that was under way.
func TestAMissEndsWithTheReloadThatBringsIt(t *testing.T) {
	t.Parallel()
	s := start(t, todos)
	for i := range 10 {
		s.sql(fmt.Sprintf(`CREATE TABLE made_%d (id bigint REFERENCES todos); GRANT ALL ON made_%[1]d TO anon; NOTIFY pgrst`, i))
		s.want(s.do("GET", fmt.Sprintf("/made_%d?select=id,todos(id)", i), ""), http.StatusOK, "")
		s.want(s.do("POST", fmt.Sprintf("/made_%d", i), `{"id":null}`), http.StatusCreated, "")
	}
	if err := s.engine.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.want(s.do("GET", "/todos?select=nowhere(id)", ""), http.StatusBadRequest, "PGRST200")
}
