package auth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/auth/oauth/optest"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

const rawNonce = "a nonce of the phone"

// claimsFor are those of a valid token for native sign-in.
func (w *oauthWorld) claimsFor(name oauth.Name, who optest.Person, change func(map[string]any)) map[string]any {
	c := w.fakes.Claims(name, who)
	if name == oauth.Apple {
		digest := sha256.Sum256([]byte(rawNonce))
		c["nonce"] = hex.EncodeToString(digest[:])
	}
	if change != nil {
		change(c)
	}
	return c
}

func (w *oauthWorld) native(body map[string]any) resttest.Answer {
	w.t.Helper()
	return w.do("POST", "/api/auth/id-token?client_type=mobile", body, w.fresh())
}

func TestNativeSignInWithGoogle(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google)
	token := func(change func(map[string]any)) map[string]any {
		return map[string]any{"provider": "google", "token": w.fakes.IDToken(w.claimsFor(oauth.Google, ada, change))}
	}
	a := w.native(token(nil)).OK(200)
	if got, want := a.Names(), "accessToken refreshToken user"; got != want || a.String("user", "email") != "ada@example.com" {
		t.Errorf("got %s, want %s of ada", a.Text, want)
	}
	if web := w.userOf(oauth.Google, ada); web.String("user", "id") != a.String("user", "id") {
		t.Error("the web sign-in is another user")
	}
	web := w.do("POST", "/api/auth/id-token", token(nil), w.fresh()).OK(200)
	if web.Names() != "accessToken csrfToken user" || web.Cookie(userCookie) == nil {
		t.Errorf("got %s, want a session in a cookie", web.Text)
	}
	// Android names the phone's client as the party and the project's as the audience.
	w.native(token(func(c map[string]any) { c["azp"] = "android" })).OK(200)

	for name, change := range map[string]func(map[string]any){
		"another audience": func(c map[string]any) { c["aud"] = "another-client" },
		"another issuer":   func(c map[string]any) { c["iss"] = "https://evil.example" },
		"expired":          func(c map[string]any) { c["exp"] = time.Now().Add(-time.Minute).Unix() },
		"no subject":       func(c map[string]any) { delete(c, "sub") },
		"no address":       func(c map[string]any) { delete(c, "email") },
	} {
		t.Log(name)
		w.native(token(change)).Refused(400, fault.InvalidInput, "")
	}
	good := w.fakes.IDToken(w.claimsFor(oauth.Google, ada, nil))
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	for name, text := range map[string]string{
		"unsigned": none + "." + parts[1] + ".", "no token": "x", "the project's own": a.String("accessToken"),
		"HMAC": optest.Sign(t, jose.HS256, []byte(strings.Repeat("k", 32)), w.fakes.KeyID, w.claimsFor(oauth.Google, ada, nil)),
	} {
		t.Log(name)
		w.native(map[string]any{"provider": "google", "token": text}).Refused(400, fault.InvalidInput, "Google")
	}
	w.native(map[string]any{"provider": "google", "token": w.fakes.IDToken(w.claimsFor(oauth.Google,
		optest.Person{ID: "666", Email: "ada@example.com"}, nil))}).Refused(409, fault.AuthEmailExists, "")
}

func TestNativeSignInWithApple(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Apple)
	w.do("PUT", "/api/auth/oauth/apple/config", map[string]any{"nativeClientIds": []string{"com.example.app"}}, bearer(apiKey)).OK(200)
	body := func(who optest.Person, change func(map[string]any)) map[string]any {
		return map[string]any{"provider": "apple", "token": w.fakes.IDToken(w.claimsFor(oauth.Apple, who, change)), "nonce": rawNonce}
	}
	native := func(c map[string]any) { c["aud"] = "com.example.app" }

	named := body(ada, native)
	named["name"] = " Ada L. "
	a := w.native(named).OK(200)
	if a.String("user", "email") != "ada@example.com" || a.String("user", "profile", "name") != "Ada L." {
		t.Errorf("got %s", a.Text)
	}
	if got := w.native(body(ada, nil)).OK(200).String("user", "id"); got != a.String("user", "id") {
		t.Error("the web client's token is of another user")
	}
	// Later tokens may lack the address.
	w.native(body(optest.Person{ID: ada.ID}, nil)).OK(200)
	plain := w.native(body(optest.Person{ID: "2", Email: "bob@example.com", Verified: true}, nil)).OK(200)
	if got := plain.String("user", "profile", "name"); got != "bob" {
		t.Errorf("got name %q, want the part before the @", got)
	}

	w.native(body(optest.Person{ID: "3"}, nil)).Refused(400, fault.InvalidInput, "address")
	w.native(body(optest.Person{ID: "3", Email: "eve@example.com"}, nil)).Refused(400, fault.InvalidInput, "address")
	for name, change := range map[string]func(map[string]any){
		"another audience": func(c map[string]any) { c["aud"] = "com.evil.app" },
		"another issuer":   func(c map[string]any) { c["iss"] = "https://evil.example" },
		"expired":          func(c map[string]any) { c["exp"] = 1 },
		"the raw nonce":    func(c map[string]any) { c["nonce"] = rawNonce },
		"upper-case nonce": func(c map[string]any) { c["nonce"] = strings.ToUpper(c["nonce"].(string)) },
		"no nonce":         func(c map[string]any) { delete(c, "nonce") },
	} {
		t.Log(name)
		w.native(body(ada, change)).Refused(401, fault.AuthUnauthorized, "Apple")
	}
	other := body(ada, nil)
	other["nonce"] = "another"
	w.native(other).Refused(401, fault.AuthUnauthorized, "Apple")
}

func TestBodiesOfNativeSignInsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	for name, body := range map[string]map[string]any{
		"nothing": {}, "no provider": {"token": "x"}, "another provider": {"provider": "github", "token": "x"}, "null": {"provider": nil},
		"no token": {"provider": "google"}, "an empty token": {"provider": "google", "token": ""}, "no nonce": {"provider": "apple", "token": "x"},
		"an empty nonce": {"provider": "apple", "token": "x", "nonce": ""}, "a blank nonce": {"provider": "apple", "token": "x", "nonce": "  "},
		"a long nonce": {"provider": "apple", "token": "x", "nonce": strings.Repeat("x", 256)},
		"an extra key": {"provider": "apple", "token": "x", "nonce": "x", "audience": "evil"},
		"types":        {"provider": "google", "token": 1},
	} {
		t.Log(name)
		w.native(body).Refused(400, fault.InvalidInput, "")
	}
	w.native(map[string]any{"provider": "apple", "token": "x", "nonce": "x", "audience": "evil"}).
		Refused(400, fault.InvalidInput, "Unrecognized key(s) in object: 'audience'")
	w.native(map[string]any{"provider": "google", "token": "x"}).Refused(400, fault.InvalidInput, "not configured")
	w.native(map[string]any{"provider": "apple", "token": "x", "nonce": "x"}).Refused(401, fault.AuthUnauthorized, "")
}

func TestNativeSignInsAreLimitedBeforeTheTokenIsLookedAt(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	client := w.fresh()
	for range 30 {
		if a := w.do("POST", "/api/auth/id-token", map[string]any{}, client); a.Status != 400 {
			t.Fatalf("got %d, want 400", a.Status)
		}
	}
	w.do("POST", "/api/auth/id-token", map[string]any{}, client).Refused(429, fault.TooManyRequests, "")
	w.do("POST", "/api/auth/id-token", map[string]any{}, w.fresh()).Refused(400, fault.InvalidInput, "")
	w.clock.Advance(15 * time.Minute)
	w.do("POST", "/api/auth/id-token", map[string]any{}, client).Refused(400, fault.InvalidInput, "")
}

func TestUnreachableProvidersAreDistinguishedFromBadTokens(t *testing.T) {
	t.Parallel()
	w := newOAuthWorld(t)
	w.configure(oauth.Google)
	w.fakes.Break()
	w.native(map[string]any{"provider": "google", "token": w.fakes.IDToken(w.claimsFor(oauth.Google, ada, nil))}).
		Refused(502, fault.UpstreamFailure, "")
}
