package auth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/auth"
	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/auth/oauth/optest"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

const (
	appPage = "https://app.example.com/welcome?lang=en"
	// verifier is the application's secret of a sign-in.
	verifier = "a-verifier-of-the-application-that-is-long-enough"
)

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// oauthWorld is a world whose providers are fakes.
type oauthWorld struct {
	*world
	fakes *optest.Fakes
}

func newOAuthWorld(t *testing.T) *oauthWorld {
	t.Helper()
	w := &oauthWorld{world: newWorld(t), fakes: optest.NewFakes(t)}
	w.restart(func(d *auth.Deps) { d.Providers, d.AllowPrivateProviders = w.fakes.Providers(), true })
	return w
}

// configure sets a built-in provider up.
func (w *oauthWorld) configure(names ...oauth.Name) {
	w.t.Helper()
	for _, name := range names {
		secret := optest.ClientSecret
		if name == oauth.Apple {
			secret = w.fakes.AppleSecret()
		}
		w.do("POST", "/api/auth/oauth/configs", map[string]any{
			"provider": name, "clientId": optest.ClientID, "clientSecret": secret, "useSharedKey": false,
		}, bearer(apiKey)).OK(200)
	}
}

func startQuery(redirect, challenge string) string {
	return "?" + url.Values{"redirect_uri": {redirect}, "code_challenge": {challenge}}.Encode()
}

// begin returns the address that a browser is sent to.
func (w *oauthWorld) begin(name oauth.Name) string {
	w.t.Helper()
	return w.do("GET", "/api/auth/oauth/"+string(name)+startQuery(appPage, challengeOf(verifier)), nil).OK(200).String("authUrl")
}

// comeBack is the request of a browser that a provider sent back.
func (w *oauthWorld) comeBack(name oauth.Name, params url.Values) resttest.Answer {
	w.t.Helper()
	path := "/api/auth/oauth/" + string(name) + "/callback"
	if name == oauth.Apple {
		return w.do("POST", path, params.Encode(), with{"Content-Type", "application/x-www-form-urlencoded"})
	}
	return w.do("GET", path+"?"+params.Encode(), nil)
}

// location returns where a browser is sent, which must be the application.
func (w *world) location(a resttest.Answer) url.Values {
	w.t.Helper()
	to, err := url.Parse(a.Header.Get("Location"))
	if a.Status != http.StatusFound || err != nil || to.Scheme+"://"+to.Host+to.Path != "https://app.example.com/welcome" || to.Query().Get("lang") != "en" {
		w.t.Fatalf("got %d %q %s, want a redirect to the application", a.Status, a.Header.Get("Location"), a.Text)
	}
	return to.Query()
}

// signInAt goes through a sign-in up to the application.
func (w *oauthWorld) signInAt(name oauth.Name, who optest.Person) url.Values {
	w.t.Helper()
	return w.location(w.comeBack(name, w.fakes.Authorize(name, w.begin(name), who)))
}

func (w *oauthWorld) exchange(code string) resttest.Answer {
	w.t.Helper()
	return w.do("POST", "/api/auth/oauth/exchange", map[string]any{"code": code, "code_verifier": verifier})
}

var ada = optest.Person{
	ID: "1001", Email: "Ada@Example.com", Verified: true, Name: "Ada", Username: "ada", Principal: "ada@example.com",
}

func TestSignInAtEveryProvider(t *testing.T) {
	t.Parallel()
	for _, name := range []oauth.Name{
		oauth.Google, oauth.GitHub, oauth.Discord, oauth.LinkedIn, oauth.Facebook, oauth.Apple, oauth.X, oauth.Microsoft,
	} {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			w := newOAuthWorld(t)
			w.configure(name)
			sub := w.bus.Subscribe()
			defer sub.Close()
			code := w.signInAt(name, ada).Get("insforge_code")
			if len(code) != 64 {
				t.Fatalf("got code %q, want 64 hex digits", code)
			}
			if got := len(sub.C()); got != 0 {
				t.Errorf("got %d events before the exchange, want none", got)
			}
			a := w.exchange(code).OK(200)
			if got, want := a.Names(), "accessToken csrfToken user"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if a.Cookie(userCookie) == nil {
				t.Error("got no session cookie")
			}
			email := "ada@example.com"
			if name == oauth.X {
				email = "ada@users.noreply.x.local"
			}
			user := a.At("user").(map[string]any)
			if user["email"] != email || user["emailVerified"] != true || resttest.JSON(user["providers"]) != `["`+string(name)+`"]` ||
				resttest.JSON(user["metadata"]) != `{}` || a.String("user", "profile", "name") == "" {
				t.Errorf("got user %v", user)
			}
			w.do("GET", "/api/auth/sessions/current", nil, bearer(a.String("accessToken"))).OK(200)
			if e, ok := (<-sub.C()).(events.DataUpdate); !ok || e.Resource != events.Users {
				t.Errorf("got event %v, want one of users", e)
			}

			again := w.exchange(w.signInAt(name, ada).Get("insforge_code")).OK(200)
			if again.String("user", "id") != a.String("user", "id") {
				t.Error("the same account signed in as another user")
			}
			if n := w.count(`SELECT count(*) FROM auth.user_providers WHERE access_token IS NOT NULL OR refresh_token IS NOT NULL`); n != 0 {
				t.Errorf("got %d stored tokens of the provider, want none", n)
			}
		})
	}
}

func TestTheExchangeHandsOutSessionsByTypeOfClient(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google)
	code := w.signInAt(oauth.Google, ada).Get("insforge_code")
	a := w.do("POST", "/api/auth/oauth/exchange?client_type=mobile", map[string]any{"code": code, "code_verifier": verifier}).OK(200)
	if got, want := a.Names(), "accessToken refreshToken user"; got != want || a.Cookie(userCookie) != nil {
		t.Errorf("got %s, want %s and no cookie", got, want)
	}
}

func TestACodeWorksOnceAndOnlyWithItsVerifier(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google)
	fresh := func() string { return w.signInAt(oauth.Google, ada).Get("insforge_code") }
	spent := func(code string) { w.exchange(code).Refused(400, fault.InvalidInput, "Invalid or expired code") }

	code := fresh()
	w.exchange(code).OK(200)
	spent(code)

	code = fresh()
	wrong := map[string]any{"code": code, "code_verifier": strings.Repeat("x", 43)}
	w.do("POST", "/api/auth/oauth/exchange", wrong).Refused(400, fault.AuthUnauthorized, "verifier")
	spent(code)

	code = fresh()
	w.clock.Advance(5 * time.Minute)
	spent(code)

	code = fresh()
	w.sql(`DELETE FROM auth.users`)
	w.exchange(code).Refused(404, fault.AuthUserNotFound, "")

	for name, body := range map[string]any{
		"nothing": map[string]any{}, "no verifier": map[string]any{"code": "x"}, "a short verifier": map[string]any{"code": "x", "code_verifier": "x"},
		"a list": []any{}, "no JSON": "{", "types": map[string]any{"code": 1, "code_verifier": 2},
	} {
		t.Log(name)
		w.do("POST", "/api/auth/oauth/exchange", body).Refused(400, fault.InvalidInput, "")
	}
	spent(strings.Repeat("0", 64))
	if n := w.count(`SELECT count(*) FROM auth.oauth_codes`); n != 0 {
		t.Errorf("got %d codes left, want none", n)
	}
}

func TestACodePresentedTwiceAtOnceWorksOnce(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google)
	code := w.signInAt(oauth.Google, ada).Get("insforge_code")
	statuses := make([]int, 8)
	var group sync.WaitGroup
	for i := range statuses {
		group.Go(func() { statuses[i] = w.exchange(code).Status })
	}
	group.Wait()
	good := 0
	for _, status := range statuses {
		if status == 200 {
			good++
		}
	}
	if good != 1 {
		t.Errorf("got statuses %v, want one 200", statuses)
	}
}

func TestStatesAreForOneReturnToOneProvider(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google, oauth.LinkedIn)
	bad := func(what string, a resttest.Answer) {
		t.Helper()
		t.Log(what)
		a.Refused(400, fault.InvalidInput, "state")
		if a.Header.Get("Location") != "" {
			t.Errorf("%s: got sent to %s, want nowhere", what, a.Header.Get("Location"))
		}
	}
	back := w.fakes.Authorize(oauth.Google, w.begin(oauth.Google), ada)
	w.location(w.comeBack(oauth.Google, back))
	bad("replayed", w.comeBack(oauth.Google, back))
	fresh := w.fakes.Authorize(oauth.Google, w.begin(oauth.Google), ada)
	bad("replayed with a new code", w.comeBack(oauth.Google, url.Values{"state": back["state"], "code": fresh["code"]}))

	state := fresh.Get("state")
	with := func(state string) url.Values { return url.Values{"state": {state}, "code": fresh["code"]} }
	body, signature, _ := strings.Cut(state, ".")
	forged := base64.RawURLEncoding.EncodeToString([]byte(`{"p":"google","r":"https://evil.example","c":"` + challengeOf(verifier) + `","i":"AAAA","e":99999999999}`))
	bad("absent", w.comeBack(oauth.Google, url.Values{"code": {"x"}}))
	bad("empty", w.comeBack(oauth.Google, with("")))
	bad("forged", w.comeBack(oauth.Google, with(forged+"."+signature)))
	bad("unsigned", w.comeBack(oauth.Google, with(forged+".")))
	bad("changed", w.comeBack(oauth.Google, with("A"+body[1:]+"."+signature)))
	bad("a token of the project", w.comeBack(oauth.Google, with(w.signUp("bob@example.com").refresh)))
	bad("of another provider", w.comeBack(oauth.LinkedIn, with(state)))
	bad("of a built-in provider at a custom one", w.do("GET", "/api/auth/oauth/custom/corp/callback?"+with(state).Encode(), nil))
	bad("given twice", w.comeBack(oauth.Google, url.Values{"state": {state, state}, "code": fresh["code"]}))
	bad("huge", w.comeBack(oauth.Google, with(strings.Repeat("a", 9000))))

	if a := w.do("HEAD", "/api/auth/oauth/google/callback?"+fresh.Encode(), nil); a.Status != 405 {
		t.Errorf("HEAD: got %d, want 405", a.Status)
	}
	w.location(w.comeBack(oauth.Google, fresh)) // none of these used it up

	late := w.fakes.Authorize(oauth.Google, w.begin(oauth.Google), ada)
	w.clock.Advance(time.Hour)
	bad("expired", w.comeBack(oauth.Google, late))
}

func TestOfConcurrentReturnsOneCounts(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google)
	back := w.fakes.Authorize(oauth.Google, w.begin(oauth.Google), ada)
	statuses := make([]int, 8)
	var group sync.WaitGroup
	for i := range statuses {
		group.Go(func() { statuses[i] = w.comeBack(oauth.Google, back).Status })
	}
	group.Wait()
	found := 0
	for _, status := range statuses {
		if status == http.StatusFound {
			found++
		}
	}
	if found != 1 {
		t.Errorf("got statuses %v, want one 302", statuses)
	}
}

func TestAProvidersRefusalReachesTheApplication(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google, oauth.GitHub)
	state := func(name oauth.Name) []string {
		u, err := url.Parse(w.begin(name))
		if err != nil {
			t.Fatal(err)
		}
		return u.Query()["state"]
	}
	for _, tt := range []struct {
		name   string
		at     oauth.Name
		params url.Values
		want   string
	}{
		{"the user declines", oauth.Google, url.Values{"error": {"access_denied"}, "error_description": {"<script>"}}, "Access was denied"},
		{"the provider fails", oauth.Google, url.Values{"error": {"<script>"}}, "Authentication failed"},
		{"a made-up code", oauth.Google, url.Values{"code": {"made-up"}}, "Authentication failed"},
		{"a made-up code at one without ID tokens", oauth.GitHub, url.Values{"code": {"made-up"}}, "Authentication failed"},
		{"a code of another issuer", oauth.Google, url.Values{"code": {"x"}, "iss": {"https://evil.example"}}, "Authentication failed"},
	} {
		tt.params["state"] = state(tt.at)
		got := w.location(w.comeBack(tt.at, tt.params))
		want := url.Values{"lang": {"en"}, "error": {tt.want}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, diff)
		}
	}
	w.comeBack(oauth.Google, url.Values{"state": state(oauth.Google)}).Refused(400, fault.InvalidInput, "code")
}

func TestFormsOfAProviderThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	form := with{"Content-Type", "application/x-www-form-urlencoded"}
	const path = "/api/auth/oauth/apple/callback"
	w.do("POST", path, "state=x&code=y", form).Refused(400, fault.InvalidInput, "state")
	w.do("POST", path+"?state=x&code=y", "", form).Refused(400, fault.InvalidInput, "state")
	w.do("POST", path, "state=%zz", form).Refused(400, fault.InvalidInput, "form")
	w.do("POST", path, map[string]any{"state": "x"}).Refused(400, fault.InvalidInput, "form")
	w.do("POST", path, "state="+strings.Repeat("x", 1<<20), form).Refused(413, fault.InvalidInput, "")
	w.do("POST", "/api/auth/oauth/unknown/callback", "state=x", form).Refused(400, fault.InvalidInput, "provider")
}

// The nonce ties the ID token to the attempt: a code of another attempt, which an
// attacker's browser started, is refused.
func TestACodeOfAnotherAttemptIsRefused(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Apple) // which does not support PKCE: only the nonce ties them
	attackers := w.fakes.Authorize(oauth.Apple, w.begin(oauth.Apple), ada)
	victims := w.fakes.Authorize(oauth.Apple, w.begin(oauth.Apple), optest.Person{ID: "2", Email: "bob@example.com", Verified: true})
	got := w.location(w.comeBack(oauth.Apple, url.Values{"state": victims["state"], "code": attackers["code"]}))
	if got.Get("error") != "Authentication failed" || got.Get("insforge_code") != "" {
		t.Errorf("got %v, want a refusal", got)
	}
}

func TestIDTokensOfCodesMustBeGood(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google)
	for name, change := range map[string]func(map[string]any){
		"another audience": func(c map[string]any) { c["aud"] = "another-client" },
		"another issuer":   func(c map[string]any) { c["iss"] = "https://evil.example" },
		"another nonce":    func(c map[string]any) { c["nonce"] = "another" },
		"expired":          func(c map[string]any) { c["exp"] = 1 },
		"no subject":       func(c map[string]any) { delete(c, "sub") },
	} {
		w.fakes.Change = change
		if got := w.signInAt(oauth.Google, ada).Get("error"); got != "Authentication failed" {
			t.Errorf("%s: got error %q, want a refusal", name, got)
		}
	}
	if n := w.count(`SELECT count(*) FROM auth.users`); n != 0 {
		t.Errorf("got %d users, want none", n)
	}
}

func TestStartsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google)
	w.sql(`INSERT INTO auth.config (allowed_redirect_urls) VALUES ('{https://app.example.com/**,myapp://auth/callback}')`)
	good := challengeOf(verifier)
	start := func(provider, query string) resttest.Answer {
		return w.do("GET", "/api/auth/oauth/"+provider+query, nil)
	}

	for _, provider := range []string{"unknown", "GOOGLE", "..", "google%00"} {
		start(provider, startQuery(appPage, good)).Refused(400, fault.InvalidInput, "provider")
	}
	for _, provider := range []string{"instagram", "tiktok", "spotify"} {
		start(provider, startQuery(appPage, good)).Refused(501, fault.AuthUnsupportedProvider, "")
	}
	start("github", startQuery(appPage, good)).Refused(500, fault.AuthOAuthConfigError, "not configured")
	for name, challenge := range map[string]string{
		"none": "", "short": good[:42], "long": strings.Repeat("a", 129), "other characters": good[:42] + "+", "a line": good + "\n",
	} {
		t.Log(name)
		start("google", startQuery(appPage, challenge)).Refused(400, fault.InvalidInput, "code_challenge")
	}
	for _, redirect := range []string{
		"", "/relative", "not a url", "https://evil.example/welcome", "https://app.example.com.evil.example/", "https://app.example.com@evil.example/",
		"//evil.example", "https://evil.example/?https://app.example.com/", "http://app.example.com/", "javascript://app.example.com/%0aalert(1)",
		"data:text/html,x", "https:app.example.com", "https://app.example.com\\@evil.example/", "https://app.example.com:444/", "myapp://other",
		"https://app.example.com/" + strings.Repeat("a", 3000),
	} {
		t.Log(redirect[:min(len(redirect), 60)])
		start("google", startQuery(redirect, good)).Refused(400, fault.InvalidInput, "")
	}
	start("google", startQuery(appPage, good)+"&redirect_uri="+url.QueryEscape(appPage)).Refused(400, fault.InvalidInput, "redirect_uri")
	for _, redirect := range []string{appPage, "https://app.example.com", "myapp://auth/callback"} {
		start("google", startQuery(redirect, good)).OK(200)
	}
}

// Whatever Host a request names, providers send users to the configured address,
// and only to a page that is still allowed.
func TestAddressesComeFromTheConfiguration(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google)
	a := w.do("GET", "/api/auth/oauth/google"+startQuery(appPage, challengeOf(verifier)), nil,
		with{"Host", "evil.example"}, with{"X-Forwarded-Host", "evil.example"}, with{"X-Forwarded-Proto", "http"}, with{"Forwarded", "host=evil.example"}).OK(200)
	u, err := url.Parse(a.String("authUrl"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := u.Query().Get("redirect_uri"), baseURL+"/api/auth/oauth/google/callback"; got != want {
		t.Errorf("got callback %s, want %s", got, want)
	}
	back := w.fakes.Authorize(oauth.Google, a.String("authUrl"), ada)
	w.sql(`INSERT INTO auth.config (allowed_redirect_urls) VALUES ('{https://other.example.com}')`)
	w.comeBack(oauth.Google, back).Refused(400, fault.InvalidInput, "redirect")
}

func TestParametersForTheProviderArePassedOn(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google)
	a := w.do("GET", "/api/auth/oauth/google"+startQuery(appPage, challengeOf(verifier))+
		"&prompt=select_account&client_id=evil&state=evil&request_uri=evil&twice=1&twice=2&empty=", nil).OK(200)
	u, err := url.Parse(a.String("authUrl"))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if q.Get("prompt") != "select_account" || q.Get("client_id") != optest.ClientID || q.Get("state") == "evil" || q.Has("request_uri") || q.Has("twice") {
		t.Errorf("got %v", q)
	}
}

func TestExpiredStatesAndCodesAreDeleted(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google)
	w.signInAt(oauth.Google, ada) // its code is never exchanged
	w.clock.Advance(2 * time.Hour)
	w.fakes.Change = func(c map[string]any) { c["exp"] = w.clock.Now().Add(time.Hour).Unix() }
	w.signInAt(oauth.Google, ada)
	for _, table := range []string{"auth.oauth_spent_states", "auth.oauth_codes"} {
		if n := w.count(`SELECT count(*) FROM ` + table); n != 1 {
			t.Errorf("got %d rows in %s, want only the one of the last sign-in", n, table)
		}
	}
	// The tables belong to the server alone, and contain no code.
	for _, role := range []string{"anon", "authenticated", "project_admin"} {
		for _, table := range []string{"auth.oauth_spent_states", "auth.oauth_codes"} {
			if n := w.count(`SELECT has_table_privilege($1, $2, 'SELECT, INSERT, UPDATE, DELETE')::int`, role, table); n != 0 {
				t.Errorf("%s has rights on %s", role, table)
			}
		}
	}
}

// No part of a sign-in is kept in the memory of a process: another one on the
// database, or the same after a restart, continues it.
func TestAnyProcessFinishesWhatAnotherStarted(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google)
	restart := func() { w.restart(func(d *auth.Deps) { d.Providers = w.fakes.Providers() }) }
	address := w.begin(oauth.Google)
	restart()
	back := w.fakes.Authorize(oauth.Google, address, ada)
	code := w.location(w.comeBack(oauth.Google, back)).Get("insforge_code")
	restart()
	w.comeBack(oauth.Google, back).Refused(400, fault.InvalidInput, "state")
	w.exchange(code).OK(200)
	restart()
	w.exchange(code).Refused(400, fault.InvalidInput, "")
}
