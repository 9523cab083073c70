package oauth_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/auth/oauth/optest"
)

func party(t testing.TB, allowPrivate bool) *oauth.RelyingParty {
	t.Helper()
	rp, err := oauth.New(oauth.Config{AllowPrivate: allowPrivate, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return rp
}

const callback = "http://127.0.0.1:7130/api/auth/oauth/callback"

func attempt() oauth.Attempt {
	return oauth.Attempt{State: "the-state", Nonce: "the-nonce", Verifier: strings.Repeat("verifier", 6)}
}

func registration(f *optest.Fakes, name oauth.Name) oauth.Registration {
	r := oauth.Registration{ClientID: optest.ClientID, ClientSecret: optest.ClientSecret, CallbackURL: callback}
	if name == oauth.Apple {
		r.ClientSecret = f.AppleSecret()
	}
	return r
}

// signIn goes through a whole sign-in at a fake.
func signIn(t testing.TB, f *optest.Fakes, rp *oauth.RelyingParty, name oauth.Name, who optest.Person) (oauth.Account, error) {
	t.Helper()
	p, r := f.Provider(name), registration(f, name)
	address, err := rp.AuthURL(p, r, attempt(), nil)
	if err != nil {
		t.Fatal(err)
	}
	back := f.Authorize(name, address, who)
	if back.Get("state") != attempt().State {
		t.Errorf("got state %q back, want the attempt's", back.Get("state"))
	}
	return rp.Account(t.Context(), p, r, attempt(), oauth.Callback{
		Code: back.Get("code"), User: `{"name":{"firstName":"Ada","lastName":"Lovelace"},"email":"evil@example.com"}`,
	})
}

func TestEveryProviderIdentifiesTheUser(t *testing.T) {
	t.Parallel()
	const avatar = "https://cdn.example.com/a.png"
	for _, tt := range []struct {
		name string
		at   oauth.Name
		who  optest.Person
		want oauth.Account
	}{
		{"google", oauth.Google, optest.Person{ID: "g1", Email: "Ada@Example.com", Verified: true, Name: "Ada", Avatar: avatar},
			oauth.Account{ID: "g1", Email: "ada@example.com", EmailVerified: true, Name: "Ada", AvatarURL: avatar}},
		{"google, address not verified", oauth.Google, optest.Person{ID: "g1", Email: "ada@example.com"},
			oauth.Account{ID: "g1", Email: "ada@example.com"}},
		{"linkedin", oauth.LinkedIn, optest.Person{ID: "l1", Email: "ada@example.com", Verified: true, Name: "Ada", Avatar: avatar},
			oauth.Account{ID: "l1", Email: "ada@example.com", EmailVerified: true, Name: "Ada", AvatarURL: avatar}},
		{"apple sends the name through the browser and the address in the token", oauth.Apple, optest.Person{ID: "a1", Email: "ada@privaterelay.appleid.com", Verified: true},
			oauth.Account{ID: "a1", Email: "ada@privaterelay.appleid.com", EmailVerified: true, Name: "Ada Lovelace"}},
		{"github", oauth.GitHub, optest.Person{ID: "583231", Username: "Ada-L", Email: "ada@example.com", Verified: true, Name: "Ada", Avatar: avatar},
			oauth.Account{ID: "583231", Email: "ada@example.com", EmailVerified: true, Name: "Ada", Username: "Ada-L", AvatarURL: avatar,
				Placeholders: []string{"ada-l@users.noreply.github.com", "583231@users.noreply.github.com"}}},
		{"github without a primary address", oauth.GitHub, optest.Person{ID: "583231", Username: "ada"},
			oauth.Account{ID: "583231", Name: "ada", Username: "ada",
				Placeholders: []string{"ada@users.noreply.github.com", "583231@users.noreply.github.com"}}},
		{"discord", oauth.Discord, optest.Person{ID: "80351110224678912", Username: "ada", Name: "Ada", Email: "ada@example.com", Verified: true, Avatar: "8342"},
			oauth.Account{ID: "80351110224678912", Email: "ada@example.com", EmailVerified: true, Name: "Ada", Username: "ada",
				AvatarURL:    "https://cdn.discordapp.com/avatars/80351110224678912/8342.png",
				Placeholders: []string{"80351110224678912@users.noreply.discord.local"}}},
		{"discord, address not verified", oauth.Discord, optest.Person{ID: "8", Username: "ada", Email: "ada@example.com"},
			oauth.Account{ID: "8", Email: "ada@example.com", Name: "ada", Username: "ada",
				Placeholders: []string{"8@users.noreply.discord.local"}}},
		{"facebook", oauth.Facebook, optest.Person{ID: "f1", Name: "Ada", Email: "ada@example.com", Avatar: avatar},
			oauth.Account{ID: "f1", Email: "ada@example.com", EmailVerified: true, Name: "Ada", AvatarURL: avatar,
				Placeholders: []string{"f1@users.noreply.facebook.local"}}},
		{"facebook without an address", oauth.Facebook, optest.Person{ID: "f1", Name: "Ada"},
			oauth.Account{ID: "f1", Name: "Ada", Placeholders: []string{"f1@users.noreply.facebook.local"}}},
		{"microsoft, where the address is the sign-in name", oauth.Microsoft, optest.Person{ID: "m1", Name: "Ada", Email: "Ada@corp.example", Principal: "ada@corp.example"},
			oauth.Account{ID: "m1", Email: "ada@corp.example", EmailVerified: true, Name: "Ada", Placeholders: []string{"m1@users.noreply.microsoft.com"}}},
		{"microsoft, where an administrator wrote any address", oauth.Microsoft, optest.Person{ID: "m1", Name: "Ada", Email: "victim@example.com", Principal: "ada@evil.onmicrosoft.com"},
			oauth.Account{ID: "m1", Email: "victim@example.com", Name: "Ada", Placeholders: []string{"m1@users.noreply.microsoft.com"}}},
		{"microsoft without mail", oauth.Microsoft, optest.Person{ID: "m1", Name: "Ada", Principal: "ada@corp.example"},
			oauth.Account{ID: "m1", Email: "ada@corp.example", EmailVerified: true, Name: "Ada", Placeholders: []string{"m1@users.noreply.microsoft.com"}}},
		{"a guest at microsoft", oauth.Microsoft, optest.Person{ID: "m1", Name: "Ada", Principal: "ada_example.com#EXT#@corp.onmicrosoft.com"},
			oauth.Account{ID: "m1", Name: "Ada", Placeholders: []string{"m1@users.noreply.microsoft.com"}}},
		{"x", oauth.X, optest.Person{ID: "2244994945", Username: "Ada_L", Name: "Ada", Avatar: avatar},
			oauth.Account{ID: "2244994945", Name: "Ada", Username: "Ada_L", AvatarURL: avatar,
				Placeholders: []string{"ada_l@users.noreply.x.local", "2244994945@users.noreply.x.local"}}},
		{"an address whose lower case is someone else's", oauth.Google, optest.Person{ID: "g1", Email: "\u212Aate@example.com", Verified: true},
			oauth.Account{ID: "g1"}},
		{"unusable texts", oauth.Google, optest.Person{ID: "g1", Email: "a b@example.com", Verified: true, Name: "  A\x00d\na " + strings.Repeat("é", 300), Avatar: "javascript:alert(1)"},
			oauth.Account{ID: "g1", Name: "Ada " + strings.Repeat("é", 196)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := optest.NewFakes(t)
			got, err := signIn(t, f, party(t, false), tt.at, tt.who)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestARealOpenIDProviderIdentifiesTheUser(t *testing.T) {
	t.Parallel()
	op := optest.Start(t, optest.Client{ID: optest.ClientID, Secret: optest.ClientSecret, RedirectURIs: []string{callback}})
	rp := party(t, true)
	p, err := rp.Discover(t.Context(), "corp", "Corp", op.DiscoveryURL())
	if err != nil {
		t.Fatal(err)
	}
	r := oauth.Registration{ClientID: optest.ClientID, ClientSecret: optest.ClientSecret, CallbackURL: callback}
	for _, tt := range []struct {
		login string
		want  oauth.Account
	}{
		{"ada@example.com", oauth.Account{ID: "ada@example.com", Email: "ada@example.com", EmailVerified: true,
			Name: "Person ada@example.com", Username: "ada@example.com", AvatarURL: "https://example.com/p.png"}},
		{"unverified:bob@example.com", oauth.Account{ID: "unverified:bob@example.com", Email: "bob@example.com",
			Name: "Person bob@example.com", Username: "bob@example.com", AvatarURL: "https://example.com/p.png"}},
		{"nobody:7", oauth.Account{ID: "nobody:7", Name: "Person 7", Username: "7", AvatarURL: "https://example.com/p.png"}},
	} {
		address, err := rp.AuthURL(p, r, attempt(), nil)
		if err != nil {
			t.Fatal(err)
		}
		back := op.SignIn(address, tt.login).Query()
		if back.Get("state") != attempt().State || back.Get("iss") != op.Issuer {
			t.Fatalf("got back %v, want the state and the issuer", back)
		}
		cb := oauth.Callback{Code: back.Get("code"), Issuer: back.Get("iss")}
		got, err := rp.Account(t.Context(), p, r, attempt(), cb)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.login, diff)
		}
		if _, err := rp.Account(t.Context(), p, r, attempt(), cb); err == nil {
			t.Error("a code was exchanged twice")
		}
	}
	code := func() string {
		address, err := rp.AuthURL(p, r, attempt(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return op.SignIn(address, "ada@example.com").Query().Get("code")
	}
	wrong := attempt()
	wrong.Verifier = strings.Repeat("x", 43)
	if _, err := rp.Account(t.Context(), p, r, wrong, oauth.Callback{Code: code(), Issuer: op.Issuer}); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("another verifier: got %v, want invalid_grant", err)
	}
	wrong = attempt()
	wrong.Nonce = "another"
	if _, err := rp.Account(t.Context(), p, r, wrong, oauth.Callback{Code: code(), Issuer: op.Issuer}); err == nil || !strings.Contains(err.Error(), "nonce") {
		t.Errorf("another nonce: got %v, want a refusal", err)
	}
	for name, issuer := range map[string]string{"no issuer": "", "another issuer": "https://evil.example"} {
		if _, err := rp.Account(t.Context(), p, r, attempt(), oauth.Callback{Code: code(), Issuer: issuer}); err == nil || !strings.Contains(err.Error(), "issuer") {
			t.Errorf("%s in the callback: got %v, want a refusal", name, err)
		}
	}
}

func TestParametersOfTheApplicationArePassedOnButNeverReplaceTheServers(t *testing.T) {
	t.Parallel()
	f := optest.NewFakes(t)
	address, err := party(t, false).AuthURL(f.Provider(oauth.Google), registration(f, oauth.Google), attempt(), map[string]string{
		"prompt": "select_account", "login_hint": "ada@example.com", "hd": "a&b=c",
		"client_id": "evil", "redirect_uri": "https://evil.example", "state": "evil", "nonce": "evil", "scope": "everything",
		"response_type": "token", "response_mode": "query", "code_challenge": "evil", "code_challenge_method": "plain",
		"access_type": "online", "request": "evil", "request_uri": "https://evil.example", "REQUEST": "evil",
	})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	got := u.Query()
	got.Del("code_challenge")
	want := url.Values{
		"prompt": {"select_account"}, "login_hint": {"ada@example.com"}, "hd": {"a&b=c"}, "client_id": {optest.ClientID},
		"redirect_uri": {callback}, "state": {"the-state"}, "nonce": {"the-nonce"}, "scope": {"openid email profile"},
		"response_type": {"code"}, "code_challenge_method": {"S256"}, "access_type": {"offline"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if strings.Contains(address, attempt().Verifier) {
		t.Error("the browser is shown the code verifier")
	}
}

func TestErrorsOfAProviderAreNotRepeated(t *testing.T) {
	t.Parallel()
	f := optest.NewFakes(t)
	for _, name := range []oauth.Name{oauth.Google, oauth.GitHub, oauth.X, oauth.Apple} {
		r := registration(f, name)
		_, err := party(t, false).Account(t.Context(), f.Provider(name), r, attempt(), oauth.Callback{Code: "made-up-code"})
		if err == nil || !strings.Contains(err.Error(), "invalid_grant") {
			t.Errorf("%s: got %v, want invalid_grant", name, err)
			continue
		}
		for _, secret := range []string{r.ClientSecret, "made-up-code", "the-description", attempt().Verifier} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error repeats %q", name, secret)
			}
		}
	}
}

func TestAppleRequiresAKeyAsSecret(t *testing.T) {
	t.Parallel()
	if err := oauth.Apple.CheckSecret(optest.NewFakes(t).AppleSecret()); err != nil {
		t.Errorf("got %v for a key, want none", err)
	}
	for name, secret := range map[string]string{
		"text": "very-secret", "no object": "[]", "no team": `{"keyId":"k","privateKey":"very-secret"}`,
		"no PEM":     `{"teamId":"t","keyId":"k","privateKey":"very-secret"}`,
		"no PKCS #8": `{"teamId":"t","keyId":"k","privateKey":"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}`,
	} {
		if err := oauth.Apple.CheckSecret(secret); err == nil || strings.Contains(err.Error(), "very-secret") {
			t.Errorf("%s: got %v, want a refusal that repeats nothing", name, err)
		}
	}
	if err := oauth.Google.CheckSecret("any"); err != nil {
		t.Error(err)
	}
}
