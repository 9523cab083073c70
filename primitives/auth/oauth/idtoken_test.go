package oauth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/insforge/insforge-go/primitives/auth/oauth"
	"github.com/insforge/insforge-go/primitives/auth/oauth/optest"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

func TestInvalidIDTokensAreRefused(t *testing.T) {
	t.Parallel()
	f := optest.NewFakes(t)
	rp := party(t, false)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&f.Key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	claims := func(change func(map[string]any)) map[string]any {
		c := f.Claims(oauth.Google, optest.Person{ID: "g1", Email: "ada@example.com", Verified: true})
		c["nonce"] = "the-nonce"
		if change != nil {
			change(c)
		}
		return c
	}
	set := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) { c[name] = value }
	}
	good := f.IDToken(claims(nil))
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	past, future := time.Now().Add(-time.Minute).Unix(), time.Now().Add(time.Hour).Unix()

	want := oauth.Expected{Audiences: []string{optest.ClientID}, Nonce: "the-nonce", Party: true}
	verify := func(token string) error {
		_, err := rp.IDToken(t.Context(), f.Provider(oauth.Google), token, want)
		return err
	}
	if err := verify(good); err != nil {
		t.Fatalf("a good token: %v", err)
	}
	for name, token := range map[string]string{
		"empty":                       "",
		"no token":                    "a.b.c",
		"unsigned":                    none + "." + parts[1] + ".",
		"unsigned, signature kept":    none + "." + parts[1] + "." + parts[2],
		"signature cut off":           parts[0] + "." + parts[1] + ".",
		"claims replaced":             parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"evil"}`)) + "." + parts[2],
		"HMAC with the public key":    optest.Sign(t, jose.HS256, publicPEM, f.KeyID, claims(nil)),
		"HMAC with the client secret": optest.Sign(t, jose.HS256, []byte(optest.ClientSecret+strings.Repeat("x", 32)), f.KeyID, claims(nil)),
		"another key by its name":     optest.Sign(t, jose.RS256, other, f.KeyID, claims(nil)),
		"another key":                 optest.Sign(t, jose.RS256, other, "another", claims(nil)),
		"another key without a name":  optest.Sign(t, jose.RS256, other, "", claims(nil)),
		"another algorithm":           optest.Sign(t, jose.ES256, curve, f.KeyID, claims(nil)),
		"an algorithm not agreed on":  optest.Sign(t, jose.PS512, f.Key, f.KeyID, claims(nil)),
		"another issuer":              f.IDToken(claims(set("iss", "https://accounts.google.com.evil.example"))),
		"an issuer with a slash":      f.IDToken(claims(set("iss", f.Provider(oauth.Google).Issuer+"/"))),
		"another audience":            f.IDToken(claims(set("aud", "another-client"))),
		"no audience":                 f.IDToken(claims(func(c map[string]any) { delete(c, "aud") })),
		"an empty audience":           f.IDToken(claims(set("aud", ""))),
		"several audiences":           f.IDToken(claims(set("aud", []string{optest.ClientID, "another-client"}))),
		"another party":               f.IDToken(claims(set("azp", "another-client"))),
		"expired":                     f.IDToken(claims(set("exp", past))),
		"no expiry":                   f.IDToken(claims(func(c map[string]any) { delete(c, "exp") })),
		"not yet valid":               f.IDToken(claims(set("nbf", future))),
		"another nonce":               f.IDToken(claims(set("nonce", "another"))),
		"no nonce":                    f.IDToken(claims(func(c map[string]any) { delete(c, "nonce") })),
		"no subject":                  f.IDToken(claims(set("sub", ""))),
		"a long subject":              f.IDToken(claims(set("sub", strings.Repeat("x", 256)))),
		"a long token":                f.IDToken(claims(set("x", strings.Repeat("x", 64<<10)))),
		"claims from elsewhere":       f.IDToken(claims(func(c map[string]any) { c["_claim_names"] = map[string]any{"email": "src"} })),
		"JSON serialisation":          `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
	} {
		if err := verify(token); err == nil {
			t.Errorf("%s: got no error, want a refusal", name)
		}
	}
	if got := f.Fetched("/google/jwks"); got != 1 {
		t.Errorf("the keys were fetched %d times, want once: bad tokens must not make us ask again and again", got)
	}
}

func TestAnIDTokenIsBoundToItsAccessToken(t *testing.T) {
	t.Parallel()
	f := optest.NewFakes(t)
	f.Change = func(c map[string]any) { c["at_hash"] = "bm90IHRoZSBoYXNoIA" }
	if _, err := signIn(t, f, party(t, false), oauth.Google, optest.Person{ID: "g1"}); err == nil {
		t.Error("got no error for an at_hash of another access token, want a refusal")
	}
}

func TestKeysAreFetchedAgainWhenTheIssuerRotatesThem(t *testing.T) {
	t.Parallel()
	f := optest.NewFakes(t)
	c := resttest.NewClock(time.Now())
	rp, err := oauth.New(oauth.Config{Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	verify := func() error {
		claims := f.Claims(oauth.Apple, optest.Person{ID: "a1"})
		claims["exp"] = c.Now().Add(time.Hour).Unix()
		_, err := rp.IDToken(t.Context(), f.Provider(oauth.Apple), f.IDToken(claims), oauth.Expected{Audiences: []string{optest.ClientID}})
		return err
	}
	step := func(what string, good bool, fetched int) {
		t.Helper()
		if err := verify(); (err == nil) != good {
			t.Errorf("%s: got %v, want good %v", what, err, good)
		}
		if got := f.Fetched("/apple/jwks"); got != fetched {
			t.Errorf("%s: got %d fetches, want %d", what, got, fetched)
		}
	}
	step("first", true, 1)
	c.Advance(30 * time.Minute)
	step("within the hour", true, 1)
	f.Rotate()
	step("a new key, and the old ones are not fresh", true, 2)
	f.Rotate()
	step("a new key, asked a moment ago", false, 2)
	c.Advance(time.Minute)
	step("a new key, asked a minute ago", true, 3)
	c.Advance(time.Hour)
	step("after an hour", true, 4)
}

func TestAnUnreachableIssuerIsDistinguishedFromABadToken(t *testing.T) {
	t.Parallel()
	f := optest.NewFakes(t)
	down := httptest.NewServer(http.NotFoundHandler())
	defer down.Close()
	p := f.Provider(oauth.Google)
	p.JWKS = down.URL
	token := f.IDToken(f.Claims(oauth.Google, optest.Person{ID: "g1"}))
	_, err := party(t, false).IDToken(context.Background(), p, token, oauth.Expected{Audiences: []string{optest.ClientID}})
	if !errors.Is(err, oauth.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}
