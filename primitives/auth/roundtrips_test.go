package auth_test

import (
	"testing"

	"github.com/insforge/insforge-go/primitives/kernel/pg/pgtest"
)

// Waiting for Postgres is slow, so round trips are counted. A connection that was
// idle for a second is pinged first, and a new one prepares its statements, which
// counts too: of a few runs, the one with the fewest is taken.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	db, roundTrips := pgtest.Counted(t, pgtest.New(t))
	w := newWorldOn(t, db)
	s, admin := w.signUp("a@b.co"), w.signInAdmin()
	for _, tt := range []struct {
		name string
		run  func()
		want int
	}{
		{"sign-in: the account, the session", func() {
			w.do("POST", "/api/auth/sessions", map[string]any{"email": "a@b.co", "password": password}).OK(200)
		}, 2},
		{"the current session", func() { w.do("GET", "/api/auth/sessions/current", nil, bearer(s.access)).OK(200) }, 1},
		{"the public settings", func() { w.do("GET", "/api/auth/public-config", nil).OK(200) }, 1},
		{"the administrator's", func() { w.do("GET", "/api/auth/admin/sessions/current", nil, bearer(admin.access)).OK(200) }, 1},
		{"refresh: begin, lock, exchange, user, commit", func() { s = s.next(w.refresh(s)) }, 5},
	} {
		fewest := 1000
		for range 5 {
			before := roundTrips()
			tt.run()
			fewest = min(fewest, roundTrips()-before)
		}
		if fewest != tt.want {
			t.Errorf("%s: got %d round trips, want %d", tt.name, fewest, tt.want)
		}
	}
}
