package auth_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/auth/oauth/optest"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

// userOf signs in and returns the user.
func (w *oauthWorld) userOf(name oauth.Name, who optest.Person) answer {
	w.t.Helper()
	back := w.signInAt(name, who)
	if back.Get("insforge_code") == "" {
		w.t.Fatalf("got %v, want a code", back)
	}
	return w.exchange(back.Get("insforge_code")).ok()
}

func (w *oauthWorld) wantUsers(want int) {
	w.t.Helper()
	if n := w.count(`SELECT count(*) FROM auth.users`); n != want {
		w.t.Errorf("got %d users, want %d", n, want)
	}
}

func TestAccountsWithOneVerifiedAddressAreOneUser(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	names := []oauth.Name{oauth.Google, oauth.GitHub, oauth.Discord, oauth.LinkedIn, oauth.Facebook, oauth.Apple, oauth.Microsoft}
	w.configure(names...)
	id := w.userOf(oauth.Google, ada).text("user", "id")
	for _, name := range names {
		if got := w.userOf(name, ada).text("user", "id"); got != id {
			t.Errorf("%s: got user %s, want %s", name, got, id)
		}
	}
	w.wantUsers(1)
}

func TestAnAddressThatTheProviderDoesNotVouchForLinksNothing(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google, oauth.GitHub, oauth.Discord, oauth.Microsoft)
	w.signUp("ada@example.com")
	w.sql(`UPDATE auth.users SET email_verified = true`)
	for name, who := range map[oauth.Name]optest.Person{
		oauth.Google:    {ID: "666", Email: "ada@example.com"},
		oauth.GitHub:    {ID: "666", Username: "mallory", Email: "ADA@example.com"},
		oauth.Discord:   {ID: "666", Username: "mallory", Email: "ada@example.com"},
		oauth.Microsoft: {ID: "666", Email: "ada@example.com", Principal: "mallory@evil.onmicrosoft.com"},
	} {
		back := w.signInAt(name, who)
		if back.Get("insforge_code") != "" || back.Get("error") == "" || back.Get("error") == "Authentication failed" {
			t.Errorf("%s: got %v, want an error that says why", name, back)
		}
	}
	w.wantUsers(1)
	if n := w.count(`SELECT count(*) FROM auth.user_providers`); n != 0 {
		t.Errorf("got %d linked accounts, want none", n)
	}
}

// Somebody signs up with a victim's address, and waits for the victim to sign
// in with a provider.
func TestAnAccountThatNobodyVerifiedIsHandedOverWithoutItsWaysIn(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google, oauth.Microsoft)
	attacker := w.signUp("ada@example.com")

	victim := w.userOf(oauth.Google, ada)
	if victim.text("user", "id") != attacker.id || jsonOf(t, victim.body["user"].(map[string]any)["providers"]) != `["google"]` {
		t.Fatalf("got %s, want the account, with Google as the only way in", victim.raw)
	}
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "ada@example.com", "password": password}).refused(401, fault.AuthUnauthorized, "")
	w.do("POST", "/api/auth/refresh", nil, attacker.cookie(), attacker.header()).refused(401, fault.AuthUnauthorized, "")
	w.do("GET", "/api/auth/sessions/current", nil, bearer(attacker.access)).refused(401, fault.AuthUnauthorized, "")

	// The same with a provider that accepts any address.
	mallory := optest.Person{ID: "666", Email: "bob@example.com", Principal: "mallory@evil.onmicrosoft.com"}
	first := w.userOf(oauth.Microsoft, mallory)
	if first.body["user"].(map[string]any)["emailVerified"] != false {
		t.Error("an address that nobody vouches for counts as verified")
	}
	pending := w.signInAt(oauth.Microsoft, mallory).Get("insforge_code")
	bob := w.userOf(oauth.Google, optest.Person{ID: "2002", Email: "bob@example.com", Verified: true})
	if bob.text("user", "id") != first.text("user", "id") {
		t.Fatal("got another user, want the account")
	}
	w.exchange(pending).refused(400, invalid, "Invalid or expired code")
	w.do("GET", "/api/auth/sessions/current", nil, bearer(first.text("accessToken"))).refused(401, fault.AuthUnauthorized, "")
	if back := w.signInAt(oauth.Microsoft, mallory); back.Get("insforge_code") != "" {
		t.Error("the attacker's account still signs in")
	}
}

// The same, but the victim resets the password.
func TestAResetLeavesNobodyElseAWayIn(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	t.Cleanup(inBackground(w.auth.Run))
	w.mail.set(func(m *mailbox) { m.on = true })
	w.configure(oauth.Google, oauth.Microsoft)
	w.userOf(oauth.Google, ada)
	mallory := optest.Person{ID: "666", Email: "bob@example.com", Principal: "mallory@evil.onmicrosoft.com"}
	first := w.userOf(oauth.Microsoft, mallory)
	pending := w.signInAt(oauth.Microsoft, mallory).Get("insforge_code")
	for _, email := range []string{"ada@example.com", "bob@example.com"} {
		w.post("reset-password", map[string]any{"newPassword": newPassword, "otp": w.resetToken(email)}).ok()
	}

	w.do("GET", "/api/auth/sessions/current", nil, bearer(first.text("accessToken"))).refused(401, fault.AuthUnauthorized, "")
	w.exchange(pending).refused(400, invalid, "Invalid or expired code")
	if back := w.signInAt(oauth.Microsoft, mallory); back.Get("insforge_code") != "" {
		t.Error("the attacker's account still signs in")
	}
	for email, want := range map[string]string{
		"bob@example.com": `["email"]`,
		"ada@example.com": `["google","email"]`, // Google vouches for it
	} {
		a := w.do("POST", "/api/auth/sessions", map[string]any{"email": email, "password": newPassword}).ok()
		if got := jsonOf(t, a.body["user"].(map[string]any)["providers"]); got != want {
			t.Errorf("%s: got providers %s, want %s", email, got, want)
		}
	}
	if got := w.userOf(oauth.Google, ada).text("user", "email"); got != "ada@example.com" {
		t.Errorf("got user %s by Google, want the one it was linked to", got)
	}
}

func TestAVerifiedUserKeepsThePasswordWhenAnAccountIsLinked(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google)
	w.signUp("ada@example.com")
	w.sql(`UPDATE auth.users SET email_verified = true`)
	w.userOf(oauth.Google, ada)
	a := w.do("POST", "/api/auth/sessions", map[string]any{"email": "ada@example.com", "password": password}).ok()
	if got := jsonOf(t, a.body["user"].(map[string]any)["providers"]); got != `["google","email"]` {
		t.Errorf("got providers %s", got)
	}
}

func TestMadeUpAddressesLinkNothing(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.X, oauth.GitHub, oauth.Google)
	first := w.userOf(oauth.X, optest.Person{ID: "1", Username: "handle"})
	// The handle passes to somebody else.
	second := w.userOf(oauth.X, optest.Person{ID: "2", Username: "handle"})
	if first.text("user", "id") == second.text("user", "id") {
		t.Error("two people with one handle are one user")
	}
	if got := second.text("user", "email"); got != "2@users.noreply.x.local" {
		t.Errorf("got address %s, want one by the id", got)
	}
	// Others claim such an address.
	claimed := w.signInAt(oauth.Google, optest.Person{ID: "g", Email: "handle@users.noreply.x.local", Verified: true})
	if claimed.Get("insforge_code") != "" || claimed.Get("error") == "" {
		t.Errorf("got %v for a made-up address, want a refusal", claimed)
	}
	w.signUp("ada@users.noreply.github.com")
	third := w.userOf(oauth.GitHub, optest.Person{ID: "583231", Username: "ada"})
	if got := third.text("user", "email"); got != "583231@users.noreply.github.com" {
		t.Errorf("got address %s, want one by the id", got)
	}
	w.wantUsers(4)
}

func TestANewUserNeedsAnAddress(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google)
	for _, email := range []string{"", "no address", "ada@localhost", "\u212Aate@example.com"} {
		if back := w.signInAt(oauth.Google, optest.Person{ID: "1", Email: email, Verified: true}); back.Get("error") == "" {
			t.Errorf("%q: got %v, want a refusal", email, back)
		}
	}
	w.wantUsers(0)
}

func TestTheSwitchForSignUpsIsForAccountsToo(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google, oauth.GitHub)
	w.userOf(oauth.Google, ada)
	w.sql(`INSERT INTO auth.config (disable_signup) VALUES (true)`)
	w.userOf(oauth.Google, ada)
	w.userOf(oauth.GitHub, ada) // links
	if back := w.signInAt(oauth.Google, optest.Person{ID: "2", Email: "bob@example.com", Verified: true}); back.Get("error") != "Sign-up is disabled" {
		t.Errorf("got %v, want the refusal", back)
	}
	w.wantUsers(1)
}

func TestWhereAddressesMustBeVerifiedTheProviderMustHave(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google, oauth.Discord)
	known := optest.Person{ID: "1", Username: "known", Email: "known@example.com"}
	w.userOf(oauth.Discord, known)
	w.sql(`INSERT INTO auth.config (require_email_verification) VALUES (true)`)
	for _, who := range []optest.Person{known, {ID: "2", Username: "new", Email: "new@example.com"}} {
		if back := w.signInAt(oauth.Discord, who); back.Get("error") != "Email verification required" {
			t.Errorf("%s: got %v, want the refusal", who.Username, back)
		}
	}
	w.wantUsers(1)
	known.Verified = true
	if a := w.userOf(oauth.Discord, known); a.body["user"].(map[string]any)["emailVerified"] != true {
		t.Errorf("got %s, want a verified user", a.raw)
	}
	w.userOf(oauth.Discord, optest.Person{ID: "3", Username: "nobody"}) // nothing to verify
}

func TestProfilesThatUsersChangedAreNotOverwritten(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google)
	a := w.userOf(oauth.Google, ada)
	w.do("PATCH", "/api/auth/profiles/current", map[string]any{"profile": map[string]any{"name": "Countess"}}, bearer(a.text("accessToken"))).ok()
	if got := w.userOf(oauth.Google, ada).text("user", "profile", "name"); got != "Countess" {
		t.Errorf("got name %q, want the one that the user chose", got)
	}
}

func TestManySignInsAtOnceMakeOneUser(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	names := []oauth.Name{oauth.Google, oauth.GitHub, oauth.Discord, oauth.Facebook}
	w.configure(names...)
	ids := make([]string, 3*len(names))
	var group sync.WaitGroup
	for i := range ids {
		group.Go(func() { ids[i] = w.userOf(names[i%len(names)], ada).text("user", "id") })
	}
	group.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("got users %v, want one", ids)
		}
	}
	if n := w.count(`SELECT count(*) FROM auth.user_providers`); n != len(names) {
		t.Errorf("got %d accounts, want %d", n, len(names))
	}
}

// A project's trigger on auth.users runs with the rights of the project, also
// for sign-ins at providers.
func TestTriggersOfTheProjectRunAsTheProject(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google)
	w.sql(`
		CREATE TABLE public.seen (who text);
		GRANT ALL ON public.seen TO project_admin;
		CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen VALUES (current_user); RETURN NEW; END $$;
		CREATE TRIGGER note AFTER INSERT OR UPDATE ON auth.users FOR EACH ROW EXECUTE FUNCTION public.note()`)
	w.userOf(oauth.Google, ada)
	if got := w.text(`SELECT string_agg(DISTINCT who, ',') FROM public.seen`); got != "project_admin" {
		t.Errorf("the trigger ran as %s, want project_admin", got)
	}
}

func TestACustomProviderSignsPeopleIn(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	callback := baseURL + "/api/auth/oauth/custom/corp/callback"
	op := optest.Start(t, optest.Client{ID: optest.ClientID, Secret: optest.ClientSecret, RedirectURIs: []string{callback}})
	w.do("POST", "/api/auth/oauth/custom/configs", map[string]any{
		"key": "corp", "name": "Corp", "discoveryEndpoint": op.DiscoveryURL(), "clientId": optest.ClientID, "clientSecret": optest.ClientSecret,
	}, bearer(apiKey)).ok()

	begin := func() string {
		return w.do("GET", "/api/auth/oauth/custom/corp"+startQuery(appPage, challengeOf(verifier)), nil).ok().text("authUrl")
	}
	signIn := func(login string) answer {
		t.Helper()
		back := op.SignIn(begin(), login)
		if back.Scheme+"://"+back.Host+back.Path != callback {
			t.Fatalf("the provider sends the browser to %s", back)
		}
		return w.do("GET", back.RequestURI(), nil)
	}
	user := w.exchange(signIn("ada@example.com").location().Get("insforge_code")).ok()
	if got := jsonOf(t, user.body["user"].(map[string]any)["providers"]); got != `["corp"]` || user.text("user", "email") != "ada@example.com" ||
		user.text("user", "profile", "avatar_url") != "https://example.com/p.png" {
		t.Errorf("got user %s", user.raw)
	}
	again := w.exchange(signIn("ada@example.com").location().Get("insforge_code")).ok()
	if again.text("user", "id") != user.text("user", "id") {
		t.Error("the same person is another user")
	}
	if back := signIn("unverified:ada@example.com").location(); back.Get("error") == "" {
		t.Errorf("got %v for an address of somebody else, want a refusal", back)
	}
	if back := signIn("nobody:7").location(); back.Get("error") == "" {
		t.Errorf("got %v for somebody without an address, want a refusal", back)
	}
	w.wantUsers(1)

	// A return that was used, and one with parts missing or of another.
	back := op.SignIn(begin(), "ada@example.com")
	q := back.Query()
	missing := func(name string) string {
		cut := back.Query()
		cut.Del(name)
		return "/api/auth/oauth/custom/corp/callback?" + cut.Encode()
	}
	w.do("GET", missing("state"), nil).refused(400, fault.InvalidInput, "state")
	w.do("GET", missing("code"), nil).refused(400, fault.InvalidInput, "code")
	w.do("GET", fmt.Sprintf("/api/auth/oauth/custom/other/callback?%s", q.Encode()), nil).refused(400, fault.InvalidInput, "state")
	if got := w.do("GET", missing("iss"), nil).location().Get("error"); got != "Authentication failed" {
		t.Errorf("without the issuer: got error %q, want a refusal", got)
	}
	w.do("GET", back.RequestURI(), nil).refused(400, fault.InvalidInput, "state")

	w.do("GET", "/api/auth/oauth/custom/nothing"+startQuery(appPage, challengeOf(verifier)), nil).refused(404, fault.AuthOAuthConfigNotFound, "")
	w.do("GET", "/api/auth/oauth/custom/Corp!"+startQuery(appPage, challengeOf(verifier)), nil).refused(400, fault.InvalidInput, "key")
	w.sql(`UPDATE auth.custom_oauth_configs SET discovery_endpoint = 'http://127.0.0.1:1/none'`)
	w.do("GET", "/api/auth/oauth/custom/corp"+startQuery(appPage, challengeOf(verifier)), nil).refused(500, fault.AuthOAuthConfigError, "")
}
