package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/auth"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

// refresh asks for new tokens as a browser does.
func (w *world) refresh(s session) answer {
	w.t.Helper()
	return w.do("POST", "/api/auth/refresh", nil, s.cookie(), s.header())
}

// next returns the session with the tokens of an answer.
func (s session) next(a answer) session {
	a.ok()
	s.access, s.refresh = a.text("accessToken"), a.cookie(userCookie).Value
	return s
}

// ended fails the test unless the refresh token is refused, and the access token
// with this code.
func (w *world) ended(s session, code fault.Code) {
	w.t.Helper()
	a := w.refresh(s).refused(401, fault.AuthUnauthorized, "")
	if a.cookie(userCookie) == nil || a.cookie(userCookie).Value != "" {
		w.t.Error("the cookie was not cleared")
	}
	w.do("GET", "/api/auth/sessions/current", nil, bearer(s.access)).refused(401, code, "")
}

func TestParallelRefreshesGetTheSameSuccessor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	const parallel = 20
	var group sync.WaitGroup
	answers := make(chan answer, parallel)
	for range parallel {
		group.Go(func() { answers <- w.refresh(s) })
	}
	group.Wait()
	close(answers)
	accepted := map[string]session{}
	for a := range answers {
		n := s.next(a)
		accepted[claimsOf(t, n.refresh)["jti"].(string)] = n
		if a.text("csrfToken") != s.csrf {
			t.Error("the CSRF token changed")
		}
	}
	if len(accepted) != 1 {
		t.Errorf("got %d successors, want 1", len(accepted))
	}
	if n := w.count(`SELECT count(*) FROM auth.sessions WHERE generation = 1`); n != 1 {
		t.Errorf("got %d sessions that were rotated once, want 1", n)
	}
	// A late one gets the latest, however many there were in between.
	latest := s
	for range 3 {
		latest = latest.next(w.refresh(latest))
	}
	late := s.next(w.refresh(s))
	if got, want := claimsOf(t, late.refresh)["jti"], claimsOf(t, latest.refresh)["jti"]; got != want {
		t.Error("a late tab did not get the latest token")
	}
	w.refresh(late).ok()
}

func TestTokenThatWasExchangedLongAgoEndsTheSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stolen, other := w.signUp("a@b.co"), w.signUp("c@b.co")
	owner := stolen.next(w.refresh(stolen))
	w.clock.advance(time.Minute)
	w.refresh(stolen).ok() // within the grace
	w.clock.advance(time.Second)
	w.refresh(stolen).refused(401, fault.AuthUnauthorized, "")
	w.ended(owner, fault.AuthUnauthorized)
	w.refresh(other).ok()
	if n := w.count(`SELECT count(*) FROM system.audit_logs WHERE action = 'REVOKE_REUSED_SESSION' AND details ->> 'sub' = $1`, stolen.id); n != 1 {
		t.Errorf("got %d traces of it, want 1", n)
	}
}

func TestTokensOfOldGenerationsEndTheSessionToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.signUp("a@b.co")
	s := first
	for range 5 {
		w.clock.advance(10 * time.Minute)
		s = s.next(w.refresh(s))
	}
	w.refresh(first).refused(401, fault.AuthUnauthorized, "")
	w.ended(s, fault.AuthUnauthorized)
}

func TestAnswerThatDiedWithTheProcessLogsNobodyOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	w.clock.advance(time.Second)
	lost := s.next(w.refresh(s)) // stored, but the browser never saw it
	w.clock.advance(10 * time.Minute)
	w.restart()
	w.clock.advance(5 * time.Minute)
	again := s.next(w.refresh(s))
	if claimsOf(t, again.refresh)["jti"] != claimsOf(t, lost.refresh)["jti"] {
		t.Error("got another successor")
	}
	latest := again.next(w.refresh(again))
	// Only tokens exchanged before the start are forgiven, and not forever.
	w.clock.advance(2 * time.Minute)
	w.refresh(again).refused(401, fault.AuthUnauthorized, "")
	w.refresh(latest).refused(401, fault.AuthUnauthorized, "")

	s = w.signUp("b@b.co")
	w.clock.advance(time.Second)
	w.refresh(s).ok()
	w.clock.advance(time.Second)
	w.restart()
	w.clock.advance(16 * time.Minute)
	w.refresh(s).refused(401, fault.AuthUnauthorized, "")
}

func TestHastyClientIsNotRotatedWithoutEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.signUp("a@b.co")
	s := first
	for range 40 {
		s = s.next(w.refresh(s))
	}
	if n := w.count(`SELECT cardinality(exchanged_at) FROM auth.sessions`); n != 32 {
		t.Errorf("got %d exchanges in the row, want 32", n)
	}
	w.refresh(first).ok()
	w.clock.advance(2 * time.Minute)
	w.refresh(s).ok()
	if n := w.count(`SELECT cardinality(exchanged_at) FROM auth.sessions`); n != 1 {
		t.Errorf("got %d exchanges in the row, want 1", n)
	}
}

func TestForgedTokensEndNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	c := claimsOf(t, s.refresh)
	for name, change := range map[string]func(map[string]any){
		"key":        func(m map[string]any) { m["jti"] = "guessed" },
		"generation": func(m map[string]any) { m["gen"] = 7 },
		"session":    func(m map[string]any) { m["sid"] = uuid.NewString() },
		"subject":    func(m map[string]any) { m["sub"] = uuid.NewString() },
		"audience":   func(m map[string]any) { m["sessionType"] = "admin" },
	} {
		m := map[string]any{}
		for k, v := range c {
			m[k] = v
		}
		change(m)
		w.do("POST", "/api/auth/refresh?client_type=mobile", map[string]any{"refreshToken": thirdParty(jsonOf(t, m))}).
			refused(401, fault.AuthUnauthorized, "")
		if n := w.count(`SELECT count(*) FROM auth.sessions`); n != 1 {
			t.Fatalf("%s: the session was ended", name)
		}
	}
	w.refresh(s).ok()
}

func TestTokensAreStoredAsDigestsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	s = s.next(w.refresh(s))
	for _, secret := range []string{s.refresh, claimsOf(t, s.refresh)["jti"].(string)} {
		if n := w.count(`SELECT count(*) FROM auth.sessions s WHERE s::text LIKE '%' || $1 || '%' OR encode(token_digest, 'escape') = $1`, secret); n != 0 {
			t.Error("the database holds a token")
		}
	}
}

func TestLogoutEndsTheSessionAndNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	signIn := map[string]any{"email": "a@b.co", "password": password}
	w.do("POST", "/api/auth/logout", nil, s.cookie(), s.header()).ok()
	w.ended(s, fault.AuthUnauthorized)

	// The SDK on phones sends the access token, others may send the refresh
	// token.
	for _, kind := range []string{"mobile", "desktop", "server"} {
		query := "?client_type=" + kind
		kept := w.do("POST", "/api/auth/sessions"+query, signIn).ok()
		byAccess := w.do("POST", "/api/auth/sessions"+query, signIn).ok()
		byRefresh := w.do("POST", "/api/auth/sessions"+query, signIn).ok()
		w.do("POST", "/api/auth/logout"+query, nil, bearer(byAccess.text("accessToken"))).ok()
		w.do("POST", "/api/auth/logout"+query, map[string]any{"refresh_token": byRefresh.text("refreshToken")}).ok()
		for _, bad := range []string{"x", anonKey, apiKey, thirdParty(`{"sub":"` + s.id + `"}`)} {
			w.do("POST", "/api/auth/logout"+query, map[string]any{"refreshToken": bad}, bearer(bad)).ok()
		}
		for _, a := range []answer{byAccess, byRefresh} {
			w.do("POST", "/api/auth/refresh"+query, map[string]any{"refreshToken": a.text("refreshToken")}).refused(401, fault.AuthUnauthorized, "")
			w.do("GET", "/api/auth/sessions/current", nil, bearer(a.text("accessToken"))).refused(401, fault.AuthUnauthorized, "Invalid token")
		}
		w.do("POST", "/api/auth/refresh"+query, map[string]any{"refreshToken": kept.text("refreshToken")}).ok()
	}
}

func TestUserSeesAndEndsSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	browser, stranger := w.signUp("a@b.co"), w.signUp("c@b.co")
	phone := w.do("POST", "/api/auth/sessions?client_type=mobile", map[string]any{"email": "a@b.co", "password": password},
		with{"User-Agent", "Phone/1 \xff" + strings.Repeat("x", 1000)}, with{"Test-Client-IP", "192.0.2.1"}).ok()
	list := w.do("GET", "/api/auth/sessions", nil, bearer(browser.access)).ok()
	sessions := list.body["data"].([]any)
	if len(sessions) != 2 || list.body["count"] != 2.0 {
		t.Fatalf("got %s, want two sessions", list.raw)
	}
	var phoneID string
	for _, v := range sessions {
		m := v.(map[string]any)
		if m["clientType"] == "mobile" {
			phoneID = m["id"].(string)
			if m["current"] != false || m["ipAddress"] != "192.0.2.1" || !strings.HasPrefix(m["userAgent"].(string), "Phone/1 x") || len(m["userAgent"].(string)) > 256 {
				t.Errorf("got %v", m)
			}
			continue
		}
		if m["current"] != true || m["clientType"] != "web" {
			t.Errorf("got %v, want the session that asks", m)
		}
	}
	if strings.Contains(list.raw, "digest") || strings.Contains(list.raw, "generation") {
		t.Errorf("got %s, which tells about tokens", list.raw)
	}

	none := map[string]any{"message": "Session revoked", "revokedCount": 0.0}
	a := w.do("DELETE", "/api/auth/sessions/"+phoneID, nil, bearer(stranger.access)).ok()
	if diff := cmp.Diff(none, a.body); diff != "" {
		t.Error(diff)
	}
	if a = w.do("DELETE", "/api/auth/sessions/"+phoneID, nil, bearer(browser.access)).ok(); a.body["revokedCount"] != 1.0 {
		t.Errorf("got %s, want one", a.raw)
	}
	w.do("POST", "/api/auth/refresh?client_type=mobile", map[string]any{"refreshToken": phone.text("refreshToken")}).refused(401, fault.AuthUnauthorized, "")
	w.do("GET", "/api/auth/sessions/current", nil, bearer(phone.text("accessToken"))).refused(401, fault.AuthUnauthorized, "")

	w.do("POST", "/api/auth/sessions?client_type=server", map[string]any{"email": "a@b.co", "password": password}).ok()
	if a = w.do("DELETE", "/api/auth/sessions", nil, bearer(browser.access)).ok(); a.body["revokedCount"] != 1.0 {
		t.Errorf("got %s, want the other one", a.raw)
	}
	w.refresh(browser).ok()
	w.refresh(stranger).ok()
}

func TestSessionRoutesRefuse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	user, other, admin := w.signUp("a@b.co"), w.signUp("c@b.co"), w.signInAdmin()
	id := uuid.NewString()
	own := []string{"GET /api/auth/sessions", "DELETE /api/auth/sessions", "DELETE /api/auth/sessions/" + id}
	administration := []string{
		"GET /api/auth/users/" + user.id + "/sessions", "DELETE /api/auth/users/" + user.id + "/sessions",
		"DELETE /api/auth/users/" + user.id + "/sessions/" + id,
		"GET /api/auth/admin/sessions", "DELETE /api/auth/admin/sessions", "DELETE /api/auth/admin/sessions/" + id,
		"POST /api/auth/keys/jwt/rotate",
	}
	call := func(route string, headers ...with) answer {
		method, path, _ := strings.Cut(route, " ")
		return w.do(method, path, nil, headers...)
	}
	for _, route := range own {
		call(route).refused(401, fault.AuthInvalidCredentials, "No token provided")
		call(route, user.cookie(), user.header()).refused(401, fault.AuthInvalidCredentials, "No token provided")
		for _, token := range []string{apiKey, anonKey, "x", user.refresh, thirdParty(`{"sub":"` + user.id + `","exp":1}`)} {
			call(route, bearer(token)).refused(401, fault.AuthUnauthorized, "Invalid token")
		}
		for _, token := range []string{admin.access, thirdParty(`{"sub":"user_2abc"}`), thirdParty(`{"sub":"` + id + `"}`)} {
			call(route, bearer(token)).refused(401, fault.AuthInvalidCredentials, "")
		}
	}
	for _, route := range administration {
		call(route).refused(401, fault.AuthInvalidCredentials, "No admin token provided")
		call(route, bearer(other.access)).refused(403, fault.AuthUnauthorized, "Admin access required")
		call(route, bearer(user.access)).refused(403, fault.AuthUnauthorized, "Admin access required")
		call(route, bearer(anonKey)).refused(401, fault.AuthUnauthorized, "Invalid token")
	}
	call("DELETE /api/auth/sessions/current", bearer(user.access)).refused(400, invalid, "sessionId: Invalid uuid")
	call("DELETE /api/auth/users/x/sessions", bearer(apiKey)).refused(400, invalid, "userId: Invalid uuid")
	call("DELETE /api/auth/users/"+user.id+"/sessions/x", bearer(apiKey)).refused(400, invalid, "sessionId: Invalid uuid")
	call("DELETE /api/auth/admin/sessions/x", bearer(apiKey)).refused(400, invalid, "sessionId: Invalid uuid")
	// None of that ended a session. An expired one, however, has no rights left.
	w.refresh(user).ok()
	w.clock.advance(16 * time.Minute)
	for _, route := range own {
		call(route, bearer(user.access)).refused(401, fault.AuthUnauthorized, "Invalid token")
	}
}

func TestAdministratorEndsSessionsOfAUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	user, other := w.signUp("a@b.co"), w.signUp("c@b.co")
	path := "/api/auth/users/" + user.id + "/sessions"
	list := w.do("GET", path, nil, bearer(apiKey)).ok()
	id := list.body["data"].([]any)[0].(map[string]any)["id"].(string)
	if a := w.do("DELETE", "/api/auth/users/"+other.id+"/sessions/"+id, nil, bearer(apiKey)).ok(); a.body["revokedCount"] != 0.0 {
		t.Errorf("got %s, want none: it is another user's", a.raw)
	}
	if a := w.do("DELETE", path+"/"+id, nil, bearer(apiKey)).ok(); a.body["revokedCount"] != 1.0 {
		t.Errorf("got %s, want one", a.raw)
	}
	w.ended(user, fault.AuthUnauthorized)
	for range 3 {
		w.do("POST", "/api/auth/sessions", map[string]any{"email": "a@b.co", "password": password}).ok()
	}
	if a := w.do("DELETE", path, nil, bearer(apiKey)).ok(); a.body["revokedCount"] != 3.0 {
		t.Errorf("got %s, want three", a.raw)
	}
	w.refresh(other).ok()
	if n := w.count(`SELECT count(*) FROM system.audit_logs WHERE action = 'REVOKE_SESSIONS' AND actor = 'api-key'`); n != 3 {
		t.Errorf("got %d audit rows, want 3", n)
	}
}

func TestAdministratorsSeeAndEndTheirOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	user, first, second := w.signUp("a@b.co"), w.signInAdmin(), w.signInAdmin()
	if list := w.do("GET", "/api/auth/admin/sessions", nil, bearer(first.access)).ok(); list.body["count"] != 2.0 {
		t.Errorf("got %s, want two sessions", list.raw)
	}
	if a := w.do("DELETE", "/api/auth/admin/sessions", nil, bearer(first.access)).ok(); a.body["revokedCount"] != 1.0 {
		t.Errorf("got %s, want the other one", a.raw)
	}
	w.do("GET", "/api/auth/admin/sessions/current", nil, bearer(second.access)).refused(401, fault.AuthUnauthorized, "Invalid token")
	w.restart() // what the process remembered is gone, the row too
	w.do("GET", "/api/auth/admin/sessions/current", nil, bearer(second.access)).refused(401, fault.AuthUnauthorized, "Invalid token")
	w.do("POST", "/api/auth/admin/refresh", nil, second.adminCookie(), second.header()).refused(401, fault.AuthUnauthorized, "")
	w.do("POST", "/api/auth/admin/refresh", nil, first.adminCookie(), first.header()).ok()
	w.do("POST", "/api/auth/admin/logout", nil, first.adminCookie(), first.header()).ok()
	w.do("POST", "/api/auth/admin/refresh", nil, first.adminCookie(), first.header()).refused(401, fault.AuthUnauthorized, "")
	w.refresh(user).ok()
}

func TestAdminSessionEndsWhenThePasswordChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	password := adminPassword
	w.restart(func(d *auth.Deps) { d.AdminPassword = func() string { return password } })
	admin := w.signInAdmin()
	password = "another one"
	signIn := func(password string) answer {
		return w.do("POST", "/api/auth/admin/sessions", map[string]any{"username": adminUsername, "password": password})
	}
	signIn(adminPassword).refused(401, fault.AuthUnauthorized, "Invalid credentials")
	signIn(password).ok()
	a := w.do("POST", "/api/auth/admin/refresh", nil, admin.adminCookie(), admin.header()).refused(401, fault.AuthUnauthorized, "")
	wantCleared(t, a.cookie(adminCookie), "/api/auth/admin")
}

func TestRevocationHoldsAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, third := w.signUp("a@b.co"), ""
	third = thirdParty(`{"sub":"` + s.id + `"}`)
	w.do("DELETE", "/api/auth/users/"+s.id+"/sessions", nil, bearer(apiKey)).ok()
	w.restart()
	w.ended(s, fault.AuthUnauthorized)
	w.do("GET", "/api/auth/sessions", nil, bearer(s.access)).refused(401, fault.AuthUnauthorized, "")
	w.do("GET", "/api/auth/sessions/current", nil, bearer(third)).ok() // no session of ours
}

func TestPasswordResetEndsSessionsAndSignInsInProgress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	id := uuid.MustParse(s.id)
	old := w.text(`SELECT password FROM auth.users`)
	if err := w.auth.OpenWith(t.Context(), id, old); err != nil {
		t.Fatal(err)
	}
	opened := make(chan error, 1)
	err := w.auth.ReplacePassword(t.Context(), id, "new", func() {
		// It has compared the old password and is about to open its session.
		go func() { opened <- w.auth.OpenWith(context.Background(), id, old) }()
		w.await(`SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`, 1)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-opened; !fault.Is(err, fault.AuthUnauthorized) {
		t.Errorf("got %v for a sign-in with the old password, want AUTH_UNAUTHORIZED", err)
	}
	if n := w.count(`SELECT count(*) FROM auth.sessions`); n != 0 {
		t.Errorf("got %d sessions after the reset, want 0", n)
	}
	w.ended(s, fault.AuthUnauthorized)
	if err := w.auth.OpenWith(t.Context(), uuid.New(), ""); !fault.Is(err, fault.AuthUnauthorized) {
		t.Errorf("got %v for a user who is gone, want AUTH_UNAUTHORIZED", err)
	}
}

func TestSessionsOfAUserAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, other := w.signUp("a@b.co"), w.signUp("c@b.co")
	w.sql(`INSERT INTO auth.sessions (id, user_id, client_type, token_digest, created_at, last_used_at, expires_at)
		SELECT gen_random_uuid(), $1, 'web', '', now(), now() - i * interval '1 hour', now() + interval '1 day' FROM generate_series(1, 120) i`, s.id)
	w.clock.advance(time.Second)
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "a@b.co", "password": password}).ok()
	if n := w.count(`SELECT count(*) FROM auth.sessions WHERE user_id = $1`, s.id); n != 100 {
		t.Errorf("got %d sessions, want 100", n)
	}
	w.refresh(s).ok() // so that it was used recently
	w.refresh(other).ok()
	// A sign-in that fails does not make room.
	if err := w.auth.OpenWith(t.Context(), uuid.MustParse(s.id), "another hash"); !fault.Is(err, fault.AuthUnauthorized) {
		t.Errorf("got %v for a password that has changed, want AUTH_UNAUTHORIZED", err)
	}
	if n := w.count(`SELECT count(*) FROM auth.sessions WHERE user_id = $1`, s.id); n != 100 {
		t.Errorf("got %d sessions, want 100", n)
	}
}

func TestExpiredSessionsAreForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	w.clock.advance(6 * 24 * time.Hour)
	s = s.next(w.refresh(s))
	w.clock.advance(6 * 24 * time.Hour)
	if err := w.auth.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	s = s.next(w.refresh(s)) // a session that is used goes on
	w.clock.advance(7 * 24 * time.Hour)
	w.refresh(s).refused(401, fault.AuthUnauthorized, "")
	if err := w.auth.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.count(`SELECT count(*) FROM auth.sessions`); n != 0 {
		t.Errorf("got %d sessions, want 0", n)
	}
}

func TestUserDeletionEndsSessionsInEveryProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	w.do("DELETE", "/api/auth/users", map[string]any{"userIds": []string{s.id}}, bearer(apiKey)).ok()
	w.ended(s, fault.AuthInvalidCredentials)
	w.do("PATCH", "/api/auth/profiles/current", map[string]any{"profile": map[string]any{}}, bearer(s.access)).
		refused(401, fault.AuthInvalidCredentials, "")
	w.restart()
	w.ended(s, fault.AuthInvalidCredentials)
	if n := w.count(`SELECT count(*) FROM auth.sessions`); n != 0 {
		t.Errorf("got %d sessions, want 0", n)
	}
}

func TestRefreshesBesideARevocationEndAllTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for round := range 5 {
		s := w.signUp(fmt.Sprintf("%d@b.co", round))
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				if a := w.refresh(s); a.status != http.StatusOK && a.status != http.StatusUnauthorized {
					t.Errorf("got %d %s", a.status, a.raw)
				}
			})
		}
		group.Go(func() { w.do("DELETE", "/api/auth/users/"+s.id+"/sessions", nil, bearer(apiKey)).ok() })
		group.Wait()
		w.refresh(s).refused(401, fault.AuthUnauthorized, "")
	}
}

func TestGuessingAPasswordIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	home, robot := with{"Test-Client-IP", "198.51.100.7"}, with{"Test-Client-IP", "203.0.113.9"}
	w.do("POST", "/api/auth/users", map[string]any{"email": "a@b.co", "password": password}, bearer(anonKey), home).ok()
	wrong := map[string]any{"email": "a@b.co", "password": "wrong"}
	nobody := map[string]any{"email": "nobody@b.co", "password": "wrong"}
	for range 10 {
		w.do("POST", "/api/auth/sessions", wrong, robot).refused(401, fault.AuthUnauthorized, "Invalid credentials")
		w.do("POST", "/api/auth/sessions", nobody, robot).refused(401, fault.AuthUnauthorized, "Invalid credentials")
	}
	first := w.do("POST", "/api/auth/sessions", wrong, robot).refused(429, fault.TooManyRequests, "Too many failed sign-ins")
	if first.header.Get("Retry-After") != "90" {
		t.Errorf("got Retry-After %q, want 90", first.header.Get("Retry-After"))
	}
	if second := w.do("POST", "/api/auth/sessions", nobody, robot); second.raw != first.raw || second.status != first.status {
		t.Errorf("got %s for nobody's account, want %s", second.raw, first.raw)
	}
	good := map[string]any{"email": "a@b.co", "password": password}
	w.do("POST", "/api/auth/sessions", good, robot).refused(429, fault.TooManyRequests, "")
	w.do("POST", "/api/auth/sessions", good, home).ok()
	for range 30 { // at home, too: the next chance is ten seconds away
		w.do("POST", "/api/auth/sessions", wrong, home).refused(401, fault.AuthUnauthorized, "")
	}
	w.do("POST", "/api/auth/sessions", good, home).refused(429, fault.TooManyRequests, "")
	w.clock.advance(10 * time.Second)
	w.do("POST", "/api/auth/sessions", good, home).ok()

	// After a restart, a live session shows where home is.
	w.restart()
	for range 15 {
		w.do("POST", "/api/auth/sessions", wrong, home).refused(401, fault.AuthUnauthorized, "")
	}
	w.do("POST", "/api/auth/sessions", good, home).ok()
}
