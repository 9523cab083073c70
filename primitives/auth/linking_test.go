package auth_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/auth/oauth/optest"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

// userOf signs in and returns the user.
func (w *oauthWorld) userOf(name oauth.Name, who optest.Person) resttest.Answer {
	w.t.Helper()
	back := w.signInAt(name, who)
	if back.Get("insforge_code") == "" {
		w.t.Fatalf("got %v, want a code", back)
	}
	return w.exchange(back.Get("insforge_code")).OK(200)
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
	id := w.userOf(oauth.Google, ada).String("user", "id")
	for _, name := range names {
		if got := w.userOf(name, ada).String("user", "id"); got != id {
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

// Someone signs up with a victim's address, and waits for the victim to sign
// in with a provider.
func TestAnUnverifiedAccountLosesItsWaysToSignInWhenLinked(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google, oauth.Microsoft)
	attacker := w.signUp("ada@example.com")

	victim := w.userOf(oauth.Google, ada)
	if victim.String("user", "id") != attacker.id || resttest.JSON(victim.At("user", "providers")) != `["google"]` {
		t.Fatalf("got %s, want the account, with Google as the only way in", victim.Text)
	}
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "ada@example.com", "password": password}).Refused(401, fault.AuthUnauthorized, "")
	w.do("POST", "/api/auth/refresh", nil, attacker.cookie(), attacker.header()).Refused(401, fault.AuthUnauthorized, "")
	w.do("GET", "/api/auth/sessions/current", nil, bearer(attacker.access)).Refused(401, fault.AuthUnauthorized, "")

	// The same with a provider that accepts any address.
	mallory := optest.Person{ID: "666", Email: "bob@example.com", Principal: "mallory@evil.onmicrosoft.com"}
	first := w.userOf(oauth.Microsoft, mallory)
	if first.At("user", "emailVerified") != false {
		t.Error("an address that nobody vouches for counts as verified")
	}
	pending := w.signInAt(oauth.Microsoft, mallory).Get("insforge_code")
	bob := w.userOf(oauth.Google, optest.Person{ID: "2002", Email: "bob@example.com", Verified: true})
	if bob.String("user", "id") != first.String("user", "id") {
		t.Fatal("got another user, want the account")
	}
	w.exchange(pending).Refused(400, invalid, "Invalid or expired code")
	w.do("GET", "/api/auth/sessions/current", nil, bearer(first.String("accessToken"))).Refused(401, fault.AuthUnauthorized, "")
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
		w.post("reset-password", map[string]any{"newPassword": newPassword, "otp": w.resetToken(email)}).OK(200)
	}

	w.do("GET", "/api/auth/sessions/current", nil, bearer(first.String("accessToken"))).Refused(401, fault.AuthUnauthorized, "")
	w.exchange(pending).Refused(400, invalid, "Invalid or expired code")
	if back := w.signInAt(oauth.Microsoft, mallory); back.Get("insforge_code") != "" {
		t.Error("the attacker's account still signs in")
	}
	for email, want := range map[string]string{
		"bob@example.com": `["email"]`,
		"ada@example.com": `["google","email"]`, // Google vouches for it
	} {
		a := w.do("POST", "/api/auth/sessions", map[string]any{"email": email, "password": newPassword}).OK(200)
		if got := resttest.JSON(a.At("user", "providers")); got != want {
			t.Errorf("%s: got providers %s, want %s", email, got, want)
		}
	}
	if got := w.userOf(oauth.Google, ada).String("user", "email"); got != "ada@example.com" {
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
	a := w.do("POST", "/api/auth/sessions", map[string]any{"email": "ada@example.com", "password": password}).OK(200)
	if got := resttest.JSON(a.At("user", "providers")); got != `["google","email"]` {
		t.Errorf("got providers %s", got)
	}
}

func TestMadeUpAddressesLinkNothing(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.X, oauth.GitHub, oauth.Google)
	first := w.userOf(oauth.X, optest.Person{ID: "1", Username: "handle"})
	// The handle passes to someone else.
	second := w.userOf(oauth.X, optest.Person{ID: "2", Username: "handle"})
	if first.String("user", "id") == second.String("user", "id") {
		t.Error("two people with one handle are one user")
	}
	if got := second.String("user", "email"); got != "2@users.noreply.x.local" {
		t.Errorf("got address %s, want one by the id", got)
	}
	// Others claim such an address.
	claimed := w.signInAt(oauth.Google, optest.Person{ID: "g", Email: "handle@users.noreply.x.local", Verified: true})
	if claimed.Get("insforge_code") != "" || claimed.Get("error") == "" {
		t.Errorf("got %v for a made-up address, want a refusal", claimed)
	}
	w.signUp("ada@users.noreply.github.com")
	third := w.userOf(oauth.GitHub, optest.Person{ID: "583231", Username: "ada"})
	if got := third.String("user", "email"); got != "583231@users.noreply.github.com" {
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
	if a := w.userOf(oauth.Discord, known); a.At("user", "emailVerified") != true {
		t.Errorf("got %s, want a verified user", a.Text)
	}
	w.userOf(oauth.Discord, optest.Person{ID: "3", Username: "nobody"}) // nothing to verify
}

func TestProfilesThatUsersChangedAreNotOverwritten(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google)
	a := w.userOf(oauth.Google, ada)
	w.do("PATCH", "/api/auth/profiles/current", map[string]any{"profile": map[string]any{"name": "Countess"}}, bearer(a.String("accessToken"))).OK(200)
	if got := w.userOf(oauth.Google, ada).String("user", "profile", "name"); got != "Countess" {
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
		group.Go(func() { ids[i] = w.userOf(names[i%len(names)], ada).String("user", "id") })
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
	}, bearer(apiKey)).OK(200)

	begin := func() string {
		return w.do("GET", "/api/auth/oauth/custom/corp"+startQuery(appPage, challengeOf(verifier)), nil).OK(200).String("authUrl")
	}
	signIn := func(login string) resttest.Answer {
		t.Helper()
		back := op.SignIn(begin(), login)
		if back.Scheme+"://"+back.Host+back.Path != callback {
			t.Fatalf("the provider sends the browser to %s", back)
		}
		return w.do("GET", back.RequestURI(), nil)
	}
	user := w.exchange(w.location(signIn("ada@example.com")).Get("insforge_code")).OK(200)
	if got := resttest.JSON(user.At("user", "providers")); got != `["corp"]` || user.String("user", "email") != "ada@example.com" ||
		user.String("user", "profile", "avatar_url") != "https://example.com/p.png" {
		t.Errorf("got user %s", user.Text)
	}
	again := w.exchange(w.location(signIn("ada@example.com")).Get("insforge_code")).OK(200)
	if again.String("user", "id") != user.String("user", "id") {
		t.Error("the same person is another user")
	}
	if back := w.location(signIn("unverified:ada@example.com")); back.Get("error") == "" {
		t.Errorf("got %v for an address of somebody else, want a refusal", back)
	}
	if back := w.location(signIn("nobody:7")); back.Get("error") == "" {
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
	w.do("GET", missing("state"), nil).Refused(400, fault.InvalidInput, "state")
	w.do("GET", missing("code"), nil).Refused(400, fault.InvalidInput, "code")
	w.do("GET", fmt.Sprintf("/api/auth/oauth/custom/other/callback?%s", q.Encode()), nil).Refused(400, fault.InvalidInput, "state")
	if got := w.location(w.do("GET", missing("iss"), nil)).Get("error"); got != "Authentication failed" {
		t.Errorf("without the issuer: got error %q, want a refusal", got)
	}
	w.do("GET", back.RequestURI(), nil).Refused(400, fault.InvalidInput, "state")

	w.do("GET", "/api/auth/oauth/custom/nothing"+startQuery(appPage, challengeOf(verifier)), nil).Refused(404, fault.AuthOAuthConfigNotFound, "")
	w.do("GET", "/api/auth/oauth/custom/Corp!"+startQuery(appPage, challengeOf(verifier)), nil).Refused(400, fault.InvalidInput, "key")
	w.sql(`UPDATE auth.custom_oauth_configs SET discovery_endpoint = 'http://127.0.0.1:1/none'`)
	w.do("GET", "/api/auth/oauth/custom/corp"+startQuery(appPage, challengeOf(verifier)), nil).Refused(500, fault.AuthOAuthConfigError, "")
}
