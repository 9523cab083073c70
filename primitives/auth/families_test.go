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
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

// refresh asks for new tokens as a browser does.
func (w *world) refresh(s session) resttest.Answer {
	w.t.Helper()
	return w.do("POST", "/api/auth/refresh", nil, s.cookie(), s.header())
}

// next returns the session with the tokens of an answer.
func (s session) next(a resttest.Answer) session {
	a.OK(200)
	s.access, s.refresh = a.String("accessToken"), a.Cookie(userCookie).Value
	return s
}

// ended fails the test unless the refresh token is refused, and the access token
// with this code.
func (w *world) ended(s session, code fault.Code) {
	w.t.Helper()
	a := w.refresh(s).Refused(401, fault.AuthUnauthorized, "")
	if a.Cookie(userCookie) == nil || a.Cookie(userCookie).Value != "" {
		w.t.Error("the cookie was not cleared")
	}
	w.do("GET", "/api/auth/sessions/current", nil, bearer(s.access)).Refused(401, code, "")
}

func TestParallelRefreshesGetTheSameSuccessor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	const parallel = 20
	var group sync.WaitGroup
	answers := make(chan resttest.Answer, parallel)
	for range parallel {
		group.Go(func() { answers <- w.refresh(s) })
	}
	group.Wait()
	close(answers)
	accepted := map[string]session{}
	for a := range answers {
		n := s.next(a)
		accepted[claimsOf(t, n.refresh)["jti"].(string)] = n
		if a.String("csrfToken") != s.csrf {
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
	w.refresh(late).OK(200)
}

func TestTokenThatWasExchangedLongAgoEndsTheSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stolen, other := w.signUp("a@b.co"), w.signUp("c@b.co")
	owner := stolen.next(w.refresh(stolen))
	w.clock.Advance(time.Minute)
	w.refresh(stolen).OK(200) // within the grace
	w.clock.Advance(time.Second)
	w.refresh(stolen).Refused(401, fault.AuthUnauthorized, "")
	w.ended(owner, fault.AuthUnauthorized)
	w.refresh(other).OK(200)
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
		w.clock.Advance(10 * time.Minute)
		s = s.next(w.refresh(s))
	}
	w.refresh(first).Refused(401, fault.AuthUnauthorized, "")
	w.ended(s, fault.AuthUnauthorized)
}

func TestAnswerThatDiedWithTheProcessLogsNobodyOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	w.clock.Advance(time.Second)
	lost := s.next(w.refresh(s)) // stored, but the browser never saw it
	w.clock.Advance(10 * time.Minute)
	w.restart()
	w.clock.Advance(5 * time.Minute)
	again := s.next(w.refresh(s))
	if claimsOf(t, again.refresh)["jti"] != claimsOf(t, lost.refresh)["jti"] {
		t.Error("got another successor")
	}
	latest := again.next(w.refresh(again))
	// Only tokens exchanged before the start are forgiven, and not forever.
	w.clock.Advance(2 * time.Minute)
	w.refresh(again).Refused(401, fault.AuthUnauthorized, "")
	w.refresh(latest).Refused(401, fault.AuthUnauthorized, "")

	s = w.signUp("b@b.co")
	w.clock.Advance(time.Second)
	w.refresh(s).OK(200)
	w.clock.Advance(time.Second)
	w.restart()
	w.clock.Advance(16 * time.Minute)
	w.refresh(s).Refused(401, fault.AuthUnauthorized, "")
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
	w.refresh(first).OK(200)
	w.clock.Advance(2 * time.Minute)
	w.refresh(s).OK(200)
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
		w.do("POST", "/api/auth/refresh?client_type=mobile", map[string]any{"refreshToken": thirdParty(resttest.JSON(m))}).
			Refused(401, fault.AuthUnauthorized, "")
		if n := w.count(`SELECT count(*) FROM auth.sessions`); n != 1 {
			t.Fatalf("%s: the session was ended", name)
		}
	}
	w.refresh(s).OK(200)
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
	w.do("POST", "/api/auth/logout", nil, s.cookie(), s.header()).OK(200)
	w.ended(s, fault.AuthUnauthorized)

	// The SDK on phones sends the access token, others may send the refresh
	// token.
	for _, kind := range []string{"mobile", "desktop", "server"} {
		query := "?client_type=" + kind
		kept := w.do("POST", "/api/auth/sessions"+query, signIn).OK(200)
		byAccess := w.do("POST", "/api/auth/sessions"+query, signIn).OK(200)
		byRefresh := w.do("POST", "/api/auth/sessions"+query, signIn).OK(200)
		w.do("POST", "/api/auth/logout"+query, nil, bearer(byAccess.String("accessToken"))).OK(200)
		w.do("POST", "/api/auth/logout"+query, map[string]any{"refresh_token": byRefresh.String("refreshToken")}).OK(200)
		for _, bad := range []string{"x", anonKey, apiKey, thirdParty(`{"sub":"` + s.id + `"}`)} {
			w.do("POST", "/api/auth/logout"+query, map[string]any{"refreshToken": bad}, bearer(bad)).OK(200)
		}
		for _, a := range []resttest.Answer{byAccess, byRefresh} {
			w.do("POST", "/api/auth/refresh"+query, map[string]any{"refreshToken": a.String("refreshToken")}).Refused(401, fault.AuthUnauthorized, "")
			w.do("GET", "/api/auth/sessions/current", nil, bearer(a.String("accessToken"))).Refused(401, fault.AuthUnauthorized, "Invalid token")
		}
		w.do("POST", "/api/auth/refresh"+query, map[string]any{"refreshToken": kept.String("refreshToken")}).OK(200)
	}
}

func TestUserSeesAndEndsSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	browser, stranger := w.signUp("a@b.co"), w.signUp("c@b.co")
	phone := w.do("POST", "/api/auth/sessions?client_type=mobile", map[string]any{"email": "a@b.co", "password": password},
		with{"User-Agent", "Phone/1 \xff" + strings.Repeat("x", 1000)}, with{resttest.ClientIPHeader, "192.0.2.1"}).OK(200)
	list := w.do("GET", "/api/auth/sessions", nil, bearer(browser.access)).OK(200)
	sessions := list.At("data").([]any)
	if len(sessions) != 2 || list.At("count") != 2.0 {
		t.Fatalf("got %s, want two sessions", list.Text)
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
	if strings.Contains(list.Text, "digest") || strings.Contains(list.Text, "generation") {
		t.Errorf("got %s, which tells about tokens", list.Text)
	}

	none := map[string]any{"message": "Session revoked", "revokedCount": 0.0}
	a := w.do("DELETE", "/api/auth/sessions/"+phoneID, nil, bearer(stranger.access)).OK(200)
	if diff := cmp.Diff(none, a.Body); diff != "" {
		t.Error(diff)
	}
	if a = w.do("DELETE", "/api/auth/sessions/"+phoneID, nil, bearer(browser.access)).OK(200); a.At("revokedCount") != 1.0 {
		t.Errorf("got %s, want one", a.Text)
	}
	w.do("POST", "/api/auth/refresh?client_type=mobile", map[string]any{"refreshToken": phone.String("refreshToken")}).Refused(401, fault.AuthUnauthorized, "")
	w.do("GET", "/api/auth/sessions/current", nil, bearer(phone.String("accessToken"))).Refused(401, fault.AuthUnauthorized, "")

	w.do("POST", "/api/auth/sessions?client_type=server", map[string]any{"email": "a@b.co", "password": password}).OK(200)
	if a = w.do("DELETE", "/api/auth/sessions", nil, bearer(browser.access)).OK(200); a.At("revokedCount") != 1.0 {
		t.Errorf("got %s, want the other one", a.Text)
	}
	w.refresh(browser).OK(200)
	w.refresh(stranger).OK(200)
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
	call := func(route string, headers ...with) resttest.Answer {
		method, path, _ := strings.Cut(route, " ")
		return w.do(method, path, nil, headers...)
	}
	for _, route := range own {
		call(route).Refused(401, fault.AuthInvalidCredentials, "No token provided")
		call(route, user.cookie(), user.header()).Refused(401, fault.AuthInvalidCredentials, "No token provided")
		for _, token := range []string{apiKey, anonKey, "x", user.refresh, thirdParty(`{"sub":"` + user.id + `","exp":1}`)} {
			call(route, bearer(token)).Refused(401, fault.AuthUnauthorized, "Invalid token")
		}
		for _, token := range []string{admin.access, thirdParty(`{"sub":"user_2abc"}`), thirdParty(`{"sub":"` + id + `"}`)} {
			call(route, bearer(token)).Refused(401, fault.AuthInvalidCredentials, "")
		}
	}
	for _, route := range administration {
		call(route).Refused(401, fault.AuthInvalidCredentials, "No admin token provided")
		call(route, bearer(other.access)).Refused(403, fault.AuthUnauthorized, "Admin access required")
		call(route, bearer(user.access)).Refused(403, fault.AuthUnauthorized, "Admin access required")
		call(route, bearer(anonKey)).Refused(401, fault.AuthUnauthorized, "Invalid token")
	}
	call("DELETE /api/auth/sessions/current", bearer(user.access)).Refused(400, invalid, "sessionId: Invalid uuid")
	call("DELETE /api/auth/users/x/sessions", bearer(apiKey)).Refused(400, invalid, "userId: Invalid uuid")
	call("DELETE /api/auth/users/"+user.id+"/sessions/x", bearer(apiKey)).Refused(400, invalid, "sessionId: Invalid uuid")
	call("DELETE /api/auth/admin/sessions/x", bearer(apiKey)).Refused(400, invalid, "sessionId: Invalid uuid")
	// None of that ended a session. An expired one, however, has no rights left.
	w.refresh(user).OK(200)
	w.clock.Advance(16 * time.Minute)
	for _, route := range own {
		call(route, bearer(user.access)).Refused(401, fault.AuthUnauthorized, "Invalid token")
	}
}

func TestAdministratorEndsSessionsOfAUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	user, other := w.signUp("a@b.co"), w.signUp("c@b.co")
	path := "/api/auth/users/" + user.id + "/sessions"
	list := w.do("GET", path, nil, bearer(apiKey)).OK(200)
	id := list.At("data").([]any)[0].(map[string]any)["id"].(string)
	if a := w.do("DELETE", "/api/auth/users/"+other.id+"/sessions/"+id, nil, bearer(apiKey)).OK(200); a.At("revokedCount") != 0.0 {
		t.Errorf("got %s, want none: it is another user's", a.Text)
	}
	if a := w.do("DELETE", path+"/"+id, nil, bearer(apiKey)).OK(200); a.At("revokedCount") != 1.0 {
		t.Errorf("got %s, want one", a.Text)
	}
	w.ended(user, fault.AuthUnauthorized)
	for range 3 {
		w.do("POST", "/api/auth/sessions", map[string]any{"email": "a@b.co", "password": password}).OK(200)
	}
	if a := w.do("DELETE", path, nil, bearer(apiKey)).OK(200); a.At("revokedCount") != 3.0 {
		t.Errorf("got %s, want three", a.Text)
	}
	w.refresh(other).OK(200)
	if n := w.count(`SELECT count(*) FROM system.audit_logs WHERE action = 'REVOKE_SESSIONS' AND actor = 'api-key'`); n != 3 {
		t.Errorf("got %d audit rows, want 3", n)
	}
}

func TestAdministratorsSeeAndEndTheirOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	user, first, second := w.signUp("a@b.co"), w.signInAdmin(), w.signInAdmin()
	if list := w.do("GET", "/api/auth/admin/sessions", nil, bearer(first.access)).OK(200); list.At("count") != 2.0 {
		t.Errorf("got %s, want two sessions", list.Text)
	}
	if a := w.do("DELETE", "/api/auth/admin/sessions", nil, bearer(first.access)).OK(200); a.At("revokedCount") != 1.0 {
		t.Errorf("got %s, want the other one", a.Text)
	}
	w.do("GET", "/api/auth/admin/sessions/current", nil, bearer(second.access)).Refused(401, fault.AuthUnauthorized, "Invalid token")
	w.restart() // what the process remembered is gone, the row too
	w.do("GET", "/api/auth/admin/sessions/current", nil, bearer(second.access)).Refused(401, fault.AuthUnauthorized, "Invalid token")
	w.do("POST", "/api/auth/admin/refresh", nil, second.adminCookie(), second.header()).Refused(401, fault.AuthUnauthorized, "")
	w.do("POST", "/api/auth/admin/refresh", nil, first.adminCookie(), first.header()).OK(200)
	w.do("POST", "/api/auth/admin/logout", nil, first.adminCookie(), first.header()).OK(200)
	w.do("POST", "/api/auth/admin/refresh", nil, first.adminCookie(), first.header()).Refused(401, fault.AuthUnauthorized, "")
	w.refresh(user).OK(200)
}

func TestAdminSessionEndsWhenThePasswordChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	password := adminPassword
	w.restart(func(d *auth.Deps) { d.AdminPassword = func() string { return password } })
	admin := w.signInAdmin()
	password = "another one"
	signIn := func(password string) resttest.Answer {
		return w.do("POST", "/api/auth/admin/sessions", map[string]any{"username": adminUsername, "password": password})
	}
	signIn(adminPassword).Refused(401, fault.AuthUnauthorized, "Invalid credentials")
	signIn(password).OK(200)
	a := w.do("POST", "/api/auth/admin/refresh", nil, admin.adminCookie(), admin.header()).Refused(401, fault.AuthUnauthorized, "")
	wantCleared(t, a.Cookie(adminCookie), "/api/auth/admin")
}

func TestRevocationHoldsAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, third := w.signUp("a@b.co"), ""
	third = thirdParty(`{"sub":"` + s.id + `"}`)
	w.do("DELETE", "/api/auth/users/"+s.id+"/sessions", nil, bearer(apiKey)).OK(200)
	w.restart()
	w.ended(s, fault.AuthUnauthorized)
	w.do("GET", "/api/auth/sessions", nil, bearer(s.access)).Refused(401, fault.AuthUnauthorized, "")
	w.do("GET", "/api/auth/sessions/current", nil, bearer(third)).OK(200) // no session of ours
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
	w.clock.Advance(time.Second)
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "a@b.co", "password": password}).OK(200)
	if n := w.count(`SELECT count(*) FROM auth.sessions WHERE user_id = $1`, s.id); n != 100 {
		t.Errorf("got %d sessions, want 100", n)
	}
	w.refresh(s).OK(200) // so that it was used recently
	w.refresh(other).OK(200)
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
	w.clock.Advance(6 * 24 * time.Hour)
	s = s.next(w.refresh(s))
	w.clock.Advance(6 * 24 * time.Hour)
	if err := w.auth.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	s = s.next(w.refresh(s)) // a session that is used goes on
	w.clock.Advance(7 * 24 * time.Hour)
	w.refresh(s).Refused(401, fault.AuthUnauthorized, "")
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
	w.do("DELETE", "/api/auth/users", map[string]any{"userIds": []string{s.id}}, bearer(apiKey)).OK(200)
	w.ended(s, fault.AuthInvalidCredentials)
	w.do("PATCH", "/api/auth/profiles/current", map[string]any{"profile": map[string]any{}}, bearer(s.access)).
		Refused(401, fault.AuthInvalidCredentials, "")
	w.restart()
	w.ended(s, fault.AuthInvalidCredentials)
	if n := w.count(`SELECT count(*) FROM auth.sessions`); n != 0 {
		t.Errorf("got %d sessions, want 0", n)
	}
}

func TestRefreshesDuringARevocationEndToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for round := range 5 {
		s := w.signUp(fmt.Sprintf("%d@b.co", round))
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				if a := w.refresh(s); a.Status != http.StatusOK && a.Status != http.StatusUnauthorized {
					t.Errorf("got %d %s", a.Status, a.Text)
				}
			})
		}
		group.Go(func() { w.do("DELETE", "/api/auth/users/"+s.id+"/sessions", nil, bearer(apiKey)).OK(200) })
		group.Wait()
		w.refresh(s).Refused(401, fault.AuthUnauthorized, "")
	}
}

func TestGuessingAPasswordIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	home, robot := with{resttest.ClientIPHeader, "198.51.100.7"}, with{resttest.ClientIPHeader, "203.0.113.9"}
	w.do("POST", "/api/auth/users", map[string]any{"email": "a@b.co", "password": password}, bearer(anonKey), home).OK(200)
	wrong := map[string]any{"email": "a@b.co", "password": "wrong"}
	nobody := map[string]any{"email": "nobody@b.co", "password": "wrong"}
	for range 10 {
		w.do("POST", "/api/auth/sessions", wrong, robot).Refused(401, fault.AuthUnauthorized, "Invalid credentials")
		w.do("POST", "/api/auth/sessions", nobody, robot).Refused(401, fault.AuthUnauthorized, "Invalid credentials")
	}
	first := w.do("POST", "/api/auth/sessions", wrong, robot).Refused(429, fault.TooManyRequests, "Too many failed sign-ins")
	if first.Header.Get("Retry-After") != "90" {
		t.Errorf("got Retry-After %q, want 90", first.Header.Get("Retry-After"))
	}
	if second := w.do("POST", "/api/auth/sessions", nobody, robot); second.Text != first.Text || second.Status != first.Status {
		t.Errorf("got %s for nobody's account, want %s", second.Text, first.Text)
	}
	good := map[string]any{"email": "a@b.co", "password": password}
	w.do("POST", "/api/auth/sessions", good, robot).Refused(429, fault.TooManyRequests, "")
	w.do("POST", "/api/auth/sessions", good, home).OK(200)
	for range 30 { // at home, too: the next chance is ten seconds away
		w.do("POST", "/api/auth/sessions", wrong, home).Refused(401, fault.AuthUnauthorized, "")
	}
	w.do("POST", "/api/auth/sessions", good, home).Refused(429, fault.TooManyRequests, "")
	w.clock.Advance(10 * time.Second)
	w.do("POST", "/api/auth/sessions", good, home).OK(200)

	// After a restart, a live session shows where home is.
	w.restart()
	for range 15 {
		w.do("POST", "/api/auth/sessions", wrong, home).Refused(401, fault.AuthUnauthorized, "")
	}
	w.do("POST", "/api/auth/sessions", good, home).OK(200)
}
